import { expect } from 'chai';
import { ChatClient, type ConnectionChange } from '../../../src/client/index.ts';
import { allRoutes } from '../../../src/http/routes/index.ts';
import { type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';
import { unusedServices } from '../../support/nodes/unused-services.ts';

/** Each operation of the API with the client's method for it. A new route needs a method, or a reason below. */
const METHODS: Record<string, (client: ChatClient, url: string) => Promise<unknown>> = {
  'GET /health': (client) => client.status(),
  'POST /fall': (client, url) => client.operations.fall(url),
  'POST /revive': (client, url) => client.operations.revive(url),
  'POST /switchover': (client) => client.operations.switchover('node-b'),
  'POST /pause': (client, url) => client.operations.pause(url, { minutes: 5, reason: 'new disk' }),
  'POST /resume': (client, url) => client.operations.resume(url),
  'POST /log-level': (client, url) => client.operations.setLogLevel(url, 'debug'),
  'GET /cluster': (client) => client.cluster(),
  'GET /cluster/timeline': (client) => client.operations.timeline(),
  'GET /cluster/activity': (client) => client.operations.activity(),
  'GET /cluster/blocking': (client) => client.operations.blocking(),
  'POST /register': (client) => client.register('ana', 'a long password'),
  'POST /login': (client) => client.login('ana', 'a password'),
  'POST /logout': (client) => client.logout(),
  'DELETE /tokens': (client) => client.account.endAllSessions(),
  'GET /me': (client) => client.account.get(),
  'PATCH /me': (client) => client.account.rename('ana'),
  'POST /password': (client) => client.account.changePassword('old', 'a new password'),
  'GET /sessions': (client) => client.account.sessions(),
  'DELETE /sessions': (client) => client.account.endSession('0'.repeat(24)),
  'POST /delete-account': (client) => client.account.delete({ messages: 'erase' }),
  'GET /users': (client) => client.users('a', { limit: 3 }),
  'GET /chats': (client) => client.chats(),
  'GET /sync': (client) => client.sync(),
  'POST /create-chat': (client) => client.createChat('Team', ['bruno']),
  'POST /direct': (client) => client.openDirect(2),
  'GET /group-users': (client) => client.members(1),
  'GET /group-events': (client) => client.groups.events(1, { before: `${'0'.repeat(12)}-1`, limit: 3 }),
  'POST /group-users': (client) => client.join(1),
  'PATCH /group-users': (client) => client.groups.setRole(1, 2, 'admin'),
  'DELETE /group-users': (client) => client.leave(1),
  'GET /groups': (client) => client.groups.awaited(),
  'PATCH /groups': (client) => client.groups.change(1, { name: 'Team', archived: false, showsReads: true }),
  'DELETE /groups': (client) => client.groups.delete(1),
  'GET /invitations': (client) => client.groups.invitations(1),
  'POST /invitations/check': (client) => client.groups.checkInvitation('token'),
  'POST /invitations': (client) => client.groups.invite(1, { hours: 2 }),
  'DELETE /invitations': (client) => client.groups.revokeInvitations(1),
  'POST /invitations/accept': (client) => client.groups.accept('token'),
  'GET /user/:id/groups': (client) => client.groups.names(),
  'POST /user/:id/groups': (client) => client.groups.replaceNames(['Team']),
  'POST /user/:id/groups/:group': (client) => client.joinNamed('A/B'),
  'DELETE /user/:id/groups/:group': (client) => client.groups.leaveNamed('A/B'),
  'GET /hooks': (client) => client.groups.hooks(1),
  'POST /hooks': (client) => client.groups.createHook(1, 'Backup'),
  'DELETE /hooks': (client) => client.groups.revokeHook(1),
  'POST /hooks/:hookToken': (client) => client.groups.postToHook('token', 'done'),
  'GET /search': (client) => client.search('bom dia', { groupId: 1, before: 9 }),
  'GET /messages': (client) => client.messages(1, { around: 5 }),
  'POST /messages': (client) => client.send(1, 'hello', { replyTo: 1, meta: { a: 1 } }),
  'PATCH /messages': (client) => client.editMessage(1, 'hello'),
  'DELETE /messages': (client) => client.deleteMessage(1),
  'POST /reactions': (client) => client.react(1, '👍'),
  'DELETE /reactions': (client) => client.unreact(1, '👍'),
  'GET /read': (client) => client.reads(1),
  'POST /read': (client) => client.markRead(1, 2),
  'POST /typing': (client) => client.typing(1),
  'GET /presence': (client) => client.presence(1),
  'POST /notify/:group': (client) => client.notify('Team', { a: 1 }),
  'GET /subscribe/user': (client) => client.events({ cursor: 'e-1' }).next(),
  'GET /subscribe/status': (client) => client.groupEvents(1, { cursor: 'e-1' }).next(),
};

/** Operations without a method, with the reason. */
const WITHOUT: Record<string, string> = {
  'GET /': 'a page for people',
  'GET /liveness': 'a check for load balancers',
  'GET /readiness': 'a check for load balancers',
  'GET /primary': 'a check for load balancers',
  'GET /replica': 'a check for load balancers',
  'GET /metrics': 'for Prometheus',
  'GET /events': 'events() reads the same log by polls, which fail over',
  'GET /home': 'a page for people',
  'GET /manifest.webmanifest': 'a part of the page',
  'GET /service-worker.js': 'a part of the page',
  'GET /docs': 'a page for people',
  'GET /openapi.json': 'for generators',
};

const routes = allRoutes(unusedServices());
const keyOf = ({ method, path }: { method: string; path: string }) => `${method.toUpperCase()} ${path}`;
const isPage = ({ path }: { path: string }) => path.startsWith('/assets') || path.startsWith('/docs.');

describe('The client library', () => {
  let node: FakeNode;
  const event = { cursor: 'e-2', kind: 'broadcast', at: '', payload: null };
  const body = {
    ...{
      status: 'alive',
      active: true,
      user_id: 1,
      username: 'ana',
      token: 't',
      id: 1,
      cursor: 'e-2',
      message: 'done',
    },
    ...{
      events: [event],
      chats: [],
      users: [],
      sessions: [],
      groups: [],
      messages: [],
      nodes: [],
      active_groups: [],
      terms: [],
      blocking: [],
      hooks: [],
      invitations: [],
      group_name: 'Team',
      reads: [],
    },
    ...{ group_id: 1, message_id: 1, count: 1, revoked: 0, last_read_id: 2, online_users: [] },
  };

  beforeEach(async () => {
    node = await startFakeNode((_, response) => json(response, 200, body));
  });
  afterEach(() => node.close());

  it('has a method for every route, or a reason why not', () => {
    const all = routes.filter((one) => !isPage(one)).map(keyOf);
    expect([...Object.keys(METHODS), ...Object.keys(WITHOUT)].sort()).to.deep.equal(all.sort());
  });

  for (const [key, call] of Object.entries(METHODS)) {
    it(`sends what ${key} accepts`, async () => {
      const uses: string[] = [];
      const onConnection = ({ use, state }: ConnectionChange) => state === 'connected' && uses.push(use);
      const urls = [node.url, 'http://127.0.0.1:9'];
      const client = new ChatClient({ urls, userId: 1, token: 't', onConnection });
      await call(client, node.url);
      const route = routes.find((one) => keyOf(one) === key);
      const pattern = new RegExp(`^${key.replace(/:\w+/g, '[^/]+')}$`);
      const heard = node.heard.find(({ method, path }) => pattern.test(`${method} ${path}`));
      expect(heard, JSON.stringify(node.heard.map(({ method, path }) => `${method} ${path}`))).to.not.equal(undefined);
      const names = (route?.path.match(/:\w+/g) ?? []).map((name) => name.slice(1));
      const values = (heard?.path.split('/') ?? []).filter((_, at) => route?.path.split('/')[at]?.startsWith(':'));
      const inPath = Object.fromEntries(names.map((name, at) => [name, decodeURIComponent(values[at] ?? '')]));
      const input = { ...Object.fromEntries(heard?.query ?? []), ...heard?.body, ...inPath };
      expect(route?.input.safeParse(input).error?.issues ?? []).to.deep.equal([]);
      // A route that every node serves needs no wait for an active one. A request to a node that the caller names has no use.
      const use = route?.servedBy === 'active node' ? 'write' : 'read';
      expect(uses.filter((one) => one !== use)).to.deep.equal([]);
    });
  }

  it('skips a kind of event that it does not know, and continues after it', async () => {
    const future = { kind: 'hologram', cursor: 'e-2', at: '', group_id: 1 };
    node.behave = ({ query }, response) =>
      query.get('cursor') === 'e-1'
        ? json(response, 200, {
            events: [future, 'nonsense', null, { kind: 'toString', cursor: 'e-3' }],
            cursor: 'e-3',
          })
        : json(response, 200, { events: [{ ...event, cursor: 'e-4' }], cursor: 'e-4' });
    const client = new ChatClient({ urls: [node.url], userId: 1 });
    expect((await client.events({ cursor: 'e-1' }).next()).value).to.deep.equal({ ...event, cursor: 'e-4' });
  });
});

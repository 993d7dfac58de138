import http from 'node:http';
import { expect } from 'chai';
import type { Router } from 'express';
import { createApp } from '../../../src/http/app.ts';
import { allRoutes } from '../../../src/http/routes/index.ts';
import { bearer, get, post } from '../../support/network/http.ts';
import { People, type Person } from '../../support/network/people.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { useOneNode } from '../../support/nodes/one-node.ts';
import { unusedServices } from '../../support/nodes/unused-services.ts';

const ADMIN_TOKEN = 'the-administrators-own-token';

/** The callers: whose token is sent, and whose userId is given. */
const WAYS = ['none', 'garbage', 'expired', 'revoked', 'other', 'stranger', 'member', 'sender', 'admin'] as const;
type Way = (typeof WAYS)[number];

/** A group with a member, the sender of a message, and a signed-in user who is not a member. */
interface Scene {
  sender: Person;
  member: Person;
  stranger: Person;
  groupId: number;
  groupName: string;
  messageId: number;
  /** The user id in the request. */
  self: Person;
}

/** One row: a request, and the expected status for each caller. */
interface Row {
  query?: (scene: Scene) => Record<string, unknown>;
  body?: (scene: Scene) => Record<string, unknown>;
  path?: (scene: Scene) => string;
  statuses: Record<Way, number>;
}

/** Without a valid token: 401 for every userId. */
const shut = { none: 401, garbage: 401, expired: 401, revoked: 401 };
/** Only for the user itself: another userId is refused, and the administrator is not a user. */
const ownOnly = (status: number) => ({
  ...shut,
  other: 403,
  stranger: status,
  member: status,
  sender: status,
  admin: 403,
});
/** For members of the group. */
const membersOnly = (status: number) => ({ ...ownOnly(status), other: 403, stranger: 403 });
/** For every signed-in user; the request has no userId. */
const users = (status: number) => ({ ...ownOnly(status), other: status });
const everyone = (status: number): Record<Way, number> => ({
  none: status,
  garbage: status,
  expired: status,
  revoked: status,
  other: status,
  stranger: status,
  member: status,
  sender: status,
  admin: status,
});
const admins = (status: number) => ({ ...everyone(403), ...shut, admin: status });
const asSelf = ({ self }: Scene) => ({ userId: self.id });

/** Every route. A missing or superfluous one fails the test. */
const TABLE: Record<string, Row> = {
  'GET /': { statuses: everyone(200) },
  'GET /health': { statuses: everyone(200) },
  'GET /liveness': { statuses: everyone(200) },
  'GET /readiness': { statuses: everyone(200) },
  'GET /primary': { statuses: everyone(200) },
  'GET /replica': { statuses: everyone(503) },
  'GET /cluster': { statuses: everyone(200) },
  'GET /cluster/timeline': { statuses: everyone(200) },
  'GET /cluster/activity': { statuses: everyone(200) },
  'GET /cluster/blocking': { statuses: admins(200) },
  'GET /metrics': { statuses: everyone(200) },
  'GET /home': { statuses: everyone(200) },
  'GET /manifest.webmanifest': { statuses: everyone(200) },
  'GET /service-worker.js': { statuses: everyone(200) },
  'GET /assets/:file': { path: () => '/assets/home.js', statuses: everyone(200) },
  'GET /docs': { statuses: everyone(200) },
  'GET /openapi.json': { statuses: everyone(200) },
  'POST /fall': { statuses: admins(200) },
  'POST /revive': { statuses: admins(200) },
  'POST /pause': { body: () => ({ minutes: 1 }), statuses: admins(200) },
  'POST /resume': { statuses: admins(200) },
  'POST /log-level': { body: () => ({ level: 'info' }), statuses: admins(200) },
  // There is no other node to hand over to.
  'POST /switchover': { statuses: admins(409) },
  'POST /register': {
    body: () => ({ username: People.name('new'), password: 'short' }),
    statuses: everyone(400),
  },
  'POST /login': {
    body: ({ sender }) => ({ username: sender.username, password: 'no such password' }),
    statuses: everyone(401),
  },
  'POST /logout': { statuses: users(200) },
  'DELETE /tokens': { query: asSelf, statuses: { ...ownOnly(200), admin: 200 } },
  'GET /users': { query: () => ({ username: 'ana' }), statuses: users(200) },
  'GET /chats': { query: asSelf, statuses: ownOnly(200) },
  'POST /create-chat': {
    body: ({ self }) => ({ groupName: 'new', creatorId: self.id, members: [] }),
    statuses: ownOnly(200),
  },
  'GET /group-users': { query: ({ groupId }) => ({ groupId }), statuses: membersOnly(200) },
  'GET /group-events': { query: ({ groupId }) => ({ groupId }), statuses: membersOnly(200) },
  'POST /group-users': {
    body: ({ groupId, self }) => ({ groupId, userId: self.id }),
    statuses: membersOnly(200),
  },
  'DELETE /group-users': { query: ({ groupId, self }) => ({ groupId, userId: self.id }), statuses: ownOnly(200) },
  'GET /groups': { statuses: users(200) },
  'GET /user/:id/groups': { path: ({ self }) => `/user/${self.id}/groups`, statuses: ownOnly(200) },
  'POST /user/:id/groups': {
    path: ({ self }) => `/user/${self.id}/groups`,
    body: ({ groupName }) => ({ groups: [groupName] }),
    statuses: ownOnly(200),
  },
  'POST /user/:id/groups/:group': {
    path: ({ self, groupName }) => `/user/${self.id}/groups/${groupName}`,
    statuses: ownOnly(200),
  },
  'DELETE /user/:id/groups/:group': {
    path: ({ self, groupName }) => `/user/${self.id}/groups/${groupName}`,
    statuses: ownOnly(200),
  },
  'GET /messages': { query: ({ groupId }) => ({ groupId }), statuses: membersOnly(200) },
  'POST /messages': {
    body: ({ groupId, self }) => ({ userId: self.id, groupId, content: 'x' }),
    statuses: membersOnly(200),
  },
  'PATCH /messages': {
    body: ({ messageId }) => ({ messageId, content: 'y' }),
    statuses: { ...shut, other: 404, stranger: 404, member: 403, sender: 200, admin: 403 },
  },
  'GET /me': { query: asSelf, statuses: ownOnly(200) },
  'PATCH /me': { body: ({ self }) => ({ userId: self.id, username: People.name('renamed') }), statuses: ownOnly(200) },
  'POST /delete-account': { body: asSelf, statuses: ownOnly(200) },
  'POST /password': {
    // The accounts of this test have none yet.
    body: ({ self }) => ({ userId: self.id, password: 'correct horse' }),
    statuses: ownOnly(200),
  },
  'GET /sessions': { query: asSelf, statuses: ownOnly(200) },
  'DELETE /sessions': { query: () => ({ sessionId: '0'.repeat(24) }), statuses: users(404) },
  'PATCH /groups': {
    body: ({ groupId }) => ({ groupId, description: 'x' }),
    statuses: { ...membersOnly(403), sender: 200 },
  },
  'DELETE /groups': { query: ({ groupId }) => ({ groupId }), statuses: { ...membersOnly(403), sender: 200 } },
  'PATCH /group-users': {
    body: ({ groupId, member }) => ({ groupId, userId: member.id, role: 'admin' }),
    statuses: { ...membersOnly(403), sender: 200 },
  },
  'POST /invitations': { body: ({ groupId }) => ({ groupId }), statuses: { ...membersOnly(403), sender: 201 } },
  'GET /invitations': { query: ({ groupId }) => ({ groupId }), statuses: { ...membersOnly(403), sender: 200 } },
  'POST /invitations/check': { body: () => ({ token: 'none' }), statuses: everyone(404) },
  'DELETE /invitations': { query: ({ groupId }) => ({ groupId }), statuses: { ...membersOnly(403), sender: 200 } },
  'POST /invitations/accept': { body: () => ({ token: 'none' }), statuses: users(404) },
  'GET /hooks': { query: ({ groupId }) => ({ groupId }), statuses: { ...membersOnly(403), sender: 200 } },
  'POST /hooks': {
    body: ({ groupId }) => ({ groupId, name: 'Backup' }),
    statuses: { ...membersOnly(403), sender: 201 },
  },
  'DELETE /hooks': { body: () => ({ hookId: 2 ** 40 }), statuses: users(404) },
  'POST /hooks/:hookToken': { path: () => '/hooks/none', body: () => ({ content: 'x' }), statuses: everyone(404) },
  'POST /direct': { body: ({ member }) => ({ otherUserId: member.id }), statuses: { ...users(200), member: 400 } },
  'GET /read': { query: ({ groupId, self }) => ({ groupId, userId: self.id }), statuses: membersOnly(200) },
  'POST /read': {
    body: ({ groupId, messageId }) => ({ groupId, messageId }),
    statuses: { ...membersOnly(200) },
  },
  'GET /search': { query: ({ self }) => ({ userId: self.id, q: 'us' }), statuses: ownOnly(200) },
  'POST /typing': { body: ({ groupId, self }) => ({ userId: self.id, groupId }), statuses: membersOnly(200) },
  'GET /presence': { query: ({ groupId }) => ({ groupId }), statuses: membersOnly(200) },
  'GET /sync': { query: asSelf, statuses: ownOnly(200) },
  'POST /reactions': {
    body: ({ messageId }) => ({ messageId, emoji: '👍' }),
    statuses: { ...shut, other: 404, stranger: 404, member: 200, sender: 200, admin: 403 },
  },
  'DELETE /reactions': {
    query: ({ messageId }) => ({ messageId, emoji: '👍' }),
    statuses: { ...shut, other: 404, stranger: 404, member: 200, sender: 200, admin: 403 },
  },
  'DELETE /messages': {
    query: ({ messageId }) => ({ messageId }),
    statuses: { ...shut, other: 404, stranger: 404, member: 403, sender: 200, admin: 403 },
  },
  'GET /subscribe/status': {
    query: ({ groupId }) => ({ groupId, timeout: 0 }),
    statuses: membersOnly(204),
  },
  'GET /subscribe/user': { query: ({ self }) => ({ user_id: self.id, timeout: 0 }), statuses: ownOnly(204) },
  'GET /events': { query: asSelf, statuses: ownOnly(200) },
  'POST /notify/:group': { path: ({ groupName }) => `/notify/${groupName}`, statuses: { ...users(200), admin: 200 } },
};

/** Routes whose access depends on the request: only the administrator may call `/notify/all`. */
const MORE: Record<string, Row> = {
  'POST /notify/all': { statuses: admins(200) },
  'GET /subscribe/status by name': {
    path: () => '/subscribe/status',
    query: ({ groupName }) => ({ group: groupName, timeout: 0 }),
    statuses: users(204),
  },
  'POST /messages to a group that does not exist': {
    path: () => '/messages',
    body: ({ self }) => ({ userId: self.id, groupId: 2 ** 50, content: 'x' }),
    statuses: { ...ownOnly(403) },
  },
  'GET /messages of a group that does not exist': {
    path: () => '/messages',
    query: () => ({ groupId: 2 ** 50 }),
    statuses: users(403),
  },
  'GET /search in a group': {
    path: () => '/search',
    query: ({ groupId }) => ({ q: 'us', groupId }),
    statuses: membersOnly(200),
  },
  'DELETE /messages of a message that does not exist': {
    path: () => '/messages',
    query: () => ({ messageId: 2 ** 50 }),
    statuses: users(404),
  },
};

const keyOf = (method: string, path: string) => `${method.toUpperCase()} ${path}`;

interface Stack {
  stack: { route?: { path: string; stack: { method?: string }[] } }[];
}

/** Returns the routes of the router, without the handlers for other methods. */
function routesOfRouter(): Set<string> {
  const app = createApp(unusedServices());
  const found = new Set<string>();
  for (const { route } of (app.router as Router as unknown as Stack).stack) {
    const methods = new Set(route?.stack.map(({ method }) => method));
    // A layer for every method is the 405 handler.
    if (!route || methods.size > 1 || methods.has('options')) continue;
    for (const method of methods) if (method) found.add(keyOf(method, route.path));
  }
  return found;
}

describe('Access', function () {
  this.timeout(60_000);
  const { node, people } = useOneNode({ AUTH: 'token', ADMIN_TOKEN });
  let expired: string;
  let revoked: string;

  before(async () => {
    const { id } = await people.newUser();
    expired = await people.token(id, '-1 minute');
    revoked = await people.token(id);
    expect((await get(`${node.url}/users`, bearer(revoked))).status).to.equal(200);
    await people.revoke(revoked);
  });

  async function setScene(way: Way): Promise<Scene> {
    const [sender, member, stranger] = [await people.newUser(), await people.newUser(), await people.newUser()];
    const groupName = People.name('group');
    const groupId = await people.group(groupName, [sender, member]);
    const messageId = await people.message(groupId, sender, 'between us');
    const self = way === 'stranger' ? stranger : way === 'member' ? member : sender;
    return { sender, member, stranger, groupId, groupName, messageId, self };
  }

  const tokenOf = (way: Way, { sender, member, stranger }: Scene): string | null => {
    switch (way) {
      case 'none':
        return null;
      case 'garbage':
        return 'garbage';
      case 'expired':
        return expired;
      case 'revoked':
        return revoked;
      case 'admin':
        return ADMIN_TOKEN;
      case 'other':
      case 'stranger':
        return stranger.token;
      case 'member':
        return member.token;
      case 'sender':
        return sender.token;
    }
  };

  async function statusOf(key: string, row: Row, way: Way): Promise<number> {
    const scene = await setScene(way);
    const [method = '', path = ''] = key.split(' ');
    const url = new URL(node.url + (row.path?.(scene) ?? path));
    for (const [name, value] of Object.entries(row.query?.(scene) ?? {})) url.searchParams.set(name, String(value));
    const token = tokenOf(way, scene);
    const status = await firstOf(method, url, token, row.body?.(scene));
    if (key === 'POST /fall' && status === 200) await revive();
    return status;
  }

  async function revive(): Promise<void> {
    await post(`${node.url}/revive`, undefined, bearer(ADMIN_TOKEN));
    await untilActive(node);
  }

  it('is defined for every route of the router, and for no other', () => {
    const declared = allRoutes(unusedServices()).map(({ method, path }) => keyOf(method, path));
    expect(declared.sort()).to.deep.equal(Object.keys(TABLE).sort());
    expect([...routesOfRouter()].sort()).to.deep.equal(Object.keys(TABLE).sort());
  });

  for (const [key, row] of Object.entries({ ...TABLE, ...MORE })) {
    it(`is enforced on ${key}`, async () => {
      const found: Partial<Record<Way, number>> = {};
      for (const way of WAYS) {
        const status = await statusOf(key, row, way);
        // A permitted poll returns 200 or 204, depending on whether earlier writes have reached this node.
        found[way] = status === 200 && row.statuses[way] === 204 ? 204 : status;
      }
      expect(found).to.deep.equal(row.statuses);
    });
  }
});

/** Returns the status as soon as the headers arrive: a stream never ends by itself. */
function firstOf(method: string, url: URL, token: string | null, body: unknown): Promise<number> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const request = http.request(url, {
      method,
      agent: false,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
      },
    });
    request.setTimeout(10_000, () => request.destroy(new Error(`${method} ${url} got no response`)));
    request.once('error', reject);
    request.once('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    request.end(payload);
  });
}

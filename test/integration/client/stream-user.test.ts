import { expect } from 'chai';
import { ChatClient, type EventIterator } from '../../../src/client/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type FakeNode, json, type ReceivedRequest, startFakeNode } from '../../support/nodes/client-fake-node.ts';

/** The users of the fake node, with the token of their next login. */
const USERS: Record<string, { user_id: number; token: string }> = {
  ana: { user_id: 1, token: 'a1' },
  bruno: { user_id: 2, token: 'b' },
};

describe('An event stream of the client belongs to the user who started it', () => {
  let node: FakeNode;
  let client: ChatClient;
  let head: number;
  /** True once the password was changed, which revokes the token a1. */
  let isRevoked: boolean;
  /** True if the response to the change comes after a poll was refused. */
  let isSlow: boolean;
  let respond: () => void;
  beforeEach(async () => {
    head = 0;
    isRevoked = isSlow = false;
    node = await startFakeNode((heard, response) => {
      if (heard.path === '/health') json(response, 200, { status: 'alive' });
      else if (heard.path === '/login') json(response, 200, USERS[String(heard.body.username)]);
      else if (heard.path === '/delete-account') {
        isRevoked = true;
        respond = () => json(response, 200, { message: 'account deleted' });
      } else if (heard.path === '/password') {
        isRevoked = true;
        respond = () => json(response, 200, { message: 'password changed', token: 'a2' });
        if (!isSlow) respond();
      } else if (isRevoked && heard.headers.authorization === 'Bearer a1') {
        json(response, 401, { error: 'unknown token', code: 'unauthenticated' });
        setImmediate(respond);
      } else {
        // Every poll finds one event.
        head += 1;
        const event = { cursor: `e-${head}`, kind: 'broadcast', at: '', payload: null };
        json(response, 200, { events: [event], cursor: event.cursor });
      }
    });
    client = new ChatClient({ urls: [node.url] });
    await client.login('ana');
  });
  afterEach(() => node.close());

  const streams: [what: string, start: () => EventIterator, user: string | null][] = [
    ['all groups', () => client.events({ cursor: 'e-0' }), '1'],
    ['one group', () => client.groupEvents(5, { cursor: 'e-0' }), null],
  ];
  const lastPoll = () => node.calls.filter(({ path }) => path.startsWith('/subscribe/')).at(-1) as ReceivedRequest;

  for (const [what, start, user] of streams) {
    it(`of ${what} when another user signs in`, async () => {
      const stream = start();
      await stream.next();
      await client.login('bruno');
      await stream.next();
      expect(lastPoll().query.get('user_id')).to.equal(user);
      expect(lastPoll().headers.authorization).to.equal('Bearer a1');
      await stream.return();
    });

    it(`of ${what} with the new token after a change of the password`, async () => {
      const stream = start();
      await stream.next();
      await client.account.changePassword('old', 'battery staple');
      await stream.next();
      expect(lastPoll().headers.authorization).to.equal('Bearer a2');
      await stream.return();
    });
  }

  it('goes on if a change of the password revokes the old token before the new one has arrived', async () => {
    const stream = client.events({ cursor: 'e-0' });
    await stream.next();
    isSlow = true;
    const changing = client.account.changePassword('old', 'battery staple');
    await eventually('the token is revoked', () => isRevoked);
    await stream.next();
    expect(lastPoll().headers.authorization).to.equal('Bearer a2');
    await changing;
    await stream.return();
  });

  it('ends after the call that deleted the account, although its poll was refused before', async () => {
    const stream = client.events({ cursor: 'e-0' });
    await stream.next();
    const order: string[] = [];
    const deleting = client.account.delete().then(() => order.push('deleted'));
    await eventually('the token is revoked', () => isRevoked);
    const error = await stream.next().catch((reason) => reason);
    order.push('ended');
    expect(error.code).to.equal('unauthenticated');
    await deleting;
    expect(order).to.deep.equal(['deleted', 'ended']);
  });

  it('begins with the user who was signed in when events() was called', async () => {
    const stream = client.events({ cursor: 'e-0' });
    await client.login('bruno');
    await stream.next();
    expect(lastPoll().query.get('user_id')).to.equal('1');
    await stream.return();
  });
});

import { expect } from 'chai';
import { ChatClient, type ChatClientOptions } from '../../../src/client/index.ts';
import { eventually } from '../../support/eventually.ts';
import {
  type Behaviour,
  breakHalfway,
  deadUrl,
  endHalfway,
  type FakeNode,
  json,
  notActive,
  startFakeNode,
} from '../../support/nodes/client-fake-node.ts';
import { collectGarbage } from '../../support/run/collect-garbage.ts';

const stored = { message: 'message sent', message_id: 1, timestamp: '2026-01-01T00:00:00.000Z', cursor: 'e-1' };
const stores: Behaviour = (_, response) => json(response, 200, stored);
const stalls: Behaviour = () => {};
/** For calls to a node that stalls. On a busy machine the other node may need several attempts. */
const SHORT_ATTEMPT = { attemptMs: 200 };

describe('The client sends a message to the node that can store it', () => {
  const open: FakeNode[] = [];
  const start = async (behave: Behaviour) => {
    const node = await startFakeNode(behave);
    open.push(node);
    return node;
  };
  const clientOf = (urls: string[], options: Partial<ChatClientOptions> = {}) =>
    new ChatClient({ urls, userId: 1, attemptMs: 1000, backoff: { firstMs: 5, capMs: 20 }, ...options });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((node) => node.close()));
  });

  const troubles: [what: string, behave: Behaviour, options?: Partial<ChatClientOptions>][] = [
    ['closes the connection', (_, response) => response.destroy()],
    ['breaks it halfway through the response', (_, response) => breakHalfway(response)],
    ['ends the response halfway', (_, response) => endHalfway(response)],
    ['stalls', stalls, SHORT_ATTEMPT],
    ['stalls after the head', (_, response) => response.writeHead(200).write('{'), SHORT_ATTEMPT],
    ['is a proxy without a backend', (_, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>')],
    ['is a proxy that gave up', (_, response) => response.writeHead(504).end()],
    ['has fallen', (_, response) => json(response, 503, { error: 'not alive', code: 'not_alive' })],
    ['is standby and knows no active node', (_, response) => notActive(response, null)],
  ];
  for (const [what, behave, options] of troubles) {
    it(`retries with the same key when the node ${what}`, async () => {
      const [bad, good] = [await start(behave), await start(stores)];
      expect((await clientOf([bad.url, good.url], options).send(1, 'hello')).message_id).to.equal(1);
      const keys = [...bad.calls, ...good.calls].map((heard) => heard.headers['idempotency-key']);
      if (options !== SHORT_ATTEMPT) expect(keys).to.have.length(2);
      expect(bad.calls).to.not.deep.equal([]);
      expect([...new Set(keys)])
        .to.deep.equal([keys[0]])
        .and.to.not.deep.equal([undefined]);
    });
  }

  it('retries when the node stalls after the head of its response, even if garbage is collected in the meantime', async () => {
    const [bad, good] = [await start((_, response) => response.writeHead(200).write('{')), await start(stores)];
    const stopCollecting = collectGarbage();
    try {
      expect(
        (await clientOf([bad.url, good.url], { ...SHORT_ATTEMPT, deadlineMs: 10_000 }).send(1, 'hello')).message_id,
      ).to.equal(1);
    } finally {
      stopCollecting();
    }
  });

  it('retries when nothing listens, and starts with the working node next time', async () => {
    const good = await start(stores);
    const client = clientOf([await deadUrl(), good.url], { attemptMs: 1000 });
    await client.send(1, 'one');
    await client.send(1, 'two');
    expect(good.calls.map((heard) => heard.body.content)).to.deep.equal(['one', 'two']);
  });

  it('goes at once to the node that a standby names, even one it did not know', async () => {
    const active = await start(stores);
    const standby = await start((_, response) => notActive(response, active.url));
    const client = clientOf([standby.url], { backoff: { firstMs: 60_000, capMs: 60_000 } });
    await client.send(1, 'one');
    expect(client.urls).to.deep.equal([standby.url, active.url]);
    await client.send(1, 'two');
    expect([standby.calls.length, active.calls.length]).to.deep.equal([1, 2]);
  });

  it('does not loop between two nodes that name each other, and gives up at the deadline', async () => {
    const one: FakeNode = await start((_, response) => notActive(response, two.url));
    const two: FakeNode = await start((_, response) => notActive(response, one.url));
    const client = clientOf([one.url, two.url], { deadlineMs: 400, backoff: { firstMs: 20, capMs: 40 } });
    const began = performance.now();
    const error = await client.send(1, 'hello').catch((caught) => caught);
    expect(error.name).to.equal('UnreachableError');
    // The second if the deadline cut the last attempt short.
    expect(error.code).to.be.oneOf(['not_active', 'outcome_unknown']);
    expect(error.message).to.contain(`${one.url} says not_active`).and.contain(`${two.url} says not_active`);
    expect(performance.now() - began).to.be.below(3000);
    expect(one.calls.length + two.calls.length).to.be.within(2, 40);
  });

  it("reports the nodes' own reasons, not that the deadline cut the last attempt short", async () => {
    const node: FakeNode = await start((_, response) => {
      if (node.calls.length === 1) notActive(response, null);
    });
    const error = await clientOf([node.url], { deadlineMs: 400 })
      .send(1, 'hello')
      .catch((caught) => caught);
    expect(error).to.include({ name: 'UnreachableError', code: 'outcome_unknown' });
    expect(error.message).to.contain('may have been executed').and.contain('says not_active');
  });

  it('finds the node that becomes active during its attempts', async () => {
    let asked = 0;
    const gone = await deadUrl();
    const standby = await start((heard, response) => {
      asked += 1;
      if (asked < 5) notActive(response, gone);
      else stores(heard, response);
    });
    expect((await clientOf([gone, standby.url]).send(1, 'hello')).message_id).to.equal(1);
  });

  it('keeps its deadline when every node stalls', async () => {
    const node = await start(stalls);
    const began = performance.now();
    const error = await clientOf([node.url], { deadlineMs: 150, attemptMs: 60 })
      .send(1, 'hello')
      .catch((caught) => caught);
    expect(error.name).to.equal('UnreachableError');
    expect(error.message).to.contain('did not respond within');
    expect(performance.now() - began).to.be.within(100, 3000);
  });

  for (const status of [400, 401, 403, 404, 409, 413, 429]) {
    it(`reports ${status} at once, with the node's message`, async () => {
      const details = [{ field: 'content', problem: 'is empty' }];
      const said = { error: 'That will not do.', code: 'some_code', details };
      const node = await start((_, response) => json(response, status, said, { 'Retry-After': '2' }));
      const other = await start(stores);
      const error = await clientOf([node.url, other.url])
        .send(1, '')
        .catch((caught) => caught);
      expect(error).to.include({ name: 'RefusedError', status, code: 'some_code', message: 'That will not do.' });
      expect(error.details).to.deep.equal(details);
      expect(error.retryAfterMs).to.equal(2000);
      expect([node.calls.length, other.calls.length]).to.deep.equal([1, 0]);
    });
  }

  it('reports 500 at once, without a retry', async () => {
    const node = await start((_, response) => json(response, 500, { error: 'internal error', code: 'internal' }));
    const error = await clientOf([node.url])
      .send(1, 'hello')
      .catch((caught) => caught);
    expect(error).to.include({ name: 'ChatError', status: 500, code: 'internal' });
    expect(node.calls).to.have.length(1);
  });

  it('reports when the URL belongs to another program', async () => {
    const node = await start((_, response) => json(response, 200, { welcome: true }));
    const error = await clientOf([node.url])
      .send(1, 'hello')
      .catch((caught) => caught);
    expect(error.name).to.equal('UnreadableResponseError');
  });

  it('honours Retry-After of an overloaded node when there is no other', async () => {
    let asked = 0;
    const node = await start((heard, response) => {
      asked += 1;
      if (asked === 1) json(response, 503, { error: 'full', code: 'overloaded' }, { 'Retry-After': '0.3' });
      else stores(heard, response);
    });
    const began = performance.now();
    await clientOf([node.url]).send(1, 'hello');
    expect(performance.now() - began).to.be.at.least(290);
  });

  it('rejects with the reason of an abort, closes the connection and tries no other node', async () => {
    const [stalling, other] = [await start(stalls), await start(stores)];
    const controller = new AbortController();
    const sent = clientOf([stalling.url, other.url], { attemptMs: 60_000 })
      .send(1, 'hello', { signal: controller.signal })
      .catch((caught) => caught);
    await eventually('the node has heard the request', () => stalling.calls.length === 1);
    controller.abort(new Error('changed my mind'));
    expect((await sent).message).to.equal('changed my mind');
    await stalling.calls[0]?.gone;
    expect(other.calls).to.have.length(0);
  });
});

describe('The client never repeats a request that must not be repeated', () => {
  let bad: FakeNode;
  let good: FakeNode;
  const created: Behaviour = (heard, response) =>
    json(
      response,
      200,
      heard.path === '/health' ? { status: 'alive', active: true } : { message: 'password changed', token: 'new' },
    );

  afterEach(async () => {
    await Promise.all([bad.close(), good.close()]);
  });

  async function change(behave: Behaviour) {
    bad = await startFakeNode((heard, response) => {
      if (heard.path === '/health') created(heard, response);
      else behave(heard, response);
    });
    good = await startFakeNode(created);
    const client = new ChatClient({ urls: [bad.url, good.url], userId: 1, attemptMs: 1000 });
    return client.account.changePassword('old', 'battery staple').catch((caught) => caught);
  }

  it('reports an unknown outcome when the response was lost', async () => {
    expect(await change((_, response) => breakHalfway(response))).to.include({
      name: 'OutcomeUnknownError',
      code: 'outcome_unknown',
    });
    expect(good.calls).to.have.length(0);
  });

  it('reports an unknown outcome when the node may have lost the response', async () => {
    const lost: Behaviour = (_, response) => json(response, 503, { error: 'no database', code: 'outcome_unknown' });
    expect((await change(lost)).name).to.equal('OutcomeUnknownError');
  });

  it('reports an unknown outcome when a proxy lost the response', async () => {
    expect((await change((_, response) => response.writeHead(502).end())).name).to.equal('OutcomeUnknownError');
  });

  it('retries when the node says that it did not execute the request', async () => {
    expect((await change((_, response) => notActive(response, good.url))).token).to.equal('new');
  });

  for (const code of ['overloaded', 'unavailable', 'blocked', 'database_refused']) {
    it(`retries when the node stored nothing: ${code}`, async () => {
      expect((await change((_, response) => json(response, 503, { error: 'not now', code }))).token).to.equal('new');
    });
  }

  it('reports a switchover without a successor at once, with its own code', async () => {
    bad = await startFakeNode((heard, response) => {
      if (heard.path === '/health') created(heard, response);
      else json(response, 503, { error: 'no standby became active', code: 'no_successor' }, { 'Retry-After': '1' });
    });
    good = await startFakeNode(created);
    const switched = new ChatClient({ urls: [bad.url, good.url] }).operations.switchover();
    expect(await switched.catch((caught) => caught)).to.include({
      name: 'ChatError',
      status: 503,
      code: 'no_successor',
      message: 'no standby became active',
    });
    expect(good.calls).to.have.length(0);
  });

  it('does not change the sign-in of another user who signed in before its response', async () => {
    const waiting: (() => void)[] = [];
    good = await startFakeNode((heard, response) => {
      if (heard.path === '/login') return json(response, 200, { user_id: 2, username: 'bruno', token: 'of bruno' });
      if (heard.method === 'POST') waiting.push(() => created(heard, response));
      else created(heard, response);
    });
    bad = await startFakeNode(created);
    for (const request of ['changePassword', 'delete'] as const) {
      const client = new ChatClient({ urls: [good.url], userId: 1, token: 'of ana' });
      const { account } = client;
      const late = request === 'delete' ? account.delete() : account.changePassword('old', 'battery staple');
      await eventually('the request arrives', () => waiting.length > 0);
      await client.login('bruno', 'x');
      waiting.shift()?.();
      await late;
      expect([client.userId, client.token], request).to.deep.equal([2, 'of bruno']);
    }
  });

  it('retries when the node is gone before anything was sent', async () => {
    bad = await startFakeNode(created);
    good = await startFakeNode(created);
    await bad.close();
    const client = new ChatClient({ urls: [bad.url, good.url], userId: 1 });
    expect((await client.account.changePassword('old', 'battery staple')).token).to.equal('new');
  });

  it('sends the request without an idempotency key, with which a forwarding node could repeat it', async () => {
    [bad, good] = [await startFakeNode(created), await startFakeNode(created)];
    const client = new ChatClient({ urls: [good.url], userId: 1 });
    await client.account.changePassword('old', 'battery staple');
    await client.operations.switchover();
    await client.account.delete();
    const sent = good.heard.filter(({ method }) => method === 'POST');
    expect(sent.map(({ path }) => path)).to.deep.equal(['/password', '/switchover', '/delete-account']);
    expect(sent.map(({ headers }) => headers['idempotency-key'])).to.deep.equal([undefined, undefined, undefined]);
  });

  it('treats "not found" as success when an earlier attempt may have deleted the message', async () => {
    bad = await startFakeNode((_, response) => response.destroy());
    good = await startFakeNode((_, response) => json(response, 404, { error: 'none', code: 'message_not_found' }));
    await new ChatClient({ urls: [bad.url, good.url], userId: 1 }).deleteMessage(9);
    const error = await new ChatClient({ urls: [good.url], userId: 1 }).deleteMessage(9).catch((caught) => caught);
    expect(error).to.include({ status: 404, code: 'message_not_found' });
  });
});

describe('The client repeats a request that creates something with one key', () => {
  let bad: FakeNode;
  let good: FakeNode;
  const created: Behaviour = (heard, response) => {
    const body = { user_id: 1, token: 't', group_id: 5, group_name: 'x', groups: [] };
    json(response, 200, heard.path === '/health' ? { status: 'alive', active: true } : body);
  };

  afterEach(async () => {
    await Promise.all([bad.close(), good.close()]);
  });

  const calls: [path: string, call: (client: ChatClient) => Promise<unknown>][] = [
    ['/create-chat', (client) => client.createChat('x')],
    ['/register', (client) => client.register('ana', 'correct horse')],
    ['/group-users', (client) => client.join(5)],
    ['/user/1/groups/x', (client) => client.joinNamed('x')],
  ];
  const failures: [what: string, behave: Behaviour][] = [
    ['the response was lost', (_, response) => breakHalfway(response)],
    ['the outcome is unknown', (_, response) => json(response, 503, { error: 'no database', code: 'outcome_unknown' })],
    ['a proxy lost the response', (_, response) => response.writeHead(502).end()],
    ['the node is not active', (_, response) => notActive(response, good.url)],
  ];
  for (const [path, call] of calls) {
    for (const [what, behave] of failures) {
      it(`POST ${path}: if ${what}`, async () => {
        bad = await startFakeNode((heard, response) => (heard.path === path ? behave : created)(heard, response));
        good = await startFakeNode(created);
        const backoff = { firstMs: 5, capMs: 20 };
        await call(new ChatClient({ urls: [bad.url, good.url], userId: 1, attemptMs: 1000, backoff }));
        const [first, second] = [bad, good].map(({ heard }) => heard.find((one) => one.path === path));
        expect(first?.headers['idempotency-key']).to.match(/^[0-9a-f-]{36}$/);
        expect(second?.headers['idempotency-key']).to.equal(first?.headers['idempotency-key']);
        expect(second?.body).to.deep.equal(first?.body);
      });
    }
  }
});

describe('The client uses the API', () => {
  let node: FakeNode;
  let client: ChatClient;

  beforeEach(async () => {
    node = await startFakeNode((heard, response) => {
      if (heard.path === '/health') json(response, 200, { status: 'alive', active: true, node: 'node-1', term: 3 });
      else
        json(response, 200, { user_id: 7, token: 't', chats: [], users: [], messages: [], cursor: 'e-1', nodes: [] });
    });
    client = new ChatClient({ urls: [node.url] });
  });
  afterEach(() => node.close());

  it('signs in, sends its token and signs out', async () => {
    await client.login('ana', 'secret');
    expect(client).to.include({ userId: 7, token: 't' });
    await client.chats();
    await client.logout();
    const [signIn, chats, signOut] = node.heard.filter(({ path }) => path !== '/health');
    expect(signIn?.body).to.deep.equal({ username: 'ana', password: 'secret' });
    expect(chats?.headers.authorization).to.equal('Bearer t');
    expect(chats?.query.get('userId')).to.equal('7');
    expect(signOut).to.include({ method: 'POST', path: '/logout' });
    expect(signOut?.headers.authorization).to.equal('Bearer t');
    expect((await client.chats().catch((caught) => caught)).code).to.equal('not_signed_in');
  });

  it('revokes the token of the user who signed out, even if another signs in during the retries', async () => {
    const tokens = ['a', 'b'];
    node.behave = (heard, response) => {
      if (heard.path === '/health') json(response, 200, { status: 'alive' });
      else if (heard.path === '/login') json(response, 200, { user_id: 7, token: tokens.shift() });
      else if (client.token === 'b') json(response, 200, { message: 'logged out' });
      else void client.login('bruno').then(() => response.destroy());
    };
    client = new ChatClient({ urls: [node.url], backoff: { firstMs: 5, capMs: 20 } });
    await client.login('ana');
    await client.logout();
    const signedOut = node.heard.filter(({ path }) => path === '/logout').map(({ headers }) => headers.authorization);
    expect(signedOut).to.deep.equal(['Bearer a', 'Bearer a']);
    expect(client.token).to.equal('b');
  });

  it('learns the other nodes from the only one that it was given, and continues with them when that one is down', async () => {
    const other = await startFakeNode((_, response) => json(response, 200, { user_id: 7, chats: [], cursor: 'e-1' }));
    try {
      node.behave = ({ path }, response) => {
        const peers = [null, 7, { url: 'no address' }, { url: other.url, node: 'node-2' }];
        json(response, 200, path === '/health' ? { peers } : { user_id: 7, chats: [], cursor: 'e-1' });
      };
      client = new ChatClient({ urls: [node.url], userId: 7, backoff: { firstMs: 5, capMs: 20 } });
      await client.chats();
      await eventually('the client knows the other node', () => client.urls.length === 2);
      expect(client.urls).to.deep.equal([node.url, other.url]);
      await node.close();
      await client.chats();
      expect(other.calls.map(({ path }) => path)).to.deep.equal(['/chats']);
      expect(node.heard.filter(({ path }) => path === '/health')).to.have.length(1);
    } finally {
      await other.close();
    }
  });

  it('learns a node that only the node it was sent to knows, and asks again after a response that names none', async () => {
    const third = await deadUrl();
    const active = await startFakeNode(({ path }, response) => {
      if (path === '/health') json(response, 200, { peers: [{ url: node.url }, { url: third }] });
      else json(response, 200, stored);
    });
    try {
      node.behave = ({ path, method }, response) => {
        if (path === '/health') response.writeHead(502).end();
        else if (method === 'POST') notActive(response, active.url);
        else json(response, 200, { user_id: 7, chats: [], cursor: 'e-1' });
      };
      client = new ChatClient({ urls: [node.url], userId: 7 });
      await client.chats();
      await eventually('the client asked the first node', () => node.heard.some(({ path }) => path === '/health'));
      await client.send(1, 'hello');
      await eventually('the client knows the third node', () => client.urls.length === 3);
      expect(client.urls).to.deep.equal([node.url, active.url, third]);
    } finally {
      await active.close();
    }
  });

  it('sends only the page parameters that were given', async () => {
    await client.messages(3, { before: 100, limit: 50 });
    expect(node.calls[0]?.query.toString()).to.equal('groupId=3&before=100&limit=50');
  });

  it('reports the state of every node, including unreachable ones', async () => {
    const dead = await deadUrl();
    client.addUrls([dead]);
    expect(await client.status()).to.deep.equal([
      { url: node.url, reachable: true, status: 'alive', active: true, node: 'node-1', term: 3 },
      { url: dead, reachable: false, status: 'unknown', active: false },
    ]);
  });
});

import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { ChatClient } from '../../../src/client/index.ts';
import { Search } from '../../../src/web/home/model/search.ts';
import { eventually } from '../../support/eventually.ts';
import { type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';

describe('A search on the chat page', () => {
  let node: FakeNode;
  let requests: { path: string; query: URLSearchParams; response: ServerResponse }[];
  let search: Search;

  beforeEach(async () => {
    requests = [];
    node = await startFakeNode(({ path, query }, response) => void requests.push({ path, query, response }));
    const client = new ChatClient({ urls: [node.url], userId: 1 });
    search = new Search(client, ' needle ', new AbortController().signal, () => {});
  });
  afterEach(() => node.close());

  async function respond(path: string, body: unknown, status = 200): Promise<URLSearchParams> {
    await eventually(`GET ${path}`, () => requests.some((one) => one.path === path));
    const at = requests.findIndex((one) => one.path === path);
    const [request] = requests.splice(at, 1);
    if (request === undefined) throw new Error('the request has disappeared');
    json(request.response, status, body);
    return request.query;
  }
  const page = (ids: number[], next_before: number | null) =>
    respond('/search', { messages: ids.map((id) => ({ id })), next_before, partial: false });
  const found = () => search.messages.map(({ id }) => id);

  it('is running until both people and messages are known', async () => {
    expect(search.isRunning, 'from the beginning').to.equal(true);
    const started = search.start();
    await respond('/users', { users: [] });
    await eventually('the messages are requested', () => requests.some(({ path }) => path === '/search'));
    expect(search.isRunning).to.equal(true);
    await page([], null);
    await started;
    expect([search.isRunning, search.error, search.hasMore]).to.deep.equal([false, undefined, false]);
  });

  it('says why it failed, and shows what was found nevertheless', async () => {
    const started = search.start();
    await respond('/users', { users: [{ id: 2, username: 'needle' }] });
    await respond('/search', { error: 'too many words', code: 'invalid_request' }, 400);
    await started;
    expect([search.isRunning, search.people.length]).to.deep.equal([false, 1]);
    expect(search.error).to.have.property('code', 'invalid_request');
  });

  it('has more pages of messages, and continues by itself if a node found none within its time limit', async () => {
    const started = search.start();
    await respond('/users', { users: [] });
    await page([], 50);
    expect((await page([49, 48], 48)).get('before')).to.equal('50');
    await started;
    expect([found(), search.hasMore]).to.deep.equal([[49, 48], true]);
    const more = search.more();
    expect(search.isRunning).to.equal(true);
    expect((await page([40], null)).get('before')).to.equal('48');
    await more;
    expect([found(), search.hasMore, search.isRunning]).to.deep.equal([[49, 48, 40], false, false]);
  });
});

import { expect } from 'chai';
import { ChatClient } from '../../../src/client/index.ts';
import { NodeDirectory } from '../../../src/web/home/model/connection/node-directory.ts';
import { eventually } from '../../support/eventually.ts';
import { deadUrl, type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';
import { memoryStore } from '../../support/pages/memory-store.ts';

/** Timeout of a list that no node returns. */
const SHORT_MS = 200;

describe('The nodes that the chat page knows', () => {
  let own: FakeNode;
  let other: FakeNode;
  /** The cluster that the other node belongs to. */
  let cluster: string;

  beforeEach(async () => {
    cluster = 'c1';
    own = await startFakeNode(() => {});
    other = await startFakeNode(() => {});
    const nodes = () => [
      { node: 'node-1', url: own.url },
      { node: 'node-2', url: `${other.url}/` },
    ];
    for (const node of [own, other]) {
      node.behave = ({ path }, response) => {
        if (path === '/health') json(response, 200, { status: 'alive', cluster: node === other ? cluster : 'c1' });
        else json(response, 200, { cluster: 'c1', nodes: nodes() });
      };
    }
  });
  afterEach(async () => {
    await own.close();
    await other.close();
  });

  /** A page of the first node. */
  function open(store = memoryStore(), listMs?: number) {
    const client = new ChatClient({ urls: [own.url], backoff: { firstMs: 5, capMs: 20 } });
    return { client, store, directory: new NodeDirectory(client, fetch, () => store, listMs) };
  }

  it('are those of the list that a node returns, by name', async () => {
    const { client, directory } = open();
    await directory.read();
    expect([client.urls, directory.isListed]).to.deep.equal([[own.url, other.url], true]);
    expect(directory.nameOf(other.url)).to.equal('node-2');
  });

  it("are those of the last visit while the page's own node is away", async () => {
    const { store, directory: earlier } = open();
    await earlier.read();
    await own.close();
    const { client, directory } = open(store);
    await directory.read();
    expect([client.urls, directory.isListed, directory.nameOf(own.url)]).to.deep.equal([
      [own.url, other.url],
      true,
      'node-1',
    ]);
  });

  it("are not those of the last visit while the page's own node serves, or if another cluster has their address now", async () => {
    const { store, directory: earlier } = open();
    await earlier.read();
    const usual = own.behave;
    own.behave = (heard, response) => heard.path === '/health' && usual(heard, response);
    const { client, directory } = open(store);
    void directory.read();
    await eventually(
      'the node of the page has been asked',
      () => own.heard.filter(({ path }) => path === '/cluster').length > 1,
    );
    expect([client.urls, other.heard.length]).to.deep.equal([[own.url], 0]);
    await own.close();
    cluster = 'c2';
    const late = open(store, SHORT_MS);
    await late.directory.read();
    await eventually('the node of the other cluster has been asked', () => other.heard.length > 0);
    expect([late.client.urls, late.directory.isListed]).to.deep.equal([[own.url], false]);
  });

  it('are read again until a node returns the list', async () => {
    const { client, directory } = open();
    const usual = own.behave;
    own.behave = (_, response) => json(response, 400, { error: 'no', code: 'invalid_request' });
    await directory.read();
    expect(directory.isListed).to.equal(false);
    own.behave = usual;
    await directory.read();
    expect([client.urls.length, directory.isListed]).to.deep.equal([2, true]);
  });

  it('are forgotten for another page of the same origin, which a proxy may lead to another cluster', async () => {
    const { store, directory } = open();
    await directory.read();
    const away = new ChatClient({ urls: [`${await deadUrl()}/other`] });
    await new NodeDirectory(away, fetch, () => store, SHORT_MS).read();
    expect(away.urls.length).to.equal(1);
  });
});

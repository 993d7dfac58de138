import { expect } from 'chai';
import { Endpoints } from '../../../src/client/requests/endpoints.ts';
import type { ConnectionChange } from '../../../src/client/types.ts';

const [a, b, c] = ['http://a:1', 'http://b:1', 'http://c:1'] as const;

function endpoints(...urls: string[]) {
  const changes: ConnectionChange[] = [];
  return { nodes: new Endpoints(urls, (change) => changes.push(change)), changes };
}

describe('The client stays with a node while it serves, then moves to the one whose failure is oldest', () => {
  it('starts with the first node', () => {
    const { nodes } = endpoints(a, b);
    expect([nodes.current('read'), nodes.current('write')]).to.deep.equal([a, a]);
  });

  it('tries every node when all fail', () => {
    const { nodes } = endpoints(a, b, c);
    const way = [a, b, c, a, b].map((url) => nodes.markFailed('read', url, 'is gone'));
    expect(way).to.deep.equal([b, c, a, b, c]);
  });

  it('does not return to a node that has only failed', () => {
    const { nodes } = endpoints(a, b, c);
    nodes.markFailed('read', a, 'is gone');
    nodes.markServing('read', b);
    expect(nodes.markFailed('read', b, 'is gone')).to.equal(c);
  });

  it('treats reads and writes separately', () => {
    const { nodes } = endpoints(a, b);
    nodes.markFailed('write', a, 'says not_active');
    expect([nodes.current('read'), nodes.current('write')]).to.deep.equal([a, b]);
  });

  it('stays with the only node', () => {
    expect(endpoints(a).nodes.markFailed('read', a, 'is gone')).to.equal(a);
  });

  it('reports each change once', () => {
    const { nodes, changes } = endpoints(a, b);
    nodes.markServing('read', a);
    nodes.markServing('read', a);
    nodes.markFailed('read', a, 'is gone');
    nodes.markFailed('read', b, 'is gone');
    nodes.markServing('read', b);
    expect(changes).to.deep.equal([
      { use: 'read', url: a, state: 'connected' },
      { use: 'read', url: a, state: 'lost', reason: 'is gone' },
      { use: 'read', url: b, state: 'connected' },
    ]);
  });
});

describe('The client validates node addresses', () => {
  it('removes a trailing slash and keeps a path', () => {
    expect(endpoints('http://a:1/', 'https://b/chat/').nodes.urls).to.deep.equal([a, 'https://b/chat']);
  });

  it('rejects an empty list and addresses that are not http(s)', () => {
    expect(() => endpoints()).to.throw(TypeError, 'at least one node');
    expect(() => endpoints('ftp://a')).to.throw(TypeError, 'not an http(s) address');
    expect(() => endpoints('nonsense')).to.throw(TypeError);
  });

  it('adds a node that another names', () => {
    const { nodes } = endpoints(a);
    expect(nodes.addNamed(a, 'http://b:1/')).to.equal(b);
    expect(nodes.urls).to.deep.equal([a, b]);
  });

  it('ignores a named address that is the node itself, invalid, or less secure', () => {
    const { nodes } = endpoints(a, 'https://s');
    for (const name of [a, null, 7, 'nonsense', 'ftp://b']) expect(nodes.addNamed(a, name)).to.equal(undefined);
    expect(nodes.addNamed('https://s', b)).to.equal(undefined);
  });

  it('keeps a bounded number of addresses, for any response', () => {
    const { nodes } = endpoints(a);
    for (let port = 1; port <= 1000; port += 1) nodes.addNamed(a, `http://made-up:${port}`);
    expect(nodes.urls).to.have.length(32);
  });
});

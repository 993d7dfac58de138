import { expect } from 'chai';
import { Endpoints } from '../../src/client/endpoints.ts';
import type { ConnectionChange } from '../../src/client/types.ts';

const [a, b, c] = ['http://a:1', 'http://b:1', 'http://c:1'] as const;

function endpoints(...urls: string[]) {
  const changes: ConnectionChange[] = [];
  return { nodes: new Endpoints(urls, (change) => changes.push(change)), changes };
}

describe('the client stays with a node while it serves and goes on with the one that failed longest ago', () => {
  it('begins with the first', () => {
    const { nodes } = endpoints(a, b);
    expect([nodes.current('read'), nodes.current('write')]).to.deep.equal([a, a]);
  });

  it('goes round all nodes when all fail', () => {
    const { nodes } = endpoints(a, b, c);
    const way = [a, b, c, a, b].map((url) => nodes.failed('read', url, 'is gone'));
    expect(way).to.deep.equal([b, c, a, b, c]);
  });

  it('does not return to a node of which it knows only that it failed', () => {
    const { nodes } = endpoints(a, b, c);
    nodes.failed('read', a, 'is gone');
    nodes.served('read', b);
    expect(nodes.failed('read', b, 'is gone')).to.equal(c);
  });

  it('keeps reads and writes apart', () => {
    const { nodes } = endpoints(a, b);
    nodes.failed('write', a, 'says not_active');
    expect([nodes.current('read'), nodes.current('write')]).to.deep.equal([a, b]);
  });

  it('stays with the only node there is', () => {
    expect(endpoints(a).nodes.failed('read', a, 'is gone')).to.equal(a);
  });

  it('tells of each change once', () => {
    const { nodes, changes } = endpoints(a, b);
    nodes.served('read', a);
    nodes.served('read', a);
    nodes.failed('read', a, 'is gone');
    nodes.failed('read', b, 'is gone');
    nodes.served('read', b);
    expect(changes).to.deep.equal([
      { use: 'read', url: a, state: 'connected' },
      { use: 'read', url: a, state: 'lost', reason: 'is gone' },
      { use: 'read', url: b, state: 'connected' },
    ]);
  });
});

describe('the client takes only addresses that make sense', () => {
  it('reads them without the slash at the end and keeps a path', () => {
    expect(endpoints('http://a:1/', 'https://b/chat/').nodes.urls).to.deep.equal([a, 'https://b/chat']);
  });

  it('refuses an empty list and what is not http', () => {
    expect(() => endpoints()).to.throw(TypeError, 'at least one node');
    expect(() => endpoints('ftp://a')).to.throw(TypeError, 'not an http address');
    expect(() => endpoints('nonsense')).to.throw(TypeError);
  });

  it('learns a node that another names', () => {
    const { nodes } = endpoints(a);
    expect(nodes.named(a, 'http://b:1/')).to.equal(b);
    expect(nodes.urls).to.deep.equal([a, b]);
  });

  it('does not follow a name that is the node itself, no address, or less safe than the node', () => {
    const { nodes } = endpoints(a, 'https://s');
    for (const name of [a, null, 7, 'nonsense', 'ftp://b']) expect(nodes.named(a, name)).to.equal(undefined);
    expect(nodes.named('https://s', b)).to.equal(undefined);
  });

  it('keeps a bounded number of them, whatever a node makes up', () => {
    const { nodes } = endpoints(a);
    for (let port = 1; port <= 1000; port += 1) nodes.named(a, `http://made-up:${port}`);
    expect(nodes.urls).to.have.length(32);
  });
});

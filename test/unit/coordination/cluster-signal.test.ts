import { expect } from 'chai';
import { parseClusterSignal } from '../../../src/coordination/peers/cluster-signal.ts';

const PROMOTED = { kind: 'promoted', term: 7, node: 'node-8080', url: 'http://localhost:8080' };

describe('A signal of the cluster', () => {
  it('is parsed as nodes send it', () => {
    expect(parseClusterSignal(PROMOTED)).to.deep.equal(PROMOTED);
    expect(parseClusterSignal({ kind: 'resigned', term: 7, to: 'node-8081', more: 1 })).to.deep.equal({
      kind: 'resigned',
      term: 7,
      to: 'node-8081',
    });
    expect(parseClusterSignal({ kind: 'resigned', term: 7, to: null })).to.deep.equal({
      kind: 'resigned',
      term: 7,
      to: null,
    });
    for (const kind of ['switchover', 'pause']) expect(parseClusterSignal({ kind })).to.deep.equal({ kind });
  });

  it('is rejected if it has another shape, or a name that would forge a line of the log', () => {
    for (const payload of [null, 'promoted', 7, [], {}, { kind: 'other' }, { kind: 'promoted' }]) {
      expect(parseClusterSignal(payload), JSON.stringify(payload)).to.equal(null);
    }
    for (const node of ['', 'a\nb', 'a\u001b[2J', '\u202ea', 'a b', 'x'.repeat(41), 'x'.repeat(7000), 'a\0']) {
      expect(parseClusterSignal({ ...PROMOTED, node }), JSON.stringify(node)).to.equal(null);
      expect(parseClusterSignal({ kind: 'resigned', term: 7, to: node })).to.deep.equal({
        kind: 'resigned',
        term: 7,
        to: null,
      });
    }
    for (const url of ['', 'http://a\r\nb', 'http://é', `http://${'x'.repeat(1000)}`]) {
      expect(parseClusterSignal({ ...PROMOTED, url }), JSON.stringify(url)).to.equal(null);
    }
    for (const term of [1.5, '7', Number.NaN, 2 ** 60])
      expect(parseClusterSignal({ ...PROMOTED, term })).to.equal(null);
  });
});

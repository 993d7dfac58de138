import { expect } from 'chai';
import { canonicalJson } from '../../../../src/chat/idempotency/canonical-json.ts';

describe('Canonical JSON', () => {
  it('does not depend on the order of keys, at any depth', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: { '2': 'x', '10': 'y', z: true } })).to.equal(
      canonicalJson({ a: { z: true, '10': 'y', '2': 'x' }, b: [{ c: null, d: 1 }] }),
    );
  });

  it('differs for different values, and keeps the order of lists', () => {
    const texts = ['[1,2]', '[2,1]', '{"a":1}', '{"a":"1"}', '{"a":{}}', '{"a":[]}', '{"__proto__":1}', '{}', 'null'];
    expect(new Set(texts.map((text) => canonicalJson(JSON.parse(text)))).size).to.equal(texts.length);
  });

  it('leaves out what JSON leaves out', () => {
    expect(canonicalJson({ a: undefined, at: new Date(0) })).to.equal('{"at":"1970-01-01T00:00:00.000Z"}');
  });
});

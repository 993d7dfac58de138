import { expect } from 'chai';
import { json, meta } from '../../../../src/http/contract/request-schemas.ts';

describe('A number in the JSON of a client', () => {
  it('is refused if it is too large to be read: it would be stored as null', () => {
    for (const text of ['1e400', '[-1e400]', '{"a":{"b":1e309}}']) {
      expect(json.safeParse(JSON.parse(text)).success, text).to.equal(false);
      expect(meta.safeParse({ size: JSON.parse(text) }).success, `meta with ${text}`).to.equal(false);
    }
    for (const text of ['1.7e308', '[1e-400, -0]', '{"a":[1]}']) {
      expect(json.safeParse(JSON.parse(text)).success, text).to.equal(true);
    }
  });
});

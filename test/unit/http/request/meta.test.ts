import { expect } from 'chai';
import { z } from 'zod';
import { Refused } from '../../../../src/chat/errors.ts';
import { meta } from '../../../../src/http/contract/request-schemas.ts';
import { HttpError } from '../../../../src/http/http-error.ts';
import { validate } from '../../../../src/http/request/validate.ts';

describe('The meta of a message', () => {
  const schema = z.object({ meta: meta.optional() });
  const checked = (value: unknown) => validate(schema, { meta: value }).meta;

  it('keeps every key of the JSON, also one that means something to JavaScript', () => {
    const text = '{"__proto__":{"a":1},"constructor":1,"toString":null,"":2}';
    expect(JSON.stringify(checked(JSON.parse(text)))).to.equal(text);
    expect(checked(undefined)).to.equal(undefined);
  });

  it('is refused for its size before its keys are read one by one', () => {
    let reads = 0;
    const keys = Array.from({ length: 18_000 }, (_, at) => `k${at}`);
    const large = new Proxy(Object.fromEntries(keys.map((key) => [key, 0])), {
      get(target, key) {
        // Stands for the cost of writing it as JSON, which is a tenth of that of checking each key.
        if (key === 'toJSON') return () => 'x'.repeat(100_000);
        if (typeof key === 'string' && key.startsWith('k')) reads += 1;
        return Reflect.get(target, key);
      },
    });
    expect(() => checked(large))
      .to.throw(Refused)
      .with.property('code', 'meta_too_large');
    expect(reads).to.equal(0);
  });

  it('must be an object whose texts and numbers can be stored', () => {
    for (const wrong of [
      null,
      [],
      'x',
      1,
      { a: '\0' },
      { '\ud800': 1 },
      { a: [Number.POSITIVE_INFINITY] },
      'x'.repeat(9000),
    ]) {
      expect(() => checked(wrong))
        .to.throw(HttpError)
        .with.property('status', 400);
    }
  });
});

import { expect } from 'chai';
import { newIdempotencyKey } from '../../../src/client/idempotency-key.ts';

describe('An idempotency key', () => {
  it('is a random UUID of version 4 and never repeats', () => {
    const keys = Array.from({ length: 1000 }, newIdempotencyKey);
    for (const key of keys)
      expect(key).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(keys).size).to.equal(1000);
  });
});

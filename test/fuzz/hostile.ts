import fc from 'fast-check';

/** Text that has broken something somewhere: SQL, prototypes, what is no character, what looks like another. */
const TEXTS = [
  '',
  ' ',
  '\u00a0\u2003',
  '\0',
  'a\0b',
  '\ud800',
  '\udfff\ud800',
  '\u202egnirts',
  '\u200b',
  '\ufeffx',
  '\ufdfa'.repeat(20),
  'e\u0301'.repeat(40),
  '👩‍👩‍👧‍👦'.repeat(10),
  "' OR 1=1 --",
  '"; DROP TABLE plantao.users; --',
  "$1'$$\\",
  '%s%n%d',
  '%_\\%',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  '../../etc/passwd',
  '<script>alert(1)</script>',
  '{{7*7}}',
  '1e9',
  '0x10',
  '-1',
  '+1',
  '01',
  '1.5',
  '1 OR 1=1',
  'NaN',
  'Infinity',
  '9007199254740992',
  '9223372036854775808',
  'null',
  'true',
  '[object Object]',
  'all',
  'default',
];

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

export const hostileText = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 200 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60, max: 9000 }).map((length) => 'x'.repeat(length)) },
);

const hostileNumber = fc.oneof(
  fc.constantFrom(0, -0, -1, 1.5, 1e21, -1e308, 2 ** 31, 2 ** 53, 2 ** 63, Number.MIN_VALUE),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

/** Anything that JSON can say, most of it wrong wherever it is put. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  { weight: 3, arbitrary: hostileNumber },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { toString: 1 }, { length: -1 }),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(3, 99, 101, 2000).map(deep) },
);

/** Names that nobody asked for. */
export const strangeKey = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'id',
  'userid',
  'UserId',
  '',
  'a.b',
  'a[b]',
);

/** Bodies that are no JSON object, with what they claim to be. */
export const brokenBody: fc.Arbitrary<{ text: string; type: string | null }> = fc.record({
  text: fc.oneof(
    fc.constantFrom(
      '{',
      '}',
      '{"userId":',
      '[1,2',
      '"text"',
      'null',
      '0',
      '[]',
      'true',
      '',
      ' ',
      '\ufeff{}',
      '{}{}',
      '{"a":1,}',
      "{'a':1}",
    ),
    fc.constantFrom(
      '{"userId":1,"userId":2}',
      '{"__proto__":{"isAdmin":true}}',
      `${'['.repeat(20_000)}`,
      '{"a":"\\ud800"}',
      '{"a":1e999}',
    ),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constant(`{"content":"${'x'.repeat(140_000)}"}`),
  ),
  type: fc.constantFrom(
    'application/json',
    'application/json',
    'application/json; charset=utf-16',
    'application/json; charset=nonsense',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/xml',
    'nonsense',
    null,
  ),
});

/** Headers that are legal to send and odd to get. */
export const strangeHeaders: fc.Arbitrary<Record<string, string>> = fc.oneof(
  fc.constantFrom<Record<string, string>>(
    { authorization: 'Bearer' },
    { authorization: 'Basic YTpi' },
    { authorization: `Bearer ${'x'.repeat(43)}` },
    { authorization: `Bearer ${'x'.repeat(4000)}` },
    { 'idempotency-key': '' },
    { 'idempotency-key': 'a b' },
    { 'idempotency-key': 'k'.repeat(256) },
    { 'idempotency-key': 'k'.repeat(255) },
    { 'last-event-id': "0'--" },
    { 'last-event-id': '000000000000-99999999999999999999' },
    { 'content-encoding': 'gzip' },
    { 'content-encoding': 'br' },
    { 'content-encoding': 'nonsense' },
    { accept: 'text/html' },
    { accept: 'nonsense/*;q=x' },
    { origin: 'null' },
    { 'if-none-match': '*' },
    { range: 'bytes=0-1,5-9' },
    { expect: '100-continue' },
    { 'x-forwarded-for': '1.2.3.4, nonsense' },
    { 'x-http-method-override': 'DELETE' },
    { cookie: 'a=b; __proto__=c' },
    { 'x-long': 'x'.repeat(10_000) },
  ),
  fc.record({ 'idempotency-key': fc.stringMatching(/^[!-~]{1,40}$/) }),
);

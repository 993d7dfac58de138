import fc from 'fast-check';

/** Strings that often cause defects: SQL, prototypes, invalid and confusable characters. */
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

/** For each class of characters, some that cause work or defects, alone or in sequence. */
const CLASSES: Record<string, string[]> = {
  marks: [
    '\u0301',
    '\u0323',
    '\u0327',
    '\u0338',
    '\u05b0',
    '\u05bc',
    '\u0651',
    '\u093c',
    '\u094d',
    '\u0f71',
    '\u3099',
    '\u20dd',
  ],
  joiners: ['\u200c', '\u200d', '\u034f', '\u2060'],
  bidirectional: ['\u200e', '\u202e', '\u2066', '\u2069', '\u061c'],
  selectors: ['\ufe0f', '\ufe00', '\u{e0100}', '\u{e0061}', '\u180b'],
  surrogates: ['\ud800', '\udc00'],
  letters: ['x', 'İ', 'ß', 'Σ', 'ب', 'د', 'क', 'ශ', '\u1820'],
  ideographs: ['漢', '\uf900', '한', '\u1112\u1161\u11ab', '𠀀'],
  emoji: ['👩', '👩\u200d💻', '🇧🇷', '1\ufe0f\u20e3', '👩🏽', '❤\ufe0f'],
  digits: ['7', '٣', '７', '²', '⒈'],
  spaces: [' ', '\t', '\u00a0', '\u3000', '\u2028', '\u1680', '\ufeff', '\u2800'],
  controls: ['\0', '\u0001', '\u0085', '\u007f', '\u009f'],
  compatibility: ['\ufdfa', 'ﬃ', '㌀', '\u0344', '\u1f82'],
  unassigned: ['\ue000', '\uffff', '\u{10ffff}', '\u0378'],
  syntax: ['\\', '"', "'", '%', ',', ';', '[', '{', '=', '&', '/', '.', '-'],
};
/** One to three characters, mostly of one class. Marks are more frequent, because they cause work only in sequence. */
const pattern = fc.oneof(
  ...[...Object.values(CLASSES), CLASSES.marks ?? [], Object.values(CLASSES).flat()].map((characters) =>
    fc.array(fc.constantFrom(...characters), { minLength: 1, maxLength: 3 }),
  ),
);
/** Lengths around the limits of the fields and far beyond them, in UTF-16 units. */
const runLength = fc.oneof(
  fc.constantFrom(63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 4095, 4096, 4097, 8192, 8193),
  fc.integer({ min: 2, max: 700 }),
  fc.integer({ min: 700, max: 64_000 }),
);
/** A long repetition of one to three characters, after a character that they may combine with. */
export const longRun = fc
  .record({
    start: fc.constantFrom('', 'a', 'ب', 'क', '👩', '漢'),
    pattern,
    length: runLength,
  })
  .map(({ start, pattern, length }) => {
    const unit = pattern.join('');
    return (start + unit.repeat(Math.ceil(length / unit.length))).slice(0, length);
  });

export const hostileText = fc.oneof(
  { weight: 3, arbitrary: longRun },
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

/** Names that are costly to check, of the longest length and beyond it; a list of a thousand has 30,000 joiners. */
const COSTLY_NAMES = [
  'ب\u200c'.repeat(32),
  'a\u200ca\u200c'.repeat(16),
  'ب\u200c'.repeat(128),
  '\ufdfa\u200c'.repeat(32),
  'क्\u200d'.repeat(21),
  '👩\u200d💻'.repeat(12),
  'e\u0301\u0327'.repeat(21),
];

const many = ([one, count]: [unknown, number]) => Array.from({ length: count }, () => one);

/** Any JSON value, mostly invalid for every field. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  { weight: 3, arbitrary: hostileNumber },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { toString: 1 }, { length: -1 }),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(3, 99, 101, 2000).map(deep) },
  { weight: 1, arbitrary: fc.array(longRun, { maxLength: 4 }) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom<unknown>(0, 'x', null, []), fc.constantFrom(101, 1001, 20_000)).map(many),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...COSTLY_NAMES), fc.constantFrom(100, 255, 800, 1000)).map(many) },
);

/** Names of fields that the API does not define. */
export const unexpectedKey = fc.constantFrom(
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

/** A body that is sent as it is, with its characters in `encoding`. */
export interface MalformedBody {
  text: string;
  encoding: 'utf8' | 'latin1' | 'utf16le';
  type: string | null;
}

/** Bodies that are not JSON objects, with various content types. */
export const malformedBody: fc.Arbitrary<MalformedBody> = fc.record({
  encoding: fc.constantFrom('utf8', 'utf8', 'utf8', 'latin1', 'utf16le'),
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
      '{"a":'.repeat(20_000),
      `{"payload":[${'{},'.repeat(30_000)}{}]}`,
      `{"groups":[${'0,'.repeat(60_000)}0]}`,
      '{"username":"caf\u00e9"}',
      '{"username":"\u00c0\u00af"}',
      `{${'"a":0,'.repeat(15_000)}"b":0}`,
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

/** Headers that are legal but unusual. */
export const unusualHeaders: fc.Arbitrary<Record<string, string>> = fc.oneof(
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
    { 'x-forwarded-for': 'x'.repeat(400) },
    { 'x-forwarded-for': `[2001:db8::1%${'z'.repeat(300)}]:80` },
    { forwarded: `for="${'x'.repeat(4000)}` },
    { 'content-type': `application/json${'; a="'.repeat(2000)}` },
    { 'x-http-method-override': 'DELETE' },
    { cookie: 'a=b; __proto__=c' },
    { 'x-long': 'x'.repeat(10_000) },
  ),
  fc
    .record({
      name: fc.constantFrom('accept', 'authorization', 'idempotency-key', 'if-none-match', 'last-event-id', 'range'),
      more: fc.constantFrom('prefer', 'x-forwarded-for', 'cookie', 'content-type', 'cache-control', 'origin'),
      run: fc.array(fc.constantFrom(',', ';', '"', ' ', '\t', '=', '*/*', 'a', '1', '\\', '\u00ff'), {
        minLength: 1,
        maxLength: 3,
      }),
      length: fc.integer({ min: 1, max: 6000 }),
    })
    .map(({ name, more, run, length }) => {
      const value = `a${run.join('').repeat(length)}`.slice(0, length).trim();
      return { [name]: value, [more]: value };
    }),
  fc.record({ 'idempotency-key': fc.stringMatching(/^[!-~]{1,40}$/) }),
);

/** The pieces that request schemas are made of: ids, names, texts and the limits on them. */
import { z } from 'zod';
import { documented } from './documented.ts';

const LARGEST_ID = Number.MAX_SAFE_INTEGER;

/** A positive integer below 2^53, as a number or as decimal digits; "1e9", -1 and 1.5 are none. */
export const id = documented(
  z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^[1-9]\d{0,15}$/)
          .transform(Number),
      ],
      'must be a positive integer',
    )
    .refine((value) => Number.isInteger(value) && value > 0 && value <= LARGEST_ID, 'must be a positive integer'),
  { type: 'integer', minimum: 1, maximum: LARGEST_ID },
);

/** PostgreSQL's text holds any character but NUL; a lone surrogate is no character. */
const text = z
  .string('must be text')
  .refine((value) => !value.includes('\0'), 'must not contain the character NUL')
  .refine((value) => value.isWellFormed(), 'must be valid Unicode');

/** Control characters, and marks that turn the direction of what follows or are not seen at all. */
const UNSEEN = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;
/** All that is not seen: two usernames must not differ by it. */
const IGNORED = /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u;

/** Names are shown in lists and logs: trimmed, in one Unicode form, without what is not seen. */
const name = (longest: number, unseen: RegExp, tidy: (text: string) => string = (text) => text) =>
  documented(
    text
      .transform((value) => tidy(value.normalize('NFC')).trim())
      .refine((value) => value !== '', 'must not be empty')
      .refine((value) => [...value].length <= longest, `must have ${longest} characters or fewer`)
      .refine((value) => !unseen.test(value), 'must not contain control characters or such that are not seen'),
    { type: 'string', minLength: 1, maxLength: longest, pattern: '\\S' },
  );

/**
 * Length limits in characters; the tables check the same. That two ways to write a username are one is held by
 * plantao.name_key; here goes what cannot be seen: runs of spaces, and the selectors between two looks of a sign.
 */
export const username = name(64, IGNORED, (text) => text.replace(/\s+/g, ' ').replace(/[\ufe00-\ufe0f]/g, ''));
/** What a group or a free topic is called. */
export const groupName = name(128, UNSEEN);

/** A list of at most so many names. */
export const namesOf = <Name extends z.ZodType>(name: Name, most: number) =>
  z.array(name, 'must be a list of names').max(most, `must have ${most} names or fewer`);

/** A part of a name, to search by; none by default. */
export const namePart = documented(
  text
    .transform((value) => value.normalize('NFC'))
    .refine((value) => value.length <= 64, 'must have 64 characters or fewer'),
  { type: 'string', maxLength: 64 },
).default('');

/** A message's text: what people type, and a page of it fits an answer (500 of them, 8 MB at the worst). */
const CONTENT_LIMIT = 4096;
/** What a message says. */
export const content = documented(
  text
    .refine((value) => value.trim() !== '', 'must not be empty')
    .refine((value) => value.length <= CONTENT_LIMIT, `must have ${CONTENT_LIMIT} characters or fewer`),
  { type: 'string', minLength: 1, maxLength: CONTENT_LIMIT, pattern: '\\S' },
);

/** Of a password that an account is given, in characters: the least that NIST SP 800-63B allows. */
export const SHORTEST_PASSWORD = 8;
/** What is said of a shorter one. */
export const TOO_SHORT = `must have ${SHORTEST_PASSWORD} characters or more`;

/** scrypt takes any length; the upper limit keeps a login cheap to refuse. */
const passwordOf = (shortest: number, tooShort: string) =>
  documented(
    text
      .refine((value) => value.length >= shortest, tooShort)
      .refine((value) => value.length <= 256, 'must have 256 characters or fewer'),
    { type: 'string', minLength: shortest, maxLength: 256, format: 'password' },
  );

/** A password that an account is given. */
export const password = passwordOf(SHORTEST_PASSWORD, TOO_SHORT);
/** A password to come in with: one that is too short to be anybody's is wrong like any other. */
export const givenPassword = passwordOf(1, 'must not be empty');

/** A whole number from `least` to `most`, as a number or digits; above it counts as `most`. */
export const count = (least: number, most: number, otherwise: number) =>
  documented(
    z
      .union(
        [
          z.number(),
          z
            .string()
            .regex(/^\d{1,15}$/)
            .transform(Number),
        ],
        'must be a whole number',
      )
      .refine((value) => Number.isInteger(value) && value >= least, `must be a whole number of ${least} or more`)
      .transform((value) => Math.min(value, most)),
    { type: 'integer', minimum: least, maximum: most },
  ).default(otherwise);

/** How long a poll may wait, in seconds: shorter than the minute after which proxies give up. */
export const pollTimeout = documented(
  z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^\d{1,9}(\.\d{1,3})?$/)
          .transform(Number),
      ],
      'must be seconds from 0 to 55',
    )
    .refine((value) => Number.isFinite(value) && value >= 0, 'must be seconds from 0 to 55')
    .transform((value) => Math.min(value, 55)),
  { type: 'number', minimum: 0, maximum: 55 },
).default(25);

/** An opaque cursor; its form is checked where it is read. */
export const cursor = z.string('must be a cursor').max(64, 'must be a cursor').optional();

/** Deeper than anybody nests by hand, and far from what exhausts a stack, ours or PostgreSQL's. */
const DEEPEST = 100;
const isDeep = (value: unknown, left = DEEPEST): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (left === 0 || Object.values(value).some((one) => isDeep(one, left - 1)));

/** In JSON.stringify's writing: an escape (not an escaped backslash before a u) of NUL or of half a surrogate pair. */
const NO_CHARACTER = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/** Any JSON that PostgreSQL's jsonb holds. */
export const json = z
  .unknown()
  .refine((value) => !isDeep(value), `must not be nested deeper than ${DEEPEST}`)
  .refine(
    (value) => isDeep(value) || !NO_CHARACTER.test(JSON.stringify(value) ?? ''),
    'must be valid Unicode without NUL',
  );

/** The input of a route that takes none. */
export const nothing = z.object({});

/** Parts of request schemas: ids, names, texts and their limits. */

import { z } from 'zod';
import { Refused } from '../../chat/errors.ts';
import { reactionForm } from '../../chat/messages/reaction-form.ts';
import { HOOK_MARK, hidesCharacters, withoutStraySelectors } from '../../chat/users/names.ts';
import { isJsonObject } from '../../text/json-object.ts';
import { requestSchemaOf, requiredWhenOpen, withJsonSchema } from './json-schema.ts';
import { isStoredBeyond } from './stored-size.ts';

const MAX_ID = Number.MAX_SAFE_INTEGER;
/** The maximum number of entries in the `details` of an error. */
export const MAX_DETAILS = 20;

/** A number, or text that `pattern` matches and that is converted to a number. */
const numberOrText = (pattern: RegExp, problem: string) =>
  z.union([z.number(), z.string().regex(pattern).transform(Number)], problem);

/** A positive integer below 2^53, as a number or as decimal digits. Rejects "1e9", -1 and 1.5. */
export const id = withJsonSchema(
  numberOrText(/^[1-9]\d{0,15}$/, 'must be a positive integer').refine(
    (value) => Number.isInteger(value) && value > 0 && value <= MAX_ID,
    'must be a positive integer',
  ),
  { type: 'integer', minimum: 1, maximum: MAX_ID },
);

/** An id, or 0 for the place before the first one: the read mark of a user who has read nothing. */
export const idOrZero = withJsonSchema(
  z.union([z.literal(0), z.literal('0').transform(Number), id], 'must be a positive integer or 0'),
  { type: 'integer', minimum: 0, maximum: MAX_ID },
);

/** The user for whom a request acts: `requireUserId` (authentication.ts). `role` names that user in /docs. */
export const actingUserId = (role = 'The user who acts') =>
  requiredWhenOpen(
    id
      .optional()
      .describe(`${role}. Required with AUTH=open. With AUTH=token it may be left out: the token names the user.`),
  );

/** The user whom the events name as the actor, if the change may be about another user: `actorOf` (authentication.ts). */
export const actorId = id
  .optional()
  .describe(
    'The user who does this: the events name that user. It may be left out. With AUTH=token it must be the user of the token.',
  );

/** Returns true for text of at most `max` characters. Counting takes time proportional to the text, so long text is rejected first. */
const isAtMost = (text: string, max: number) =>
  text.length <= max || (text.length <= 2 * max && [...text].length <= max);

/**
 * Text of at most `maxLength` characters. The length is checked first, because normalising 64,000 combining marks takes ten
 * seconds. PostgreSQL's text cannot contain NUL, and a lone surrogate is not a character.
 */
const textOf = (maxLength: number, isShort = (value: string) => isAtMost(value, maxLength)) =>
  z
    .string('must be text')
    .refine(isShort, { error: `must have ${maxLength} characters or fewer`, abort: true })
    .refine((value) => !value.includes('\0'), 'must not contain the character NUL')
    .refine((value) => value.isWellFormed(), 'must be valid Unicode');

/** Maximum number of UTF-16 units that NFC composes into one character: a Greek letter with breathing, accent and iota has four. */
const UNITS = 4;

const nameDocument = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength, pattern: '\\S' });

/** A name, which is shown in lists and logs: trimmed, in NFC, without hidden characters (chat/users/names.ts). */
const name = (maxLength: number, tidy: (text: string) => string = (text) => text) =>
  withJsonSchema(
    textOf(maxLength, (value) => value.length <= UNITS * maxLength)
      .transform((value) => tidy(withoutStraySelectors(value.normalize('NFC'))).trim())
      .refine((value) => value !== '', { error: 'must not be empty', abort: true })
      .refine((value) => isAtMost(value, maxLength), {
        error: `must have ${maxLength} characters or fewer`,
        abort: true,
      })
      .refine((value) => !hidesCharacters(value), 'must not contain control characters or invisible ones'),
    nameDocument(maxLength),
  );

/** A username. The table checks the same length; plantao.name_key decides which names are equal. */
export const username = withJsonSchema(
  name(64, (text) => text.replace(/[^\S\ufeff]+/g, ' ')).refine(
    (value) => !value.includes(HOOK_MARK),
    `must not contain ${HOOK_MARK}, which marks hooks`,
  ),
  nameDocument(64),
);
/** The name of a hook. */
export const hookName = name(40);
/** Names that clients and proxies remove from a path (`/user/1/groups/..`), however they are encoded. */
const PATH_SEGMENTS = ['.', '..'];
/** The name of a group or of a topic. */
export const groupName = withJsonSchema(
  name(128).refine((value) => !PATH_SEGMENTS.includes(value), 'must not be . or .., which URLs cannot contain'),
  { ...nameDocument(128), not: { enum: PATH_SEGMENTS } },
);

/**
 * A list of at most `maxItems` names; a longer one is rejected before its entries are checked. The check ends with the last
 * problem that the response has room for.
 */
export const nameList = <Name>(name: z.ZodType<Name>, maxItems: number) => {
  const problem = 'must be a list of names';
  return withJsonSchema(
    z
      .array(z.unknown(), problem)
      .max(maxItems, { error: `must have ${maxItems} names or fewer`, abort: true })
      .transform((items, context): Name[] => {
        const names: Name[] = [];
        let refused = 0;
        for (const [at, item] of items.entries()) {
          const checked = name.safeParse(item);
          if (checked.success) names.push(checked.data);
          else {
            const message = checked.error.issues[0]?.message;
            context.addIssue({ code: 'custom', message, path: [at] });
            refused += 1;
            if (refused === MAX_DETAILS) return z.NEVER;
          }
        }
        return names;
      }),
    { type: 'array', maxItems, items: requestSchemaOf(name) },
  );
};

/** A part of a name to search for; empty by default. */
export const namePart = withJsonSchema(
  textOf(64).transform((value) => value.normalize('NFC')),
  { type: 'string', maxLength: 64 },
).default('');

/** The query of a search for messages. */
export const searchText = withJsonSchema(textOf(256), { type: 'string', minLength: 1, maxLength: 256, pattern: '\\S' });

/** Longest message, in characters. A page of 500 of them has at most 8 MB. */
const CONTENT_LIMIT = 4096;
/** A character that can be seen: no space, control character, joiner, filler or mark of direction. */
const VISIBLE = /[^\s\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]/u;
/** The text of a message. */
export const content = withJsonSchema(
  textOf(CONTENT_LIMIT).refine((value) => VISIBLE.test(value), 'must not be empty'),
  { type: 'string', minLength: 1, maxLength: CONTENT_LIMIT, pattern: '\\S' },
);

/** The description of a group. */
export const description = withJsonSchema(
  textOf(1024).transform((value) => value.trim()),
  { type: 'string', maxLength: 1024 },
);

/** A reaction to a message: an emoji, or a short name that clients agree on. */
export const emoji = name(32, reactionForm);

/** The reason for a pause of failover. */
export const pauseReason = name(200);

/** The longest `meta` of a message, as JSON in bytes. */
const META_LIMIT = 4096;
/** The same as text of PostgreSQL (messages_meta in 0001_chat.sql), which also has a space after each comma and colon. */
const STORED_META_LIMIT = 8192;

/** Shortest new password, in characters: the minimum of NIST SP 800-63B. */
export const MIN_PASSWORD_LENGTH = 8;
/** The error for a shorter password. */
export const TOO_SHORT = `must have ${MIN_PASSWORD_LENGTH} characters or more`;

/** scrypt accepts any length; the upper limit keeps the rejection of a login cheap. */
const passwordOf = (minLength: number, tooShort: string) =>
  withJsonSchema(
    textOf(256).refine((value) => value.length >= minLength, tooShort),
    { type: 'string', minLength, maxLength: 256, format: 'password' },
  );

/** A new password. */
export const password = passwordOf(MIN_PASSWORD_LENGTH, TOO_SHORT);
/** A password to log in with. One that is too short for any account is simply wrong. */
export const givenPassword = passwordOf(1, 'must not be empty');

/** A whole number from `min` to `max`, as a number or as digits; `defaultValue` by default. */
export const count = (min: number, max: number, defaultValue: number) => {
  const problem = `must be a whole number from ${min} to ${max}`;
  return withJsonSchema(
    numberOrText(/^\d{1,15}$/, problem).refine(
      (value) => Number.isInteger(value) && value >= min && value <= max,
      problem,
    ),
    { type: 'integer', minimum: min, maximum: max },
  ).default(defaultValue);
};

/** The time that a poll may wait, in seconds: less than the minute after which proxies close a connection. */
export const pollTimeout = withJsonSchema(
  numberOrText(/^\d{1,9}(\.\d{1,9})?$/, 'must be seconds from 0 to 55').refine(
    (value) => value >= 0 && value <= 55,
    'must be seconds from 0 to 55',
  ),
  { type: 'number', minimum: 0, maximum: 55 },
).default(25);

/** `1` if a stream gets signals of typing and presence, `0` if not. */
export const wantsEphemeral = z.enum(['0', '1'], 'must be 0 or 1').optional();

/** The same as {@link wantsEphemeral} for a poll, or the header Ephemeral-Cursor of the poll before. */
export const ephemeralCursor = z
  .string('must be 0, 1 or an Ephemeral-Cursor')
  .regex(/^(?:[01]|[0-9a-f]{12}-\d{1,15})$/, 'must be 0, 1 or an Ephemeral-Cursor')
  .optional();

/** An opaque cursor. The event log checks its form. */
export const cursor = z.string('must be a cursor').max(64, 'must be a cursor').optional();

const UNSTORABLE = 'must be valid Unicode without NUL, and its numbers below 1.8e308';

/**
 * Returns true if jsonb can store every string in `value`, keys included, and every number is finite: the parser turns 1e400 into
 * Infinity, which would be stored as null. The recursion ends, because the parser limits the depth of a body.
 */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed();
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isStorable);
  return Object.entries(value).every(([key, one]) => isStorable(key) && isStorable(one));
}

/** The name of a node, in the characters that NODE_NAME may have. */
export const nodeName = z.string('must be the name of a node').regex(/^[\w.-]{1,64}$/, 'must be the name of a node');

/** Any JSON that jsonb can store. */
export const json = z.unknown().refine(isStorable, UNSTORABLE);

/** A JSON object that a client stores with its message, with any keys. Its size is checked before its content. */
export const meta = withJsonSchema(
  z
    .unknown()
    .refine(isJsonObject, { error: 'must be a JSON object', abort: true })
    .refine((value) => {
      // The same status and code as for a meta that is short enough here, but that PostgreSQL refuses as too large.
      const isTooLong = Buffer.byteLength(JSON.stringify(value)) > META_LIMIT;
      if (isTooLong || isStoredBeyond(STORED_META_LIMIT, value)) throw new Refused('meta_too_large');
      return true;
    })
    .refine(isStorable, UNSTORABLE)
    .transform((value) => value as Record<string, unknown>),
  { type: 'object', additionalProperties: true },
);

/** The input of a route without parameters. */
export const nothing = z.object({});

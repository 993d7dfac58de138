/** Parts of request schemas: ids, numbers, cursors and JSON. */

import { z } from 'zod';
import { Refused } from '../../chat/errors.ts';
import { isJsonObject } from '../../text/json-object.ts';
import { requiredWhenOpen, withJsonSchema } from './json-schema.ts';
import { isStoredBeyond } from './stored-size.ts';

const MAX_ID = Number.MAX_SAFE_INTEGER;
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

/** The longest `meta` of a message, as JSON in bytes. */
const META_LIMIT = 4096;
/** The same as text of PostgreSQL (messages_meta in 0001_chat.sql), which also has a space after each comma and colon. */
const STORED_META_LIMIT = 8192;

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

/** Parts of request schemas: texts and names, and their limits. */

import { z } from 'zod';
import { reactionForm } from '../../chat/messages/reaction-form.ts';
import { HOOK_MARK, hidesCharacters, withoutStraySelectors } from '../../chat/users/names.ts';
import { requestSchemaOf, withJsonSchema } from './json-schema.ts';

/** The maximum number of entries in the `details` of an error. */
export const MAX_DETAILS = 20;

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

/** The name of a node, in the characters that NODE_NAME may have. */
export const nodeName = z.string('must be the name of a node').regex(/^[\w.-]{1,64}$/, 'must be the name of a node');

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

import type { QueryConfig } from 'pg';
import { epochMs } from '../../database/sql/timestamps.ts';
import type { Durability } from './post.ts';
import type { QueuedPost } from './post-queue.ts';

/**
 * Neither the results nor the parameters may depend on a setting that a DBA's trigger may change in the session: DateStyle formats
 * a time, and with array_nulls = off a NULL in an array arrives as the text "NULL". So the time is a number, and an empty text
 * or 0 stands for a value that a post lacks.
 */
const RESULT = `outcome, message_id, ${epochMs('sent_at')} AS sent_at_ms, log_position, durable`;
const KEYS = "array_replace($6::text[], '', NULL)";
const REPLIES_AND_METAS = "array_replace($7::bigint[], 0, NULL), array_replace($8::text[], '', NULL)";

const POST_MESSAGES = {
  name: 'post_messages',
  text: `SELECT ${RESULT}
         FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], ${KEYS})`,
};

/** The call for a batch that has replies or meta. */
const POST_WITH_REPLY_OR_META = {
  name: 'post_rich_messages',
  text: `SELECT ${RESULT}
         FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], ${KEYS}, ${REPLIES_AND_METAS})`,
};

/** The call for a batch with a post that must be replicated, or comes from a hook. */
const POST_WITH_ALL_PARAMETERS = {
  name: 'post_special_messages',
  text: `SELECT ${RESULT}
         FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], ${KEYS}, ${REPLIES_AND_METAS},
                                    replicated_only => $9::boolean[], from_hooks => $10::boolean[])`,
};

/** The result of one post of a batch. The other fields are valid only if the outcome is `sent` or `repeated`. */
export interface OutcomeRow {
  outcome:
    | 'sent'
    | 'repeated'
    | 'key_reused'
    | 'user_not_found'
    | 'group_not_found'
    | 'not_a_member'
    | 'group_archived'
    | 'account_deleted'
    | 'reply_not_found'
    | 'hook_revoked'
    | 'not_replicated';
  message_id: number;
  /** See {@link epochMs}. */
  sent_at_ms: string;
  log_position: number;
  durable: Durability;
}

/** Returns the call of plantao.post_messages() for a batch, without the parameters that none of its posts needs. */
export function postStatement(fencingToken: number, membersOnly: boolean, batch: readonly QueuedPost[]): QueryConfig {
  const posts = batch.map(({ post }) => post);
  const values = [
    fencingToken,
    membersOnly,
    posts.map((post) => post.senderId),
    posts.map((post) => post.groupId),
    posts.map((post) => post.content),
    posts.map((post) => post.key ?? ''),
  ];
  const hasReplyOrMeta = posts.some((post) => post.replyTo !== undefined || post.meta !== undefined);
  const needsAllParameters = posts.some((post) => post.mustReplicate || post.fromHook);
  if (!hasReplyOrMeta && !needsAllParameters) return { ...POST_MESSAGES, values };
  const replies = posts.map((post) => post.replyTo ?? 0);
  const metas = posts.map((post) => post.meta ?? '');
  if (!needsAllParameters) return { ...POST_WITH_REPLY_OR_META, values: [...values, replies, metas] };
  const replicatedOnly = posts.map((post) => post.mustReplicate);
  const fromHooks = posts.map((post) => post.fromHook ?? false);
  return { ...POST_WITH_ALL_PARAMETERS, values: [...values, replies, metas, replicatedOnly, fromHooks] };
}

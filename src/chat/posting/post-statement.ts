import type { QueryConfig } from 'pg';
import type { Durability } from './post.ts';
import type { QueuedPost } from './post-queue.ts';

const POST_MESSAGES = {
  name: 'post_messages',
  text: `SELECT outcome, message_id, sent_at, log_position, durable
         FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], $6::text[])`,
};

/** The call for a batch that has replies or meta. */
const POST_WITH_REPLY_OR_META = {
  name: 'post_rich_messages',
  text: `SELECT outcome, message_id, sent_at, log_position, durable
         FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[])`,
};

/** The call for a batch with a post that must be replicated, or comes from a hook. */
const POST_WITH_ALL_PARAMETERS = {
  name: 'post_special_messages',
  text: `SELECT outcome, message_id, sent_at, log_position, durable
         FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[],
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
  sent_at: Date;
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
    posts.map((post) => post.key),
  ];
  const hasReplyOrMeta = posts.some((post) => post.replyTo !== undefined || post.meta !== undefined);
  const needsAllParameters = posts.some((post) => post.mustReplicate || post.fromHook);
  if (!hasReplyOrMeta && !needsAllParameters) return { ...POST_MESSAGES, values };
  const replies = posts.map((post) => post.replyTo ?? null);
  const metas = posts.map((post) => post.meta ?? null);
  if (!needsAllParameters) return { ...POST_WITH_REPLY_OR_META, values: [...values, replies, metas] };
  const replicatedOnly = posts.map((post) => post.mustReplicate);
  const fromHooks = posts.map((post) => post.fromHook ?? false);
  return { ...POST_WITH_ALL_PARAMETERS, values: [...values, replies, metas, replicatedOnly, fromHooks] };
}

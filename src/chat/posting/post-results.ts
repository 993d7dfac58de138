/** Resolves and rejects the posts of a batch. */

import { unavailabilityOf, WAITS_FOR_STANDBY } from '../../database/errors.ts';
import { timeOfEpoch } from '../../database/sql/timestamps.ts';
import { Refused } from '../errors.ts';
import type { Post } from './post.ts';
import type { QueuedPost } from './post-queue.ts';
import type { OutcomeRow } from './post-statement.ts';

/** Resolves or refuses each post of a committed batch; `rows` are in the order of the batch. */
export function settleAll(batch: readonly QueuedPost[], rows: readonly OutcomeRow[]): void {
  batch.forEach((queued, at) => {
    settle(queued, rows[at]);
  });
}

function settle(queued: QueuedPost, row: OutcomeRow | undefined): void {
  if (!row) queued.reject(new Error('post_messages returned too few rows'));
  else if (row.outcome !== 'sent' && row.outcome !== 'repeated') queued.reject(new Refused(row.outcome));
  else
    queued.resolve({
      messageId: row.message_id,
      sentAt: timeOfEpoch(row.sent_at_ms),
      position: row.log_position,
      repeated: row.outcome === 'repeated',
      durable: row.durable,
    });
}

/** Rejects all posts of a batch that was not stored. */
export function failAll(batch: readonly QueuedPost[], error: unknown): void {
  for (const queued of batch) queued.fail(error);
}

/** Returns the error of posts that were not stored because PostgreSQL was not available. */
export function notStored(cause: unknown): Refused {
  return new Refused('unavailable', { sentence: `${unavailabilityOf(cause)}: nothing was stored, try again`, cause });
}

/** Returns the error of a post that may be stored. */
export function maybeStored(post: Post, waitedForStandby: boolean, cause: unknown): Refused {
  if (waitedForStandby && post.mustReplicate) return new Refused('not_replicated', { cause });
  return new Refused('outcome_unknown', { cause, ...(waitedForStandby && { sentence: WAITS_FOR_STANDBY }) });
}

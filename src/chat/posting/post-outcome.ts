import { BlockedError } from '../../database/checks/blocking.ts';
import { NotActiveError } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';

/** The outcomes of posts that are visible in /metrics from the start. */
export const POST_OUTCOMES = [
  'stored',
  'repeated',
  'not_active',
  'overloaded',
  'unavailable',
  'outcome_unknown',
  'not_replicated',
  'blocked',
  'failed',
];

/** Returns the outcome of a post that was rejected with `error`. */
export function outcomeOf(error: unknown): string {
  if (error instanceof Refused) return error.code;
  if (error instanceof NotActiveError) return 'not_active';
  return error instanceof BlockedError ? 'blocked' : 'failed';
}

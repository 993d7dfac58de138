import type { Answer } from '../support/http.ts';
import { positionOf } from './position.ts';

/** How a post ended, as the history has it. */
export type Outcome =
  | { type: 'ok'; message: number; position: number }
  | { type: 'fail'; reason: string; activeUrl?: unknown }
  | { type: 'unknown'; reason: string };

interface Body {
  code?: unknown;
  active_url?: unknown;
  message_id?: unknown;
  cursor?: unknown;
}

/**
 * What an answer proves. 4xx: the node has read the request and not done it. 503 with a code of the service other than
 * outcome_unknown likewise: not_active, not_alive, overloaded and unavailable all say "not stored". Any other 5xx, and a
 * 2xx that does not name a message, prove nothing.
 */
export function outcomeOf(answer: Answer<Body | undefined>): Outcome {
  const { status, body } = answer;
  if (status === 200 && typeof body?.message_id === 'number' && typeof body.cursor === 'string') {
    return { type: 'ok', message: body.message_id, position: positionOf(body.cursor) };
  }
  const code = typeof body?.code === 'string' ? body.code : '';
  const reason = `${status} ${code}`.trim();
  const refused = (status >= 400 && status < 500) || (status === 503 && code !== '' && code !== 'outcome_unknown');
  if (!refused) return { type: 'unknown', reason };
  return code === 'not_active' ? { type: 'fail', reason, activeUrl: body?.active_url } : { type: 'fail', reason };
}

/** What a broken call proves: nothing, unless no connection came about at all. */
export function outcomeOfError(error: unknown): Outcome {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = code || (error instanceof Error ? error.message : String(error));
  return { type: code === 'ECONNREFUSED' ? 'fail' : 'unknown', reason };
}

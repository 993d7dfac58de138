import { errorMessage } from '../../error-message.ts';
import { epochOf, positionOf } from '../history/position.ts';
import type { HttpResponse } from '../http.ts';

/** The outcome of a post, in the form of the history. */
export type Outcome =
  | { type: 'ok'; message: number; position: number; epoch: string; durable?: string }
  | { type: 'fail'; reason: string; activeUrl?: unknown }
  | { type: 'unknown'; reason: string };

const PROVE_NOTHING = ['', 'outcome_unknown', 'not_replicated'];

interface Body {
  code?: unknown;
  active_url?: unknown;
  message_id?: unknown;
  cursor?: unknown;
  durable?: unknown;
}

/**
 * Returns the outcome that a response proves. A 4xx means that the node did not execute the request. So does a 503 with a
 * code of the service other than outcome_unknown: not_active, not_alive, overloaded and unavailable all mean "not stored".
 * Any other 5xx (not_replicated: stored, but not as asked), and a 2xx without a message id, prove nothing.
 */
export function outcomeOf(response: HttpResponse<Body | undefined>): Outcome {
  const { status, body } = response;
  if (status === 200 && typeof body?.message_id === 'number' && typeof body.cursor === 'string') {
    const { message_id: message, cursor, durable } = body;
    const place = { message, position: positionOf(cursor), epoch: epochOf(cursor) };
    return { type: 'ok', ...place, ...(typeof durable === 'string' ? { durable } : {}) };
  }
  const code = typeof body?.code === 'string' ? body.code : '';
  const reason = `${status} ${code}`.trim();
  const refused = (status >= 400 && status < 500) || (status === 503 && !PROVE_NOTHING.includes(code));
  if (!refused) return { type: 'unknown', reason };
  return code === 'not_active' ? { type: 'fail', reason, activeUrl: body?.active_url } : { type: 'fail', reason };
}

/** Returns the outcome of a failed request: unknown, unless the connection was refused. */
export function outcomeOfError(error: unknown): Outcome {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = code || errorMessage(error);
  return { type: code === 'ECONNREFUSED' ? 'fail' : 'unknown', reason };
}

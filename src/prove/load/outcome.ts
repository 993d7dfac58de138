import { effectOfCode } from '../../client/requests/effect-of-code.ts';
import { errorMessage } from '../../error-message.ts';
import { epochOf, positionOf } from '../history/position.ts';
import type { HttpResponse } from '../http.ts';

/** The outcome of a post, as the history records it. */
export type Outcome =
  | { type: 'ok'; message: number; position: number; epoch: string; durable?: string }
  | { type: 'fail'; reason: string; activeUrl?: unknown }
  | { type: 'unknown'; reason: string };

interface Body {
  code?: unknown;
  active_url?: unknown;
  message_id?: unknown;
  cursor?: unknown;
  durable?: unknown;
}

/**
 * Returns the outcome that a response proves. A 4xx means that the node did not execute the request, and so does a 503 with
 * most codes ({@link effectOfCode}). Any other 5xx (such as not_replicated: stored, but not replicated) proves nothing, and neither
 * does a 2xx without a message id.
 */
export function outcomeOfResponse(response: HttpResponse<Body | undefined>): Outcome {
  const { status, body } = response;
  if (status === 200 && typeof body?.message_id === 'number' && typeof body.cursor === 'string') {
    const { message_id: message, cursor, durable } = body;
    const place = { message, position: positionOf(cursor), epoch: epochOf(cursor) };
    return { type: 'ok', ...place, ...(typeof durable === 'string' ? { durable } : {}) };
  }
  const code = typeof body?.code === 'string' ? body.code : '';
  const reason = `${status} ${code}`.trim();
  const refused = (status >= 400 && status < 500) || (status === 503 && effectOfCode(code) !== 'perhaps executed');
  if (!refused) return { type: 'unknown', reason };
  return code === 'not_active' ? { type: 'fail', reason, activeUrl: body?.active_url } : { type: 'fail', reason };
}

/** Returns the outcome of a failed request: unknown, unless the connection was refused. */
export function outcomeOfError(error: unknown): Outcome {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = code || errorMessage(error);
  return { type: code === 'ECONNREFUSED' ? 'fail' : 'unknown', reason };
}

import type { Answer } from './attempt.ts';
import { ChatError, type ErrorDetail, type ErrorFacts, RefusedError } from './errors.ts';

/** What an answer means for the request: it is done, it is refused, or another node (or a later time) may do it. */
export type Verdict =
  | { kind: 'done' }
  | { kind: 'refused'; error: ChatError }
  | { kind: 'elsewhere'; reason: string; code: string; activeUrl: unknown; retryAfterMs: number; undone: boolean };

/** Statuses that say "not this node, not now": from the node itself or from a proxy before it. */
const elsewhere = new Set([502, 503, 504]);

/**
 * The refusals that prove that nothing was done: the node did not begin. Any other 5xx may have lost an answer on its way,
 * between proxy and node or between node and database.
 */
const undone = new Set(['not_active', 'not_alive', 'overloaded']);

function codeOf(answer: Answer): string {
  return typeof answer.body?.code === 'string' ? answer.body.code : '';
}

/** Milliseconds of the header Retry-After, which nodes give in seconds; 0 without one. */
function retryAfterMs(answer: Answer): number {
  const seconds = Number(answer.headers.get('Retry-After') ?? '');
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}

function refusal(answer: Answer): ChatError {
  const sentence = typeof answer.body?.error === 'string' ? answer.body.error : `the node answered ${answer.status}`;
  const facts: ErrorFacts = { status: answer.status, code: codeOf(answer) || `http_${answer.status}` };
  if (Array.isArray(answer.body?.details)) facts.details = answer.body.details as ErrorDetail[];
  if (retryAfterMs(answer) > 0) facts.retryAfterMs = retryAfterMs(answer);
  return answer.status < 500 ? new RefusedError(sentence, facts) : new ChatError(sentence, facts);
}

/**
 * Judges an answer. `patient` is for streams, which outlive every failure of a node: they also wait out 429 and any 5xx,
 * which a single request reports at once.
 */
export function judge(answer: Answer, patient: boolean): Verdict {
  const { status } = answer;
  if (status < 400) return { kind: 'done' };
  const waits = patient && (status >= 500 || status === 429);
  if (!elsewhere.has(status) && !waits) return { kind: 'refused', error: refusal(answer) };
  const code = codeOf(answer);
  return {
    kind: 'elsewhere',
    reason: code === '' ? `answers ${status}` : `says ${code}`,
    code,
    activeUrl: code === 'not_active' ? answer.body?.active_url : null,
    retryAfterMs: retryAfterMs(answer),
    undone: status === 503 && undone.has(code),
  };
}

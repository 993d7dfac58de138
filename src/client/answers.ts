import type { Answer } from './attempt.ts';
import { UnreadableAnswerError } from './errors.ts';

/**
 * Reads a 2xx body of which the fields named here must be there. Raises UnreadableAnswerError otherwise: that is another
 * program's answer, and an error now says more than an undefined somewhere later.
 */
export function bodyWith<T extends object>(answer: Answer, ...fields: (keyof T & string)[]): T {
  for (const field of fields) {
    if (answer.body?.[field] === undefined) {
      throw new UnreadableAnswerError(`the answer has no "${field}": is this URL a Plantão node?`, {
        status: answer.status,
        code: 'unreadable_answer',
      });
    }
  }
  return answer.body as T;
}

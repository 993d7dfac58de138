import { BlockedError } from '../checks/blocking.ts';
import { isRefusedByDatabase, isUnavailable, OutcomeUnknownError } from '../errors.ts';
import { NotActiveError } from './fenced-write.ts';

/** Returns true for an error that is reported to the client as "nothing was stored". */
const meansNothingStored = (error: unknown) =>
  error instanceof NotActiveError ||
  error instanceof BlockedError ||
  isUnavailable(error) ||
  isRefusedByDatabase(error);

const STORED = 'the change is stored, but the data for the response could not be read: repeat the request';

/**
 * Runs the rest of a request whose write is committed: another write, or a read for the response. An error that says "nothing was
 * stored" would be false there.
 * @throws {OutcomeUnknownError} with `sentence` in place of such an error; any other error unchanged.
 */
export async function afterCommit<T>(work: () => Promise<T>, sentence = STORED): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw meansNothingStored(error) ? new OutcomeUnknownError(sentence, { cause: error }) : error;
  }
}

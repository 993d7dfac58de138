import { BlockedError } from './checks/blocking.ts';
import { isRefusedByDatabase, isUnavailable, OutcomeUnknownError } from './errors.ts';
import { NotActiveError } from './fenced-write.ts';

/** True for an error that is reported to the client as "nothing was stored". */
const meansNothingStored = (error: unknown) =>
  error instanceof NotActiveError ||
  error instanceof BlockedError ||
  isUnavailable(error) ||
  isRefusedByDatabase(error);

/**
 * Runs a write of a request whose earlier write is committed. If it fails, it is no longer true that nothing was stored.
 * @throws {OutcomeUnknownError} with `sentence` in place of an error that says so; any other error unchanged.
 */
export async function laterWrite<T>(sentence: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw meansNothingStored(error) ? new OutcomeUnknownError(sentence, { cause: error }) : error;
  }
}

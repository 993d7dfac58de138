/** Thrown when the environment of this process cannot be read. The message says what to do. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * Returns the path of the working folder. Some libraries read it when they are loaded, and fail with an error that names no remedy.
 * @throws {EnvironmentError} if it was deleted.
 */
export function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new EnvironmentError('the working folder was deleted, or cannot be read: change to another one (cd)');
  }
}

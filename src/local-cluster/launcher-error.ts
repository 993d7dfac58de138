/** Thrown when the cluster cannot run; the message is a sentence for the person who started it. */
export class LauncherError extends Error {
  override name = 'LauncherError';
}

/** Why the cluster cannot run, as one sentence for the person who started it. */
export class LauncherError extends Error {
  override name = 'LauncherError';
}

/** Thrown when `plantao prove` cannot run or continue. The message is a sentence for the person who started it. */
export class ProveError extends Error {
  override readonly name = 'ProveError';
}

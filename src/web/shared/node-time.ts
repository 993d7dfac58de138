/** A smaller difference is not corrected: the header has whole seconds, and a response takes time. */
const TOLERANCE_MS = 60_000;
let offsetMs = 0;

/** Notes the time at which a node sent a response. Browsers show its `Date` header only to pages of the same node. */
export function noteTime({ headers }: Pick<Response, 'headers'>): void {
  const difference = Date.parse(headers.get('Date') ?? '') - Date.now();
  if (!Number.isNaN(difference)) offsetMs = Math.abs(difference) < TOLERANCE_MS ? 0 : difference;
}

/** Returns the current time by the nodes' clock, for comparison with times from nodes: this device's clock may be wrong by days. */
export function nodeTime(): Date {
  return new Date(Date.now() + offsetMs);
}

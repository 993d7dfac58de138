/// <reference lib="dom" />
import { useEffect, useState } from 'preact/hooks';

/** Returns a signal that aborts when the dialog closes: a request that the user has cancelled must not be retried, and succeed later. */
export function useUntilClosed(): AbortSignal {
  const [closing] = useState(() => new AbortController());
  useEffect(() => () => closing.abort(), []);
  return closing.signal;
}

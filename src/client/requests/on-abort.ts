interface Listening {
  readonly calls: Set<() => void>;
  stop(): void;
}

const listening = new WeakMap<AbortSignal, Listening>();

/**
 * Calls `listener` when `signal` is aborted, until the returned function is called. All calls that share a signal share one
 * listener on it: Node.js prints a warning from the eleventh on.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal) return () => {};
  const shared = listening.get(signal) ?? listenTo(signal);
  // A function of its own, so that the same listener may be added twice.
  const call = () => listener();
  shared.calls.add(call);
  return () => {
    if (shared.calls.delete(call) && shared.calls.size === 0) shared.stop();
  };
}

function listenTo(signal: AbortSignal): Listening {
  const calls = new Set<() => void>();
  const fire = () => {
    for (const call of [...calls]) call();
  };
  const stop = () => {
    signal.removeEventListener('abort', fire);
    listening.delete(signal);
  };
  signal.addEventListener('abort', fire, { once: true });
  const made = { calls, stop };
  listening.set(signal, made);
  return made;
}

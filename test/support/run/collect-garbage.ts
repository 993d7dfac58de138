import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects all garbage now and every few milliseconds, until the returned function is called. */
export function collectGarbage(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const timer = setInterval(collect, 50);
  return () => clearInterval(timer);
}

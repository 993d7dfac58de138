import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects all garbage now and after every pause, until the returned function is called. Half of the time is left for the test. */
export function collectGarbage(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let timer: NodeJS.Timeout | undefined;
  const collectAgain = () => {
    collect();
    timer = setTimeout(collectAgain, 50);
  };
  collectAgain();
  return () => clearTimeout(timer);
}

import { oncePerProcess } from './once-per-process.ts';

/**
 * Warnings of Node.js in this process and in the nodes that it started (`MaxListenersExceededWarning` …). Each of them means
 * that something piles up or is misused, so a test that causes one fails.
 */
const state = oncePerProcess('warnings', () => {
  const warnings: string[] = [];
  process.on('warning', ({ name, message, stack }) => {
    if (isOurs(name)) warnings.push(`${name}: ${message}\n${stack ?? ''}`);
  });
  return { warnings };
});

/** Warnings about deprecated or experimental features concern Node.js and tools, not the tests. */
const isOurs = (name: string) => !/^(Experimental|Deprecation)Warning$/.test(name);

/** Records a warning in a line of a node's output. */
export function noteWarning(owner: string, line: string): void {
  const [, name] = /^\(node:\d+\) (?:\[\w+\] )?(\w*Warning): /.exec(line) ?? [];
  if (name !== undefined && isOurs(name)) state.warnings.push(`${owner} printed ${line}`);
}

/** Returns the warnings since the last call. */
export function takeWarnings(): string[] {
  return state.warnings.splice(0);
}

import { oncePerProcess } from './once-per-process.ts';

/**
 * Warnings that Node.js has printed, in this process and by the nodes that it started (`MaxListenersExceededWarning` …). Each
 * one says that something piles up or is used wrongly, so a test that leads to one fails.
 */
const state = oncePerProcess('warnings', () => {
  const warnings: string[] = [];
  process.on('warning', ({ name, message, stack }) => {
    if (isOurs(name)) warnings.push(`${name}: ${message}\n${stack ?? ''}`);
  });
  return { warnings };
});

/** What is deprecated or experimental is said of the Node.js that runs here, and of tools, before any test begins. */
const isOurs = (name: string) => !/^(Experimental|Deprecation)Warning$/.test(name);

/** Takes note of a warning among the lines that a node has printed. */
export function noteWarning(owner: string, line: string): void {
  const [, name] = /^\(node:\d+\) (?:\[\w+\] )?(\w*Warning): /.exec(line) ?? [];
  if (name !== undefined && isOurs(name)) state.warnings.push(`${owner} printed ${line}`);
}

/** Returns the warnings since the last call. */
export function takeWarnings(): string[] {
  return state.warnings.splice(0);
}

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { printable } from '../log/printable.ts';

/** Longer than a line of a node's log: that is cut where it is written. */
const MAX_LINE_LENGTH = 100_000;

/** The output of the launcher and its nodes: one line each, prefixed with the writer's name. */
export interface Output {
  /** Writes a line of the launcher. */
  log(line: string): void;
  /** Copies every line of a node's output from now on. */
  follow(node: string, stream: Readable): void;
  /** Writes text unchanged, without a name. */
  print(text: string): void;
}

/** Creates an output on `write`; names are padded to the longest of `nodes`. */
export function openOutput(nodes: string[], write: (text: string) => void): Output {
  const width = Math.max('cluster'.length, ...nodes.map((node) => node.length));
  const line = (name: string, text: string) => write(`${name.padEnd(width)} │ ${text}\n`);
  return {
    log: (text) => line('cluster', `${new Date().toISOString().slice(11, 23)} ${printable(text)}`),
    follow: (node, stream) => {
      // A pretty log line names its node after the time; drop the repetition.
      const own = new RegExp(`^(\\d\\d:\\d\\d:\\d\\d\\.\\d{3}) ${escaped(node)} `);
      const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
      lines.on('line', (text) => line(node, printable(text, MAX_LINE_LENGTH).replace(own, '$1 ')));
    },
    print: write,
  };
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

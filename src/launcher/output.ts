import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Where the launcher and its nodes tell what happens, one line each, with the teller's name before it. */
export interface Output {
  /** A line of the launcher's own. */
  tell(line: string): void;
  /** Every line of a node's output from now on. */
  follow(node: string, stream: Readable): void;
  /** Text as it is, without a name. */
  print(text: string): void;
}

/** An output on `write`; names are padded to the longest of `nodes`. */
export function openOutput(nodes: string[], write: (text: string) => void): Output {
  const width = Math.max('cluster'.length, ...nodes.map((node) => node.length));
  const line = (name: string, text: string) => write(`${name.padEnd(width)} │ ${text}\n`);
  return {
    tell: (text) => line('cluster', `${new Date().toISOString().slice(11, 23)} ${text}`),
    follow: (node, stream) => {
      // A readable log line names its node after the time; once is enough.
      const own = new RegExp(`^(\\d\\d:\\d\\d:\\d\\d\\.\\d{3}) ${escaped(node)} `);
      const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
      lines.on('line', (text) => line(node, text.replace(own, '$1 ')));
    },
    print: write,
  };
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

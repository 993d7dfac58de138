import pino from 'pino';

/** The one logger of a node: one JSON object a line, or one readable line, on standard output. */
export type Log = pino.Logger;

const levelNames: Record<number, string> = {
  10: 'trace',
  20: 'debug',
  30: '',
  40: 'warning',
  50: 'error',
  60: 'fatal',
};

/** Makes the log of node `node`. `pretty` writes `18:04:05.123 node-8080 became active …` for people's eyes. */
export function createLog(options: { node: string; level: string; pretty: boolean }): Log {
  const base = { level: options.level, base: { node: options.node } };
  return options.pretty
    ? pino(base, { write: (line: string) => void process.stdout.write(readable(line)) })
    : pino(base);
}

function readable(line: string): string {
  const { level, time, node, msg, event: _event, err, ...rest } = JSON.parse(line);
  const details = Object.entries(rest).filter(([, value]) => typeof value !== 'object');
  const tail = details.length > 0 ? ` (${details.map(([key, value]) => `${key} ${value}`).join(', ')})` : '';
  const label = levelNames[level] ? `${levelNames[level]}: ` : '';
  const stack = err?.stack ? `\n${err.stack}` : '';
  return `${new Date(time).toISOString().slice(11, 23)} ${node} ${label}${msg}${tail}${stack}\n`;
}

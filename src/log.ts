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
  const base = { level: options.level, base: { node: options.node }, serializers: { err: describeError } };
  return options.pretty
    ? pino(base, { write: (line: string) => void process.stdout.write(readable(line)) })
    : pino(base);
}

/**
 * What a log may keep of an error: kind, code, sentence and place. Errors of the database carry the statement's values
 * and the rows that they offended, messages and password hashes among them; those of class 22 (data exceptions) quote
 * values in their sentence too.
 */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  // Sequelize wraps the driver's error, which has the SQLSTATE.
  const { code: state = code } = ((error as { original?: unknown }).original ?? {}) as { code?: unknown };
  const quotes = typeof state === 'string' && /^22[0-9A-Z]{3}$/.test(state);
  const message = quotes ? 'a value that PostgreSQL does not take' : error.message;
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const cause = error.cause instanceof Error ? { cause: describeError(error.cause) } : {};
  return {
    type: error.name,
    ...(state ? { code: state } : {}),
    message,
    stack: [`${error.name}: ${message}`, ...frames].join('\n'),
    ...cause,
  };
}

function readable(line: string): string {
  const { level, time, node, msg, event: _event, err, ...rest } = JSON.parse(line);
  // What the sentence says is not said again behind it.
  const isSaid = (value: unknown) => ` ${msg}`.includes(` ${value}`);
  const details = Object.entries(rest).filter(([, value]) => typeof value !== 'object' && !isSaid(value));
  const tail = details.length > 0 ? ` (${details.map(([key, value]) => `${key} ${value}`).join(', ')})` : '';
  const label = levelNames[level] ? `${levelNames[level]}: ` : '';
  const stack = err?.stack ? `\n${err.stack}` : '';
  return `${new Date(time).toISOString().slice(11, 23)} ${node} ${label}${msg}${tail}${stack}\n`;
}

import { format as formatted } from 'node:util';
import pino from 'pino';
import { type LogOutput, standardOutput } from './log-output.ts';
import { printable } from './printable.ts';

/** The logger of a node. Writes JSON or readable text to standard output, one line for each entry. */
export type Log = pino.Logger;

const levelNames: Record<number, string> = {
  10: 'trace',
  20: 'debug',
  30: '',
  40: 'warning',
  50: 'error',
  60: 'fatal',
};

interface LogOptions {
  node: string;
  level: string;
  pretty: boolean;
  /** Returns the node's term at the moment of an entry; null if it knows none. */
  term?: () => number | null;
}

/**
 * Creates the log of node `node`. `pretty` writes readable lines: `18:04:05.123 node-8080 became active …`. All strings go
 * through {@link printable}, so that untrusted names, URLs and texts can neither forge a line nor control a terminal.
 */
export function createLog(
  { node, level, pretty, term = () => null }: LogOptions,
  output: Pick<LogOutput, 'write' | 'onResume'> = standardOutput(),
): Log {
  const format = pretty ? readable : (entry: Entry) => `${JSON.stringify(entry)}\n`;
  const log = pino(
    {
      level,
      base: { node },
      mixin: () => ofTerm(term()),
      serializers: { err: (error: unknown) => describeError(error) },
    },
    { write: (line: string) => output.write(format(tidy(JSON.parse(line)) as Entry)) },
  );
  output.onResume = (lost) =>
    log.warn(
      { event: 'log_lines_lost', lost },
      `${lost} lines of this log were lost: nothing read standard output for a while`,
    );
  return log;
}

/**
 * Turns what libraries print with `console.warn` into debug entries of the log, which has only lines of JSON. Sequelize prints a
 * line when a commit fails, and the request whose commit failed is logged anyway.
 */
export function captureWarnings(log: Log): void {
  console.warn = (...parts: unknown[]) => log.debug({ event: 'library_warning' }, formatted(...parts));
}

const ofTerm = (term: number | null) => (term === null ? {} : { term });

type Entry = Record<string, unknown>;

/** Bounds on the content of one line. */
const MAX_ENTRIES = 100;
const MAX_DEPTH = 6;
const MAX_STACK_LINES = 50;

/** Returns a value of a log line with all its strings printable and bounded. */
function tidy(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return printable(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((one) => tidy(one, depth + 1));
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  return Object.fromEntries(entries.map(([key, one]) => [printable(key, 100), tidyField(key, one, depth + 1)]));
}

/** Keeps the line breaks of a stack: {@link describeError} built its lines, and none comes from the error's text. */
function tidyField(key: string, value: unknown, depth: number): unknown {
  if (key !== 'stack' || typeof value !== 'string') return tidy(value, depth);
  const lines = value.split('\n').slice(0, MAX_STACK_LINES);
  const isFrame = (line: string, at: number) => at === 0 || /^ +at /.test(line);
  return lines.every(isFrame) ? lines.map((line) => printable(line)).join('\n') : printable(value);
}

/**
 * Returns what may be logged of an error: type, code, message and stack. Errors of the database also have the statement's
 * values and the offending rows, with messages and password hashes; those of class 22 (data exceptions) quote values in
 * their message, which is replaced.
 */
function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  // Sequelize wraps the driver's error, which has the SQLSTATE.
  const { code: state = code } = ((error as { original?: unknown }).original ?? {}) as { code?: unknown };
  const quotesValues = typeof state === 'string' && /^22[0-9A-Z]{3}$/.test(state);
  const text = String(error.message);
  const message = printable(quotesValues ? 'a value that PostgreSQL does not accept' : text);
  const name = printable(String(error.name), 100);
  // The message comes before the frames, and may contain lines that look like frames.
  const stack = String(error.stack ?? '');
  const frames = stack.slice(Math.max(0, stack.indexOf(text)) + text.length).split('\n');
  const isLast = depth === MAX_CAUSE_DEPTH;
  const cause = error.cause instanceof Error && !isLast ? { cause: describeError(error.cause, depth + 1) } : {};
  const several = error instanceof AggregateError && !isLast ? error.errors.slice(0, MAX_CAUSES) : [];
  return {
    type: name,
    ...(state ? { code: state } : {}),
    message,
    stack: [`${name}: ${message}`, ...frames.filter((line) => /^\s+at /.test(line))].join('\n'),
    ...cause,
    ...(several.length > 0 ? { errors: several.map((one) => describeError(one, depth + 1)) } : {}),
  };
}

/** A cause may be circular. */
const MAX_CAUSE_DEPTH = 3;
const MAX_CAUSES = 5;

function readable({ level, time, node, term: _term, msg, event: _event, err, ...rest }: Entry): string {
  // Values that the message contains are not repeated.
  const isInMessage = (value: unknown) => ` ${msg}`.includes(` ${value}`);
  const details = Object.entries(rest).filter(([, value]) => typeof value !== 'object' && !isInMessage(value));
  const tail = details.length > 0 ? ` (${details.map(([key, value]) => `${key} ${value}`).join(', ')})` : '';
  const name = levelNames[Number(level)];
  const label = name ? `${name}: ` : '';
  const { stack: lines } = (err ?? {}) as { stack?: string };
  const stack = lines ? `\n${lines}` : '';
  return `${new Date(Number(time)).toISOString().slice(11, 23)} ${node} ${label}${msg}${tail}${stack}\n`;
}

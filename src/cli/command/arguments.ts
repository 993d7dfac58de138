import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf } from '../../message-of.ts';
import { UsageError } from './exit.ts';

/** Options of every command that uses the database. */
export const DATABASE_OPTIONS = { database: { type: 'string' }, json: { type: 'boolean', default: false } } as const;

/** The lines about {@link DATABASE_OPTIONS} in a usage text. */
export const DATABASE_USAGE = `  --database URL  the database; default DATABASE_URL of the environment or .env, several hosts included
  --json          print the result as JSON
`;

type OptionsConfig = NonNullable<ParseArgsConfig['options']>;
type Parsed<Options extends OptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Options; strict: true; allowPositionals: true }>
>;

/**
 * Parses the arguments of a command that takes at most as many positional ones as it names.
 * @throws {UsageError} naming the first invalid argument.
 */
export function parseCommand<const Options extends OptionsConfig>(
  args: readonly string[],
  options: Options,
  positionals: readonly string[] = [],
): Parsed<Options> {
  let parsed: Parsed<Options>;
  try {
    parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true }) as Parsed<Options>;
  } catch (error) {
    throw new UsageError(messageOf(error).split(/[.\n]/)[0] ?? '');
  }
  const extra = parsed.positionals[positionals.length];
  if (extra !== undefined) throw new UsageError(`unexpected argument "${extra}"`);
  const missing = positionals.slice(parsed.positionals.length).find((name) => !name.endsWith('?'));
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  return parsed;
}

/** Returns the whole number that an option names. @throws {UsageError}. */
export function wholeOption(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, not "${text}"`);
}

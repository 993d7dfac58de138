import { type ParseArgsConfig, parseArgs } from 'node:util';
import { errorMessage } from '../error-message.ts';

/** Thrown when the arguments of a command are invalid. The message is a sentence for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type OptionsConfig = NonNullable<ParseArgsConfig['options']>;
type Parsed<Options extends OptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Options; strict: true; allowPositionals: true }>
>;

/**
 * Parses the arguments of a command. `positionals` are the names of its positional arguments; one that ends in `?` is optional.
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
    throw new UsageError(errorMessage(error).split(/[.\n]/)[0] ?? '');
  }
  const extra = parsed.positionals[positionals.length];
  if (extra !== undefined) throw new UsageError(`unexpected argument "${extra}"`);
  const missing = positionals.slice(parsed.positionals.length).find((name) => !name.endsWith('?'));
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  return parsed;
}

/** Returns the whole number that an option names. @throws {UsageError}. */
export function wholeOption(name: string, text: string, min: number, max: number): number {
  return inRange(name, text, /^\d+$/, 'whole number', min, max);
}

/** Returns the number that an option names, which may have decimals. @throws {UsageError}. */
export function numberOption(name: string, text: string, min: number, max: number): number {
  return inRange(name, text, /^\d*\.?\d+$/, 'number', min, max);
}

function inRange(name: string, text: string, form: RegExp, kind: string, min: number, max: number): number {
  const value = form.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${name} must be a ${kind} from ${min} to ${max}, not "${text}"`);
}

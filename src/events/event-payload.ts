/** Thrown for a row that cannot be decoded. */
export class UndecodableEventError extends Error {
  override readonly name = 'UndecodableEventError';
}

type Check<T> = (value: unknown) => value is T;

const isId: Check<number> = (value): value is number => Number.isSafeInteger(value) && Number(value) > 0;
const isCount: Check<number> = (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isText: Check<string> = (value): value is string => typeof value === 'string';
const isFlag: Check<boolean> = (value): value is boolean => typeof value === 'boolean';

/**
 * The payload of an event that a trigger writes. A row that was inserted by hand may have anything there, so each field is read by
 * its name and type, and the others are ignored.
 */
export class EventPayload {
  readonly #fields: Readonly<Record<string, unknown>>;

  /** @throws {UndecodableEventError} if `json` is not an object. */
  constructor(json: string) {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new UndecodableEventError('its payload is not an object');
    }
    this.#fields = value as Record<string, unknown>;
  }

  id(name: string): number {
    return this.#read(name, 'an id', isId);
  }

  count(name: string): number {
    return this.#read(name, 'a count', isCount);
  }

  text(name: string): string {
    return this.#read(name, 'a text', isText);
  }

  /** Returns null if the payload has null, or does not have the field. */
  optionalText(name: string): string | null {
    return (this.#fields[name] ?? null) === null ? null : this.text(name);
  }

  flag(name: string): boolean {
    return this.#read(name, 'true or false', isFlag);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    return this.#read(name, `one of ${values.join(', ')}`, (value): value is T => values.some((own) => own === value));
  }

  listOf<T extends string>(name: string, values: readonly T[]): T[] {
    const isList = (value: unknown): value is T[] =>
      Array.isArray(value) && value.every((entry) => values.some((own) => own === entry));
    return this.#read(name, `a list of ${values.join(', ')}`, isList);
  }

  #read<T>(name: string, type: string, is: Check<T>): T {
    const value = this.#fields[name];
    if (!is(value)) throw new UndecodableEventError(`the field ${name} of its payload is not ${type}`);
    return value;
  }
}

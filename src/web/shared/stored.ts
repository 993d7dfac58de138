/// <reference lib="dom" />
/** The part of localStorage that is used. Its methods may throw if storage is full or disabled. */
export interface Store {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Values on this device under a common prefix. Without storage they last as long as the page. */
export class Stored<Value> {
  readonly #store: () => Store;
  readonly #prefix: string;
  readonly #isValue: (value: unknown) => value is Value;
  /** The values that storage refused. */
  readonly #unsaved = new Map<string, Value>();

  /** `store` is called at each use: a browser that denies storage throws on any access to localStorage. */
  constructor(store: () => Store, prefix: string, isValue: (value: unknown) => value is Value) {
    this.#store = store;
    this.#prefix = prefix;
    this.#isValue = isValue;
  }

  /** Returns the value of that name, or undefined. */
  get(name: string): Value | undefined {
    const unsaved = this.#unsaved.get(name);
    if (unsaved !== undefined) return unsaved;
    try {
      const value: unknown = JSON.parse(this.#store().getItem(this.#prefix + name) ?? 'null');
      return this.#isValue(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** Stores a value; undefined removes it. */
  set(name: string, value: Value | undefined): void {
    this.#unsaved.delete(name);
    try {
      if (value === undefined) this.#store().removeItem(this.#prefix + name);
      else this.#store().setItem(this.#prefix + name, JSON.stringify(value));
    } catch {
      if (value !== undefined) this.#unsaved.set(name, value);
    }
  }

  /** Calls `listener` when another tab has changed the value of that name. Returns a function that removes it. */
  onChangeElsewhere(name: string, listener: () => void): () => void {
    const changed = ({ key }: StorageEvent) => key === this.#prefix + name && listener();
    addEventListener('storage', changed);
    return () => removeEventListener('storage', changed);
  }

  /** Returns the names of all values. */
  names(): string[] {
    return [...new Set([...this.#savedNames(), ...this.#unsaved.keys()])];
  }

  #savedNames(): string[] {
    try {
      const store = this.#store();
      const keys = Array.from({ length: store.length }, (_, index) => store.key(index) ?? '');
      return keys.filter((key) => key.startsWith(this.#prefix)).map((key) => key.slice(this.#prefix.length));
    } catch {
      return [];
    }
  }
}

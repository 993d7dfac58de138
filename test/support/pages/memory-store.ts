import type { Store } from '../../../src/web/shared/stored.ts';

/** Returns a store that works like localStorage and lasts as long as the test. */
export function memoryStore(values = new Map<string, string>()): Store {
  return {
    get length() {
      return values.size;
    },
    key: (index) => [...values.keys()][index] ?? null,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

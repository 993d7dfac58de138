/**
 * Returns the one value of this name in the process, created at its first use. Mocha loads some files with `require` and
 * others with `import` (those with a top-level await), and Node.js and tsx keep one instance of each module for each way:
 * a variable of a module is not shared between them.
 */
export function oncePerProcess<T>(name: string, make: () => T): T {
  const key = Symbol.for(`plantao.test.${name}`);
  const shared = globalThis as unknown as Record<symbol, T | undefined>;
  shared[key] ??= make();
  return shared[key];
}

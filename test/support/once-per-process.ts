/**
 * The one value of this name in the process, made at its first use. Mocha loads some files with `require` and others with
 * `import` (those under which a module awaits at its top), and Node and tsx keep an instance of each module for either
 * way: what both have to share cannot be a module's variable.
 */
export function oncePerProcess<T>(name: string, make: () => T): T {
  const key = Symbol.for(`plantao.test.${name}`);
  const shared = globalThis as unknown as Record<symbol, T | undefined>;
  shared[key] ??= make();
  return shared[key];
}

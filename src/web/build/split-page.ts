import path from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { PACKAGE_ROOT } from '../../package-root.ts';

/** The global variable in which a page's script publishes what its later part uses. */
const SHARED = 'globalThis.plantaoShared';
/** The prefix of the name of a module that is taken from the page. */
const PREFIX = 'page:';
/** An import as esbuild writes it. */
const IMPORT = /import\{([^}]*)\}from"page:([^"]+)";/g;

/** A script that a page starts with, and a part of it that the page loads later. */
export interface SplitPage {
  start: string;
  later: string;
}

/** A compiled file: its name, and its content. */
export interface Compiled {
  name: string;
  body: Buffer;
}

/**
 * Compiles a page's script and a part of it that is loaded later. The part uses the page's own modules: a second copy of them would
 * have a state of its own, such as another language. Each of the two is one file that imports no other: after an update, a node may
 * serve another version of one of them.
 */
export async function compileSplit({ start, later }: SplitPage, options: BuildOptions): Promise<Compiled[]> {
  const first = await build({ ...options, entryPoints: [start], metafile: true });
  const modules = new Set(Object.values(first.metafile?.outputs ?? {}).flatMap(usedInputs));
  const plugins = options.plugins ?? [];
  const part = await build({ ...options, entryPoints: [later], plugins: [fromPage(modules), ...plugins] });
  const imported = part.outputFiles?.[0]?.text ?? '';
  const page = await build({
    ...options,
    entryPoints: [{ in: start, out: path.parse(start).name }],
    plugins: [publish(start, importedNames(imported)), ...plugins],
  });
  return [
    { name: `${path.parse(start).name}.js`, body: Buffer.from(page.outputFiles?.[0]?.contents ?? '') },
    { name: `${path.parse(later).name}.js`, body: Buffer.from(withoutImports(imported)) },
  ];
}

function usedInputs({ inputs }: { inputs: Record<string, { bytesInOutput: number }> }): string[] {
  const used = Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return used.map(([file]) => path.resolve(file));
}

/** Keeps the imports of these modules, each by its path in this package, instead of bundling them. */
function fromPage(modules: ReadonlySet<string>): Plugin {
  return {
    name: 'from-page',
    setup({ onResolve, resolve }) {
      onResolve({ filter: /./ }, async ({ path: specifier, pluginData, kind, importer, resolveDir }) => {
        // The plugin's own resolve(), below.
        if (pluginData === PREFIX || kind === 'entry-point') return undefined;
        const found = await resolve(specifier, { kind, importer, resolveDir, pluginData: PREFIX });
        if (!modules.has(found.path)) return found;
        return { path: PREFIX + path.relative(PACKAGE_ROOT, found.path), external: true, sideEffects: false };
      });
    },
  };
}

/** Returns the modules of the names that a script imports from its page. Throws if two modules have the same name. */
function importedNames(script: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, names = '', module = ''] of script.matchAll(IMPORT)) {
    for (const name of names.split(',').map((one) => one.split(' as ')[0] ?? one)) {
      if ((found.get(name) ?? module) !== module) throw new Error(`${name} is in ${found.get(name)} and in ${module}`);
      found.set(name, module);
    }
  }
  return found;
}

/** Returns a script that takes from the global variable what it imports from its page. Throws if an import has another form. */
function withoutImports(script: string): string {
  const changed = script.replace(IMPORT, (_, names: string) => `const{${names.replaceAll(' as ', ':')}}=${SHARED};`);
  if (changed.includes(`"${PREFIX}`)) throw new Error('a part of a page can only import names from its page');
  return changed;
}

/** Makes a page's script publish these names of its modules. */
function publish(start: string, names: ReadonlyMap<string, string>): Plugin {
  const imports = [...names].map(([name, module]) => {
    return `import{${name}}from${JSON.stringify(path.join(PACKAGE_ROOT, module))};`;
  });
  const script = [...imports, `${SHARED}={${[...names.keys()]}};`, `import ${JSON.stringify(start)};`];
  const namespace = 'start';
  return {
    name: 'publish',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ kind, path: file }) =>
        kind === 'entry-point' ? { path: file, namespace } : undefined,
      );
      onLoad({ filter: /./, namespace }, () => ({ contents: script.join(''), resolveDir: path.dirname(start) }));
    },
  };
}

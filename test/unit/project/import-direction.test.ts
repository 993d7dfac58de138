import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));

/** A folder of src, or a file that lies in src itself (without its extension). */
type Part = string;

/** Parts that any other may import: they import nothing but each other. */
const BASE: Part[] = [
  'async',
  'log',
  'measurements',
  'network',
  'terminal',
  'text',
  'database-unreachable',
  'error-message',
  'package-root',
];

/** Which parts each part may import: main → node → http → chat → events → database, with coordination → database beside them. */
const MAY_IMPORT: Record<Part, Part[]> = {
  ...Object.fromEntries(BASE.map((part) => [part, []])),
  settings: ['database'],
  database: [],
  events: ['database'],
  chat: ['events', 'database'],
  coordination: ['database'],
  client: [],
  web: ['client'],
  http: ['chat', 'events', 'database', 'web'],
  node: ['http', 'chat', 'events', 'coordination', 'database', 'settings'],
  main: ['node', 'database', 'settings'],
  index: ['node', 'settings'],
  'local-cluster': ['database'],
  prove: ['client', 'local-cluster', 'database', 'settings', 'node'],
  cli: ['client', 'local-cluster', 'prove', 'database', 'settings', 'node', 'main'],
  build: ['web'],
};

/** Parts from which another may import types only: they leave no trace in the code that runs. */
const MAY_IMPORT_TYPES: Record<Part, Part[]> = {
  // The client's types are those of the schemas with which the server documents its responses.
  client: ['http'],
  // A setting has the type of the part that it is for.
  settings: ['chat'],
};

interface Import {
  from: string;
  to: string;
  isType?: boolean;
}

/** Returns every import of the project's own files, both ends as paths from the project's folder. */
function importsIn(file: string, source: string): Import[] {
  const found = source.matchAll(
    /(?:(?:\btype\s+\{[^}]*\}\s*)?\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)'(\.[^']*)'/g,
  );
  return [...found].map(([text, to]) => ({
    from: file,
    to: path.posix.join(path.posix.dirname(file), to ?? ''),
    ...(text.startsWith('type') && { isType: true }),
  }));
}

function partOf(file: string): Part {
  const [, first = '', second] = file.split('/');
  return second === undefined ? first.replace(/\.tsx?$/, '') : first;
}

function isAllowed({ from, to, isType }: Import): boolean {
  if (!to.startsWith('src/')) return to === 'package.json';
  if (partOf(from) === partOf(to) || BASE.includes(partOf(to))) return true;
  if (isType && MAY_IMPORT_TYPES[partOf(from)]?.includes(partOf(to))) return true;
  return MAY_IMPORT[partOf(from)]?.includes(partOf(to)) ?? false;
}

/** Returns the first cycle of imports as the files along it, or null. */
function findCycle(imports: readonly Import[]): string[] | null {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to]);
  const finished = new Set<string>();
  const visit = (file: string, trail: string[]): string[] | null => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (finished.has(file)) return null;
    for (const to of next.get(file) ?? []) {
      const cycle = visit(to, [...trail, file]);
      if (cycle) return cycle;
    }
    finished.add(file);
    return null;
  };
  for (const file of next.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return null;
}

describe('The imports of src', () => {
  const files = readdirSync(path.join(PROJECT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => `src/${file.split(path.sep).join('/')}`);
  const sources = new Map(files.map((file) => [file, readFileSync(path.join(PROJECT, file), 'utf8')]));
  const imports = [...sources].flatMap(([file, source]) => importsIn(file, source));

  it('go one way: each part imports only parts below it, and nothing of test', () => {
    expect(imports.length, 'imports found').to.be.greaterThan(50);
    const wrong = imports.filter((one) => !isAllowed(one)).map(({ from, to }) => `${from} imports ${to}`);
    expect(wrong).to.deep.equal([]);
  });

  it('leave no part without a place in the order', () => {
    const parts = new Set(files.map(partOf));
    expect([...parts].filter((part) => MAY_IMPORT[part] === undefined)).to.deep.equal([]);
  });

  it('have no cycles, neither between folders nor between files', () => {
    const order = Object.entries(MAY_IMPORT).flatMap(([from, parts]) => parts.map((to) => ({ from, to })));
    expect(findCycle(order)).to.equal(null);
    expect(findCycle(imports)).to.equal(null);
    expect(findCycle([...imports, { from: 'src/async/with-timeout.ts', to: 'src/main.ts' }])).to.not.equal(null);
  });

  it('read the environment in one file only', () => {
    // These only remove a variable.
    const remover =
      /\bdeleteProperty\(process\.env, 'NODE_PG_FORCE_NATIVE'\)|'process\.env\.NODE_PG_FORCE_NATIVE': 'undefined'/g;
    const readers = [...sources].filter(([, source]) =>
      /\bprocess\s*\.\s*env\b|\benv\s*}\s*=\s*process\b/.test(source.replace(remover, '')),
    );
    expect(readers.map(([file]) => file)).to.deep.equal(['src/settings/process-environment.ts']);
  });

  it('are found in every form of an import, and refused if they go the wrong way', () => {
    const source = `import { a } from '../chat/users/users.ts';\nexport type { B } from "x";\nconst c = await import('../../test/c.ts');`;
    const seen = importsIn('src/coordination/x.ts', source);
    expect(seen.map(({ to }) => to)).to.deep.equal(['src/chat/users/users.ts', 'test/c.ts']);
    expect(seen.filter(isAllowed)).to.deep.equal([]);
    expect(isAllowed({ from: 'src/events/x.ts', to: 'src/chat/users/users.ts' })).to.equal(false);
    expect(isAllowed({ from: 'src/http/x.ts', to: 'src/coordination/lock/leader-lock.ts' })).to.equal(false);
    const [type, value] = importsIn(
      'src/client/x.ts',
      `import type { A } from '../http/a.ts';\nimport { b } from '../http/b.ts';`,
    );
    expect([type, value].map((one) => one && isAllowed(one))).to.deep.equal([true, false]);
    expect(isAllowed({ from: 'src/node/node.ts', to: 'src/coordination/lock/leader-lock.ts' })).to.equal(true);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** The part of a file: its folder in src, or its own name where it lies in src itself. */
type Part = string;

/**
 * What each part may import beside itself: main → node → http → chat → events → database, with coordination → database
 * beside them. Only node joins the two, with cluster-view, its picture of the one for the other.
 */
const MAY_IMPORT: Record<Part, Part[]> = {
  log: ['printable'],
  printable: [],
  settings: ['database'],
  within: [],
  conditions: ['log'],
  'once-signal': [],
  database: ['log', 'within'],
  events: ['database', 'log'],
  chat: ['events', 'database', 'log', 'once-signal', 'within'],
  coordination: ['database', 'log', 'within'],
  client: [],
  web: ['client'],
  http: ['chat', 'events', 'database', 'log', 'once-signal', 'web'],
  'cluster-view': ['coordination', 'http'],
  'start-check': ['database', 'settings'],
  node: [
    'http',
    'chat',
    'events',
    'coordination',
    'database',
    'cluster-view',
    'start-check',
    'settings',
    'conditions',
    'log',
    'within',
  ],
  main: ['node', 'database', 'settings', 'printable'],
  'local-cluster': ['database', 'printable'],
  cli: ['client', 'local-cluster', 'database', 'settings', 'printable'],
};

interface Import {
  from: string;
  to: string;
}

/** Every import of one of our own files, both ends as paths from the project's folder. */
function importsIn(file: string, source: string): Import[] {
  const found = source.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)'(\.[^']*)'/g);
  return [...found].map(([, to]) => ({ from: file, to: path.posix.join(path.posix.dirname(file), to ?? '') }));
}

function partOf(file: string): Part {
  const [, first = '', second] = file.split('/');
  return second === undefined ? first.replace(/\.ts$/, '') : first;
}

function isAllowed({ from, to }: Import): boolean {
  if (!to.startsWith('src/')) return to === 'package.json';
  if (partOf(from) === partOf(to)) return true;
  return MAY_IMPORT[partOf(from)]?.includes(partOf(to)) ?? false;
}

describe('Imports run one way', () => {
  const files = readdirSync(path.join(PROJECT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `src/${file.split(path.sep).join('/')}`);
  const sources = new Map(files.map((file) => [file, readFileSync(path.join(PROJECT, file), 'utf8')]));
  const imports = [...sources].flatMap(([file, source]) => importsIn(file, source));

  it('in all of src: each part imports only what is below it, and nothing of test', () => {
    expect(imports.length, 'imports found').to.be.greaterThan(50);
    const wrong = imports.filter((one) => !isAllowed(one)).map(({ from, to }) => `${from} imports ${to}`);
    expect(wrong).to.deep.equal([]);
  });

  it('and every part has its place in the order', () => {
    const parts = new Set(files.map(partOf));
    expect([...parts].filter((part) => MAY_IMPORT[part] === undefined)).to.deep.equal([]);
  });

  it('and the order itself has no circle', () => {
    const reaches = (part: Part, seen: Part[]): Part[] =>
      (MAY_IMPORT[part] ?? []).flatMap((next) =>
        seen.includes(next) ? [next] : [next, ...reaches(next, [...seen, next])],
      );
    expect(Object.keys(MAY_IMPORT).filter((part) => reaches(part, []).includes(part))).to.deep.equal([]);
  });

  it('and settings.ts alone reads the environment', () => {
    const readers = [...sources].filter(([, source]) =>
      /\bprocess\s*\.\s*env\b|\benv\s*}\s*=\s*process\b/.test(source),
    );
    expect(readers.map(([file]) => file)).to.deep.equal(['src/settings.ts']);
  });

  it('and a wrong one would be seen', () => {
    const source = `import { a } from '../chat/users.ts';\nexport type { B } from "x";\nconst c = await import('../../test/c.ts');`;
    const seen = importsIn('src/coordination/x.ts', source);
    expect(seen.map(({ to }) => to)).to.deep.equal(['src/chat/users.ts', 'test/c.ts']);
    expect(seen.filter(isAllowed)).to.deep.equal([]);
    expect(isAllowed({ from: 'src/events/x.ts', to: 'src/chat/users.ts' })).to.equal(false);
    expect(isAllowed({ from: 'src/http/x.ts', to: 'src/coordination/leader-lock.ts' })).to.equal(false);
    expect(isAllowed({ from: 'src/node.ts', to: 'src/coordination/leader-lock.ts' })).to.equal(true);
  });
});

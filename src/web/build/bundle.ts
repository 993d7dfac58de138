/** Compiles the pages with esbuild: by `npm run build` ahead of time, and by a node that runs from its sources. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type BuildOptions, build, stop } from 'esbuild';
import { PACKAGE_ROOT } from '../../package-root.ts';
import { lexerOnly } from './lexer-only.ts';
import { type Compiled, compileSplit } from './split-page.ts';

/** One file of the pages. `path` is the path of its URL; the name of a file under /assets/ includes a hash of its content. */
export interface PageFile {
  path: string;
  body: Buffer;
}

/** The service worker. Its URL does not change, and it lies beside the page, because it serves only what is below its folder. */
const WORKER = 'service-worker.js';

const FOLDER = path.join(PACKAGE_ROOT, 'src', 'web');

/** The pages: `home/home.html` is served at /home. */
const PAGES = ['home', 'cluster'];

/** The files to compile: a script and a style sheet for each page, its other languages, and the service worker. */
const ENTRIES = [
  ...['home/home.css', 'home/home-dialogs.css', 'home/home-pt-br.ts'],
  ...['cluster/cluster.tsx', 'cluster/cluster.css', 'cluster/cluster-pt-br.ts'],
  ...['docs/docs.ts', 'docs/docs.css', 'docs/docs-pt-br.ts'],
  'worker/service-worker.ts',
];

/** The script of the chat page, and its dialogs, which it loads later. */
const CHAT = { start: 'home/home.tsx', later: 'home/home-dialogs.ts' };

/** The files that the documentation page loads. A node writes that page itself. */
const DOCS = ['icon.svg', 'docs.css', 'docs-pt-br.js', 'docs.js'];

/** The files of `icons/`, which are used as they are. */
const PLAIN = ['icon.svg', 'icon-180.png', 'icon-512.png'];

/** Returns all files of the pages. Rejects if a source cannot be read or compiled. */
export async function bundlePages(): Promise<PageFile[]> {
  const [compiled, plain, manifest, ...pages] = await Promise.all([
    compile(),
    Promise.all(PLAIN.map(async (name) => ({ name, body: await read(path.join('icons', name)) }))),
    read('manifest.json'),
    ...PAGES.map((name) => read(path.join(name, `${name}.html`))),
  ]);
  const worker = compiled.find(({ name }) => name === WORKER);
  const assets = [...plain, ...compiled.filter((file) => file !== worker)].map(({ name, body }) => ({
    name,
    file: { path: `/assets/${hashedName(name, body)}`, body },
  }));
  const hashed = (html: Buffer) =>
    assets.reduce(
      (text, { name, file }) => text.replaceAll(`"assets/${name}"`, `"${file.path.slice(1)}"`),
      html.toString('utf8'),
    );
  const files = pages.map((html, index) => ({ path: `/${PAGES[index]}`, body: Buffer.from(hashed(html)) }));
  // The service worker keeps the pages and the files that they load.
  const loadedBy = (html: string) => assets.map(({ file }) => file.path.slice(1)).filter((path) => html.includes(path));
  const kept: Record<string, readonly string[]> = {
    ...Object.fromEntries(files.map(({ path, body }) => [path.slice(1), loadedBy(body.toString('utf8'))])),
    docs: assets.filter(({ name }) => DOCS.includes(name)).map(({ file }) => file.path.slice(1)),
  };
  return [
    ...files,
    { path: '/manifest.webmanifest', body: Buffer.from(hashed(manifest)) },
    { path: `/${WORKER}`, body: Buffer.from(`self.PAGES=${JSON.stringify(kept)};${worker?.body ?? ''}`) },
    ...assets.map(({ file }) => file),
  ];
}

function read(name: string): Promise<Buffer> {
  return readFile(path.join(FOLDER, name));
}

function hashedName(name: string, body: Buffer): string {
  const { name: stem, ext } = path.parse(name);
  return `${stem}.${createHash('sha256').update(body).digest('hex').slice(0, 12)}${ext}`;
}

/** Bundles the pages' modules and style sheets into one file each. */
async function compile(): Promise<Compiled[]> {
  const source = (name: string) => path.join(FOLDER, name);
  const options = {
    // Determines the names of the outputs only; nothing is written.
    outdir: FOLDER,
    bundle: true,
    plugins: [lexerOnly],
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    write: false,
    logLevel: 'silent',
  } satisfies BuildOptions;
  // Asynchronous, because a synchronous build would block the node and its heartbeats. esbuild's child process outlives the
  // build unless it is stopped.
  const building = Promise.all([
    build({ ...options, entryPoints: ENTRIES.map(source) }),
    compileSplit({ start: source(CHAT.start), later: source(CHAT.later) }, options),
  ]);
  const [{ outputFiles }, chat] = await building.finally(() => stop());
  const others = outputFiles.map(({ path: file, contents }) => ({
    name: path.basename(file),
    body: Buffer.from(contents),
  }));
  return [...others, ...chat];
}

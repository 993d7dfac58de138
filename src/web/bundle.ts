/** Compiles the pages with esbuild: by `npm run build` ahead of time, and by a node that runs from its sources. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build, stop } from 'esbuild';
import { PACKAGE_ROOT } from '../package-root.ts';

/** One file of the pages. `path` is the path of its URL; the name of a file under /assets/ includes a hash of its content. */
export interface PageFile {
  path: string;
  body: Buffer;
}

const FOLDER = path.join(PACKAGE_ROOT, 'src', 'web');

/** The pages: `home.html` is served at /home. */
const PAGES = ['home', 'cluster'];

/** Returns all files of the pages. Rejects if a source cannot be read or compiled. */
export async function bundlePages(): Promise<PageFile[]> {
  const [icon, compiled, ...pages] = await Promise.all([
    read('icon.svg'),
    compile(),
    ...PAGES.map((name) => read(`${name}.html`)),
  ]);
  const assets = [{ name: 'icon.svg', body: icon }, ...compiled].map(({ name, body }) => ({
    name,
    file: { path: `/assets/${hashedName(name, body)}`, body },
  }));
  const hashed = (html: Buffer) =>
    assets.reduce(
      (text, { name, file }) => text.replaceAll(`"assets/${name}"`, `"${file.path.slice(1)}"`),
      html.toString('utf8'),
    );
  const files = pages.map((html, index) => ({ path: `/${PAGES[index]}`, body: Buffer.from(hashed(html)) }));
  return [...files, ...assets.map(({ file }) => file)];
}

function read(name: string): Promise<Buffer> {
  return readFile(path.join(FOLDER, name));
}

function hashedName(name: string, body: Buffer): string {
  const { name: stem, ext } = path.parse(name);
  return `${stem}.${createHash('sha256').update(body).digest('hex').slice(0, 12)}${ext}`;
}

/** Bundles the page's modules and its style sheets into one file each. */
async function compile(): Promise<{ name: string; body: Buffer }[]> {
  // Asynchronous, because a synchronous build would block the node and its heartbeats. esbuild's child process outlives the
  // build unless it is stopped.
  const building = build({
    entryPoints: ['home.tsx', 'home.css', 'cluster.tsx', 'cluster.css', 'docs.ts', 'docs.css'].map((name) =>
      path.join(FOLDER, name),
    ),
    // Determines the names of the outputs only; nothing is written.
    outdir: FOLDER,
    bundle: true,
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    write: false,
    logLevel: 'silent',
  });
  const { outputFiles } = await building.finally(() => stop());
  return outputFiles.map(({ path: file, contents }) => ({ name: path.basename(file), body: Buffer.from(contents) }));
}

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

/** Returns all files of the pages. Rejects if a source cannot be read or compiled. */
export async function bundlePages(): Promise<PageFile[]> {
  const [html, icon, compiled] = await Promise.all([read('home.html'), read('icon.svg'), compile()]);
  const assets = [{ name: 'icon.svg', body: icon }, ...compiled].map(({ name, body }) => ({
    name,
    file: { path: `/assets/${hashedName(name, body)}`, body },
  }));
  let page = html.toString('utf8');
  for (const { name, file } of assets) page = page.replaceAll(`"assets/${name}"`, `"${file.path.slice(1)}"`);
  return [{ path: '/home', body: Buffer.from(page) }, ...assets.map(({ file }) => file)];
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
    entryPoints: ['home.tsx', 'home.css', 'docs.ts'].map((name) => path.join(FOLDER, name)),
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

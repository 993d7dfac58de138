import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';

/** One file of the chat page as a node serves it. `etag` includes the quotes that the header requires. */
export interface Asset {
  contentType: string;
  body: Buffer;
  etag: string;
}

const FOLDER = new URL('./', import.meta.url);

let loading: Promise<Map<string, Asset>> | undefined;

/**
 * Returns the files of the chat page by path: /home, /assets/home.js, /assets/home.css, /assets/icon.svg. Nodes in one
 * process share them. Rejects if the source cannot be read or compiled.
 */
export function loadAssets(): Promise<Map<string, Asset>> {
  loading ??= load().catch((error) => {
    // The next call retries.
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<Map<string, Asset>> {
  const text = async (name: string) => readFile(new URL(name, FOLDER));
  const [html, icon, { script, style }] = await Promise.all([text('home.html'), text('icon.svg'), compile()]);
  return new Map([
    ['/home', assetOf('text/html; charset=utf-8', html)],
    ['/assets/home.js', assetOf('text/javascript; charset=utf-8', script)],
    ['/assets/home.css', assetOf('text/css; charset=utf-8', style)],
    ['/assets/icon.svg', assetOf('image/svg+xml', icon)],
  ]);
}

/** Bundles the page's modules and its style sheets into one file each. */
async function compile(): Promise<{ script: Buffer; style: Buffer }> {
  const { outputFiles } = await bundle();
  const output = (name: string) => {
    const file = outputFiles.find(({ path }) => basename(path) === name);
    if (file === undefined) throw new Error(`esbuild produced no ${name}`);
    return Buffer.from(file.contents);
  };
  return { script: output('home.js'), style: output('home.css') };
}

// Asynchronous, because a synchronous build would block the node and its heartbeats. esbuild's child process outlives the
// build unless it is stopped.
function bundle() {
  const building = build({
    entryPoints: ['home.ts', 'home.css'].map((name) => fileURLToPath(new URL(name, FOLDER))),
    // Determines the names of the outputs only; nothing is written.
    outdir: fileURLToPath(FOLDER),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    write: false,
    logLevel: 'silent',
  });
  return building.finally(() => stop());
}

/** Creates an asset, with an ETag computed from its content. */
export function assetOf(contentType: string, text: Buffer | string): Asset {
  const body = Buffer.from(text);
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 27);
  return { contentType, body, etag: `"${hash}"` };
}

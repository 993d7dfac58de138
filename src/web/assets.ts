import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';

/** One file of the chat page as a node serves it. `etag` is quoted, as the header wants it. */
export interface Asset {
  contentType: string;
  body: Buffer;
  etag: string;
}

const FOLDER = new URL('./', import.meta.url);

let loading: Promise<Map<string, Asset>> | undefined;

/**
 * The chat page and all that it needs, by path: /home, /assets/home.js, /assets/home.css, /assets/icon.svg. Nodes of one
 * process share them. Rejects when the page's source cannot be read or compiled.
 */
export function loadAssets(): Promise<Map<string, Asset>> {
  loading ??= load().catch((error) => {
    // The next one who asks tries again.
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

/** Joins the page's modules and its style sheets into one file each. */
async function compile(): Promise<{ script: Buffer; style: Buffer }> {
  const { outputFiles } = await bundle();
  const made = (name: string) => {
    const file = outputFiles.find(({ path }) => basename(path) === name);
    if (file === undefined) throw new Error(`esbuild made no ${name}`);
    return Buffer.from(file.contents);
  };
  return { script: made('home.js'), style: made('home.css') };
}

// Not the synchronous build: it holds up the node, its heartbeats too, for as long as it takes. The compiler's process
// would go on beside the node if it were not stopped.
function bundle() {
  const building = build({
    entryPoints: ['home.ts', 'home.css'].map((name) => fileURLToPath(new URL(name, FOLDER))),
    // Only the names in it count: nothing is written.
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

/** A file of this text, with the tag by which a browser knows whether it has it. */
export function assetOf(contentType: string, text: Buffer | string): Asset {
  const body = Buffer.from(text);
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 27);
  return { contentType, body, etag: `"${hash}"` };
}

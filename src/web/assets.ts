import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { loadOnce } from '../async/load-once.ts';
import { IS_BUILT, PACKAGE_ROOT } from '../package-root.ts';
import type { PageFile } from './build/bundle.ts';

/** The folder to which `npm run build` writes the pages: each file by the path of its URL, its compressed forms beside it. */
const PAGES_FOLDER = path.join(PACKAGE_ROOT, 'dist', 'pages');

/** The compressed forms of a file: content coding (RFC 9110) to the extension of its file, best first. */
export const CODINGS = { br: '.br', gzip: '.gz' } as const;
export type Coding = keyof typeof CODINGS;

/** One file as a node serves it. `etag` includes the quotes that the header requires. */
export interface Asset {
  contentType: string;
  body: Buffer;
  etag: string;
  /** The same content, compressed ahead of time. */
  compressed: Partial<Record<Coding, Buffer>>;
  /** True if its path changes with its content, so that caches may keep it forever. */
  immutable: boolean;
}

/** The files of the pages by the path of their URL. */
export class Assets {
  readonly #files: Map<string, Asset>;

  constructor(files: Map<string, Asset>) {
    this.#files = files;
  }

  /**
   * Returns the file at this path. While nodes of two versions run, a page of the other version may request a file by a hash that
   * this node does not have. It gets the file of this version, which caches must not keep.
   */
  find(requested: string): Asset | undefined {
    const exact = this.#files.get(requested);
    if (exact) return exact;
    const other = [...this.#files].find(([own]) => withoutHash(own) === withoutHash(requested));
    return other && { ...other[1], immutable: false };
  }

  /** Returns a page with the names of its files, such as "assets/docs.css", replaced by those with a hash. */
  withHashes(html: string): string {
    return [...this.#files.keys()].reduce(
      (text, path) => text.replaceAll(`"${withoutHash(path).slice(1)}"`, `"${path.slice(1)}"`),
      html,
    );
  }
}

/**
 * Loads the files of the pages: those that `npm run build` wrote, or, in a node that runs from its sources, compiled now. Nodes
 * in one process share them. Rejects if they cannot be read or compiled.
 */
export const loadAssets = loadOnce(() => (IS_BUILT ? readBuilt() : compileNow()));

async function compileNow(): Promise<Assets> {
  const { bundlePages } = await import('./build/bundle.ts');
  const files = await bundlePages();
  return new Assets(new Map(files.map((file) => [file.path, pageAsset(file, {})])));
}

async function readBuilt(): Promise<Assets> {
  const names = await readdir(PAGES_FOLDER, { recursive: true, withFileTypes: true });
  const paths = names.filter((one) => one.isFile()).map((one) => path.join(one.parentPath, one.name));
  const files = new Map(await Promise.all(paths.map(async (file) => [file, await readFile(file)] as const)));
  const isCompressed = (file: string) => Object.values(CODINGS).some((extension) => file.endsWith(extension));
  const assets = [...files]
    .filter(([file]) => !isCompressed(file))
    .map(([file, body]) => {
      const url = `/${path.relative(PAGES_FOLDER, file).split(path.sep).join('/')}`;
      const compressed = Object.entries(CODINGS).flatMap(([coding, extension]) => {
        const found = files.get(file + extension);
        return found ? [[coding, found] as const] : [];
      });
      return [url, pageAsset({ path: url, body }, Object.fromEntries(compressed))] as const;
    });
  return new Assets(new Map(assets));
}

const CONTENT_TYPES: Record<string, string> = {
  '': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

function pageAsset({ path: url, body }: PageFile, compressed: Asset['compressed']): Asset {
  const contentType = CONTENT_TYPES[path.extname(url)] ?? 'application/octet-stream';
  return { ...assetOf(contentType, body), compressed, immutable: url !== withoutHash(url) };
}

function withoutHash(url: string): string {
  return url.replace(/\.[0-9a-f]{12}(?=\.[a-z]+$)/, '');
}

/** Creates an asset, with an ETag computed from its content. */
export function assetOf(contentType: string, text: Buffer | string): Asset {
  const body = Buffer.from(text);
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 27);
  return { contentType, body, etag: `"${hash}"`, compressed: {}, immutable: false };
}

/** Returns the asset with its compressed forms. For content that is known only when the node runs. */
export async function compressedAsset(asset: Asset): Promise<Asset> {
  const [br, gz] = await Promise.all([
    promisify(brotliCompress)(asset.body, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }),
    promisify(gzip)(asset.body),
  ]);
  return { ...asset, compressed: { br, gzip: gz } };
}

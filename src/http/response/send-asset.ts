import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import { type Asset, assetOf, CODINGS, type Coding, loadAssets } from '../../web/assets.ts';
import { HttpError } from '../http-error.ts';
import type { Cluster } from '../services.ts';
import { acceptedCoding } from './content-coding.ts';

/** Sends a file of the pages. */
export type SendAsset = (request: Request, response: Response, asset: Asset) => Promise<void>;

/** Returns the file at this path. @throws {HttpError} 404 if there is none. */
export async function assetAt(path: string): Promise<Asset> {
  const asset = (await loadAssets()).find(path);
  if (!asset) throw new HttpError('not_found', 'there is no such file');
  return asset;
}

/**
 * Returns a function that sends a file, compressed if it was compressed ahead of time and the client accepts that. A page keeps
 * its URL when its content changes, so browsers revalidate it by its ETag; a file whose name includes a hash is cached forever.
 */
export function assetSender(cluster: Cluster): SendAsset {
  const headers = pageHeaders(cluster);
  return async (request, response, asset) => {
    await new Promise<void>((resolve, reject) => {
      headers(request, response, (error) => (error ? reject(error) : resolve()));
    });
    send(request, response, isPage(asset) ? withTagOfNodes(asset, response) : asset);
  };
}

function isPage({ contentType }: Asset): boolean {
  return contentType.startsWith('text/html');
}

/**
 * Returns the page with an ETag that also changes with the nodes that it may call. After a 304, browsers keep the policy of the
 * earlier response: a page could never call a node that has joined since.
 */
function withTagOfNodes(page: Asset, response: Response): Asset {
  const policy = String(response.getHeader('Content-Security-Policy'));
  return { ...page, etag: assetOf(page.contentType, page.etag + policy).etag };
}

function send(request: Request, response: Response, asset: Asset): void {
  response.setHeader('Cache-Control', asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
  if (Object.keys(asset.compressed).length > 0) response.vary('Accept-Encoding');
  const { coding, body, etag } = encodingOf(request, asset);
  response.setHeader('ETag', etag);
  if (isKnown(request, etag)) {
    response.writeHead(304).end();
    return;
  }
  if (coding) response.setHeader('Content-Encoding', coding);
  response.writeHead(200, { 'Content-Type': asset.contentType, 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Returns the form of a file that the client accepts. Each form has its own ETag, because its bytes differ (RFC 9110, 8.8.3.3). */
function encodingOf(request: Request, { body, compressed, etag }: Asset) {
  const available = (Object.keys(CODINGS) as Coding[]).filter((coding) => compressed[coding]);
  const coding = acceptedCoding(request, available);
  const bytes = coding === null ? undefined : compressed[coding];
  return bytes ? { coding, body: bytes, etag: etag.replace(/"$/, `-${coding}"`) } : { coding: null, body, etag };
}

/** Returns true if `If-None-Match` names this version. Browsers send one or two tags; a longer list is not searched. */
function isKnown({ headers }: Request, etag: string): boolean {
  const known = headers['if-none-match'] ?? '';
  // Any version (RFC 9110, 13.1.2).
  if (known.trim() === '*') return true;
  return known.length <= 1000 && known.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}

/**
 * Returns the security headers of a page. A page may only load its own files, and call the nodes of the cluster, so that it
 * can follow a failover. Those are the nodes known when the page is requested.
 */
function pageHeaders(cluster: Cluster): RequestHandler {
  const nodes = () => originsOf([cluster.url, ...cluster.peers().map(({ url }) => url)]).join(' ');
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        manifestSrc: ["'self'"],
        workerSrc: ["'self'"],
        connectSrc: ["'self'", nodes],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
        requireTrustedTypesFor: ["'script'"],
      },
    },
    // Only the proxy knows whether there is TLS in front of this node.
    strictTransportSecurity: false,
    frameguard: { action: 'deny' },
    // Only the page loads its files. CORS_ORIGIN decides who may call the API.
    crossOriginResourcePolicy: { policy: 'same-origin' },
  });
}

function originsOf(urls: readonly string[]): string[] {
  // In one order, so that a page has the same ETag on every node.
  return [...new Set(urls.filter((url) => URL.canParse(url)).map((url) => new URL(url).origin))].sort();
}

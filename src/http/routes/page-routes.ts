/** The pages: `/home` with its files, `/docs` and `/openapi.json`. All of it is served by this node. */
import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import { z } from 'zod';
import { type Asset, assetOf, CODINGS, type Coding, compressedAsset, loadAssets } from '../../web/assets.ts';
import { DOCS_STYLE, docsPageOf } from '../docs/docs-page.ts';
import { openApiOf } from '../docs/openapi.ts';
import { HttpError } from '../http-error.ts';
import { nothing } from '../request/request-schemas.ts';
import { acceptedCoding } from '../response/content-coding.ts';
import type { Cluster, Services } from '../services.ts';
import { type Route, route } from './route.ts';

/** Returns the routes of the pages. `others` are all other routes, which the OpenAPI document describes too. */
export function pageRoutes(services: Services, others: readonly Route[]): Route[] {
  const headers = pageHeaders(services.cluster);
  const page = (path: string, summary: string, content: string, find: (request: Request) => Asset | Promise<Asset>) =>
    route({
      method: 'get',
      path,
      serves: 'control',
      requires: 'anyone',
      summary,
      input: nothing,
      content,
      async handle({ request, response }) {
        const asset = await find(request);
        await send(request, response, asset, headers);
        return undefined;
      },
    });
  const routes: Route[] = [
    page('/home', 'The chat page', 'text/html', () => assetAt('/home')),
    assetsRoute(headers),
    page('/docs', 'This document, for people', 'text/html', async () => (await docs()).page),
    page('/docs.css', 'Its style sheet', 'text/css', async () => (await docs()).style),
    page(
      '/openapi.json',
      'This document, for programs (OpenAPI 3.1)',
      'application/json',
      async () => (await docs()).json,
    ),
  ];
  // Created on first use, because it describes these routes too.
  const docs = once(() => documentsOf([...others, ...routes], services));
  return routes;
}

function assetsRoute(headers: RequestHandler): Route {
  return route({
    method: 'get',
    path: '/assets/:file',
    serves: 'control',
    requires: 'anyone',
    summary: 'The files of the chat page',
    input: z.object({ file: z.string() }),
    content: 'application/octet-stream',
    refusals: [404],
    async handle({ input, request, response }) {
      const asset = await assetAt(`/assets/${input.file}`);
      await send(request, response, asset, headers);
      return undefined;
    },
  });
}

async function assetAt(path: string): Promise<Asset> {
  const asset = (await loadAssets()).find(path);
  if (!asset) throw new HttpError(404, 'not_found', 'there is no such file');
  return asset;
}

async function documentsOf(routes: readonly Route[], { version, authMode, cluster }: Services) {
  const document = openApiOf(routes, { version, authMode });
  const [json, page, style] = await Promise.all([
    compressedAsset(assetOf('application/json; charset=utf-8', JSON.stringify(document, null, 1))),
    compressedAsset(assetOf('text/html; charset=utf-8', docsPageOf(document, cluster.url))),
    compressedAsset(assetOf('text/css; charset=utf-8', DOCS_STYLE)),
  ]);
  return { json, page, style };
}

/**
 * Sends a file, compressed if it was compressed ahead of time and the client accepts that. A page keeps its URL when its content
 * changes, so browsers revalidate it by its ETag; a file whose name includes a hash is cached for ever.
 */
async function send(request: Request, response: Response, asset: Asset, headers: RequestHandler): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    headers(request, response, (error) => (error ? reject(error) : resolve()));
  });
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
  return [...new Set(urls.filter((url) => URL.canParse(url)).map((url) => new URL(url).origin))];
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

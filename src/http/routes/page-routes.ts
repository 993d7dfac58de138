/** The pages: `/home` with its files, `/docs` and `/openapi.json`. Nothing is loaded from elsewhere. */
import type { Request } from 'express';
import { z } from 'zod';
import { loadOnce } from '../../async/load-once.ts';
import { type Asset, assetOf, compressedAsset, loadAssets } from '../../web/assets.ts';
import { nothing } from '../contract/request-schemas.ts';
import { docsPageOf } from '../docs/docs-page.ts';
import { openApiOf } from '../docs/openapi.ts';
import { assetAt, type SendAsset } from '../response/send-asset.ts';
import type { Services } from '../services.ts';
import { type Route, route } from './route.ts';

/** Returns the routes of the pages. `others` are all other routes, which the OpenAPI document describes too. */
export function pageRoutes(services: Services, others: readonly Route[], send: SendAsset): Route[] {
  const page = (path: string, summary: string, content: string, find: (request: Request) => Asset | Promise<Asset>) =>
    route({
      method: 'get',
      path,
      servedBy: 'every node',
      requires: 'anyone',
      summary,
      input: nothing,
      content,
      async handle({ request, response }) {
        await send(request, response, await find(request));
        return undefined;
      },
    });
  const routes: Route[] = [
    page('/home', 'The chat page', 'text/html', () => assetAt('/home')),
    page('/manifest.webmanifest', 'The chat page as an application to install', 'application/manifest+json', () =>
      assetAt('/manifest.webmanifest'),
    ),
    page('/service-worker.js', 'The script that opens the pages without a network', 'text/javascript', () =>
      assetAt('/service-worker.js'),
    ),
    assetsRoute(send),
    page('/docs', 'This document, for people', 'text/html', async () => (await docs()).page),
    page(
      '/openapi.json',
      'This document, for programs (OpenAPI 3.1)',
      'application/json',
      async () => (await docs()).json,
    ),
  ];
  // Created on first use, because it describes these routes too.
  const docs = loadOnce(() => documentsOf([...others, ...routes], services));
  return routes;
}

function assetsRoute(send: SendAsset): Route {
  return route({
    method: 'get',
    path: '/assets/:file',
    servedBy: 'every node',
    requires: 'anyone',
    summary: 'The files of the chat page',
    input: z.object({ file: z.string() }),
    content: 'application/octet-stream',
    errorStatuses: [404],
    async handle({ input, request, response }) {
      await send(request, response, await assetAt(`/assets/${input.file}`));
      return undefined;
    },
  });
}

async function documentsOf(routes: readonly Route[], { version, authMode, cluster }: Services) {
  const document = await openApiOf(routes, { version, authMode });
  const json = await compressedAsset(assetOf('application/json; charset=utf-8', JSON.stringify(document, null, 1)));
  const html = (await loadAssets()).withHashes(docsPageOf(document, cluster.url));
  const page = await compressedAsset(assetOf('text/html; charset=utf-8', html));
  return { json, page };
}

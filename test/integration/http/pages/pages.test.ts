import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import type { ApiDocument } from '../../../support/network/contract.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { get, request } from '../../../support/network/http.ts';
import { localNode, startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

/** Pages keep their URL when their content changes; files under /assets/ do not. */
const PAGES = ['/home', '/docs', '/openapi.json', '/manifest.webmanifest', '/service-worker.js'];

/** Returns the paths of the files that the chat page loads. */
async function assetPaths(node: string): Promise<string[]> {
  const { text } = await get(`${node}/home`);
  const paths = [...text.matchAll(/"(assets\/[^"]+)"/g)].map(([, path]) => `/${path}`);
  return [...new Set(paths)];
}

describe('A page', function () {
  this.timeout(60_000);
  const { database } = useDatabase();
  let nodes: TwoNodes;
  before(async () => {
    nodes = await startTwoNodes(database.url);
  });
  after(async () => {
    await nodes.stop();
  });

  const policyOf = (headers: Record<string, unknown>) =>
    new Map(
      String(headers['content-security-policy'])
        .split(';')
        .map((directive) => directive.trim().split(/\s+/))
        .map(([name = '', ...sources]) => [name, sources.sort()] as const),
    );

  it('may only load files of its own node and call the nodes of the cluster', async () => {
    const { active, standby } = nodes;
    for (const path of ['/home', '/docs']) {
      const policy = policyOf((await get(`${active.url}${path}`)).headers);
      expect(policy.get('default-src')).to.deep.equal(["'none'"]);
      for (const kind of ['script-src', 'style-src', 'img-src'])
        expect(policy.get(kind), kind).to.deep.equal(["'self'"]);
      expect(policy.get('connect-src')).to.deep.equal(["'self'", active.url, standby.url].sort());
      for (const kind of ['base-uri', 'form-action', 'frame-ancestors']) {
        expect(policy.get(kind), kind).to.deep.equal(["'none'"]);
      }
    }
  });

  it('has no inline script or style, and no external reference', async () => {
    for (const path of ['/home', '/docs']) {
      const { text } = await get(`${nodes.active.url}${path}`);
      expect(text).to.not.match(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:/i);
      expect(text).to.not.match(/\b(?:src|href)=["'](?:https?:)?\/\//i);
    }
  });

  it('is revalidated by ETag with 304; HEAD returns the same headers without a body', async () => {
    const assets = await assetPaths(nodes.active.url);
    expect(assets.map((path) => path.replace(/[0-9a-f]{12}/, 'HASH'))).to.have.members([
      '/assets/icon.HASH.svg',
      '/assets/icon-180.HASH.png',
      '/assets/home.HASH.css',
      '/assets/home.HASH.js',
      '/assets/home-dialogs.HASH.css',
      '/assets/home-dialogs.HASH.js',
      '/assets/home-pt-br.HASH.js',
    ]);
    for (const path of [...PAGES, ...assets]) {
      const url = `${nodes.active.url}${path}`;
      const { status, headers, text } = await get(url);
      const caching = assets.includes(path) ? 'public, max-age=31536000, immutable' : 'no-cache';
      expect([status, headers['cache-control']], path).to.deep.equal([200, caching]);
      expect(headers['x-content-type-options'], path).to.equal('nosniff');
      for (const known of [String(headers.etag), `"other", W/${headers.etag}`, '*']) {
        const again = await get(url, { headers: { 'if-none-match': known } });
        expect([again.status, again.text], `${path} ${known}`).to.deep.equal([304, '']);
      }
      const head = await request('HEAD', url);
      expect([head.status, head.text, head.headers.etag], path).to.deep.equal([200, '', headers.etag]);
      expect(head.headers['content-length'], path).to.equal(headers['content-length']);
      expect(text, path).to.not.equal('');
    }
  });

  it('at /cluster is HTML for a browser, and JSON for every other client', async () => {
    const url = `${nodes.standby.url}/cluster`;
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8';
    const page = await get(url, { headers: { accept } });
    expect(page.headers['content-type']).to.equal('text/html; charset=utf-8');
    expect(page.headers.vary).to.include('Accept');
    expect(policyOf(page.headers).get('script-src')).to.deep.equal(["'self'"]);
    expect(page.text).to.not.match(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:/i);
    for (const [, path] of page.text.matchAll(/"(assets\/[^"]+)"/g)) {
      expect((await get(`${nodes.standby.url}/${path}`)).headers['cache-control'], path).to.include('immutable');
    }
    for (const other of ['*/*', 'application/json', 'text/plain', '']) {
      const { headers } = await get(url, { headers: { accept: other } });
      expect([headers['content-type'], String(headers.vary)], other).to.deep.equal([
        'application/json; charset=utf-8',
        'Accept, Origin',
      ]);
    }
  });

  it('of another version finds its files by name, and caches do not keep them', async () => {
    for (const path of ['/assets/home.js', '/assets/home.0123456789ab.js', '/assets/icon.0123456789ab.svg']) {
      const { status, headers } = await get(`${nodes.active.url}${path}`);
      expect([status, headers['cache-control']], path).to.deep.equal([200, 'no-cache']);
    }
    expect((await get(`${nodes.active.url}/assets/other.0123456789ab.js`)).status).to.equal(404);
  });

  it('is served only from the folder of the pages', async () => {
    for (const path of ['/assets/nothing.js', '/assets/..%2f..%2fpackage.json', '/assets/%2e%2e%2fsettings.ts']) {
      expect((await get(`${nodes.active.url}${path}`)).status, path).to.equal(404);
    }
  });

  it('/docs has every operation of the document, and no dangling link', async () => {
    const { text } = await get(`${nodes.active.url}/docs`);
    const { body } = await get<ApiDocument>(`${nodes.active.url}/openapi.json`);
    const ids = Object.values(body.paths).flatMap((methods) => Object.values(methods).map((one) => one.operationId));
    for (const id of ids) expect(text).to.include(`<section id="${id}"`);
    for (const [, place] of text.matchAll(/href="#([^"]+)"/g)) expect(text).to.include(`id="${place}"`);
  });

  it('is sent again when a node has joined: browsers keep the policy of the earlier response after a 304', async () => {
    const fetched = (node: { url: string }, condition = {}) =>
      get(`${node.url}/home`, { headers: { 'accept-encoding': 'br', ...condition } });
    const { headers } = await fetched(nodes.active);
    expect((await fetched(nodes.standby)).headers.etag, 'on every node').to.equal(headers.etag);
    const third = localNode({ DATABASE_URL: database.url, PORT: String(await freePort()), NODE_NAME: 'node-c' });
    await third.start();
    try {
      await eventually('the page may call the third node', async () => {
        const again = await fetched(nodes.active, { 'if-none-match': String(headers.etag) });
        return again.status === 200 && policyOf(again.headers).get('connect-src')?.includes(third.url);
      });
    } finally {
      await third.stop();
    }
  });
});

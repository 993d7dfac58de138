import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { isOfVersion } from '../../../src/web/worker/offline-files.ts';

const named = (content: string) => `assets/home.${createHash('sha256').update(content).digest('hex').slice(0, 12)}.js`;

describe('The files that the service worker keeps', () => {
  const script = named('let version = 1;');
  const pages = { home: [script], cluster: [] };
  const isKept = (file: string, body: string, status = 200) => isOfVersion(pages, file, new Response(body, { status }));

  it('are those whose content matches the hash in their name', async () => {
    expect(await isKept(script, 'let version = 1;')).to.equal(true);
    expect(await isKept(script, 'let version = 2;')).to.equal(false);
  });

  it('include the pages that load them, and no other pages', async () => {
    expect(await isKept('home', `<script type="module" src="${script}"></script>`)).to.equal(true);
    expect(await isKept('home', `<script type="module" src="${named('let version = 2;')}"></script>`)).to.equal(false);
  });

  it('include no error', async () => {
    expect(await isKept('home', `<script type="module" src="${script}"></script>`, 404)).to.equal(false);
  });
});

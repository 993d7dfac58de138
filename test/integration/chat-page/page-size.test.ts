import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { bundlePages, type PageFile } from '../../../src/web/build/bundle.ts';

/** The bytes that the chat page may need before it is shown, with brotli and with gzip, which browsers without TLS ask for. */
const LIMIT = 60 * 1024;
const GZIP_LIMIT = 63 * 1024;

describe('The chat page', () => {
  let files: PageFile[];
  let start: PageFile[];

  before('bundle the pages', async () => {
    files = await bundlePages();
    const page = textOf('/home');
    const named = [...page.matchAll(/ (?:src|href)="([^"]+)"/g)].map(([, file]) => `/${file}`);
    const used = ['/home', ...named.filter((file) => /\.(js|css|svg)$/.test(file))];
    start = files.filter(({ path }) => used.includes(path));
  });

  const textOf = (start: string, end = '') =>
    files.find(({ path }) => path.startsWith(start) && path.endsWith(end))?.body.toString() ?? '';
  const total = (compress: (body: Buffer) => Buffer) => start.reduce((sum, { body }) => sum + compress(body).length, 0);

  it('starts with less than 60 KiB in all, and 63 KiB where only gzip is accepted', () => {
    expect(start.length).to.equal(4);
    expect(
      total((body) => brotliCompressSync(body)),
      'brotli',
    ).to.be.within(1, LIMIT);
    expect(
      total((body) => gzipSync(body, { level: 9 })),
      'gzip',
    ).to.be.within(1, GZIP_LIMIT);
  });

  it('contains the English texts, and no others', () => {
    const script = start.map(({ body }) => body.toString('utf8')).join('');
    expect(script).to.contain('Keep me signed in').and.not.to.contain('Manter-me conectado');
  });

  it('loads its dialogs later: they use its modules, and bring none of them along', () => {
    const page = textOf('/assets/home.', '.js');
    const dialogs = textOf('/assets/home-dialogs.', '.js');
    expect(page).not.to.contain('Delete your account?');
    expect(dialogs).to.contain('Delete your account?').and.not.to.contain('Keep me signed in');
    expect(dialogs).not.to.match(/\bimport\b/);
    const [, published = ''] = /globalThis\.plantaoShared=\{(.*?)\};/.exec(page) ?? [];
    const own = new Set(published.split(',').map((one) => one.split(':')[0]));
    const used = [...dialogs.matchAll(/const\{([^}]+)\}=globalThis\.plantaoShared;/g)]
      .flatMap(([, names = '']) => names.split(','))
      .map((one) => one.split(':')[0]);
    expect([...own])
      .to.include.members(used)
      .and.to.have.length.greaterThan(20);
  });

  it('names the files that it loads later, so that the service worker keeps them', () => {
    const later = files.filter(({ path }) => path.startsWith('/assets/home-')).map(({ path }) => path.slice(1));
    expect(later).to.have.length(3);
    for (const file of later) {
      expect(textOf('/home')).to.contain(`"${file}"`);
      expect(textOf('/service-worker.js')).to.contain(`"${file}"`);
    }
  });
});

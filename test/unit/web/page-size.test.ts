import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { bundlePages, type PageFile } from '../../../src/web/bundle.ts';

describe('the chat page', () => {
  let loaded: PageFile[];

  before('bundle the pages', async () => {
    const files = await bundlePages();
    const page = files.find(({ path }) => path === '/home')?.body.toString() ?? '';
    const named = [...page.matchAll(/ (?:src|href)="([^"]+)"/g)].map(([, file]) => `/${file}`);
    const used = ['/home', '/service-worker.js', ...named.filter((file) => /\.(js|css|svg)$/.test(file))];
    loaded = files.filter(({ path }) => used.includes(path));
  });

  const total = (compress: (body: Buffer) => Buffer) =>
    loaded.reduce((sum, { body }) => sum + compress(body).length, 0);

  it('has less than 60 KB compressed in all', () => {
    expect(loaded.length).to.be.greaterThan(3);
    expect(total((body) => brotliCompressSync(body))).to.be.lessThan(58_000);
  });

  it('has a script of less than 60 KB for browsers without brotli', () => {
    const script = loaded.find(({ path }) => path.startsWith('/assets/home') && path.endsWith('.js'));
    expect(gzipSync(script?.body ?? '', { level: 9 }).length).to.be.within(1, 60_000);
  });

  it('brings its English texts along, and no others', () => {
    const script = loaded.map(({ body }) => body.toString('utf8')).join('');
    expect(script).to.contain('Keep me signed in').and.not.to.contain('Manter-me conectado');
  });
});

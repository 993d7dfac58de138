import { brotliCompressSync } from 'node:zlib';
import { expect } from 'chai';
import { bundlePages } from '../../../src/web/bundle.ts';

describe('the chat page', () => {
  it('has less than 60 KB compressed in all', async () => {
    const files = await bundlePages();
    const page = files.find(({ path }) => path === '/home')?.body.toString() ?? '';
    const loaded = files
      .filter(({ path }) => path === '/home' || /\.(js|css|svg)$/.test(path))
      .filter(({ path }) => {
        return path === '/home' || page.includes(path.slice(1)) || path === '/service-worker.js';
      });
    expect(loaded.length).to.be.greaterThan(3);
    expect(loaded.reduce((sum, { body }) => sum + brotliCompressSync(body).length, 0)).to.be.lessThan(60_000);
  });
});

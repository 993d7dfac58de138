import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

describe('Compression', () => {
  const nodes = useTwoNodes({ CORS_ORIGIN: 'https://chat.example' });
  const at = (path: string) => nodes.active.url + path;
  const fetchRaw = async (path: string, headers: Record<string, string> = {}) => {
    // fetch would decompress it: node:http does not, and `latin1` keeps every byte.
    const response = await import('node:http').then(
      ({ default: http }) =>
        new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
          http.get(at(path), { agent: false, headers }, resolve).once('error', reject);
        }),
    );
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece as Buffer);
    return { headers: response.headers, status: response.statusCode, bytes: Buffer.concat(pieces) };
  };

  before(async () => {
    for (let count = 0; count < 20; count++) {
      await post(at('/messages'), { userId: 1, groupId: 1, content: `${count} ${'olá '.repeat(50)}` });
    }
  });

  it('of a history page and of the documents has the accepted coding, and the same content', async () => {
    for (const path of ['/messages?groupId=1', '/openapi.json', '/docs']) {
      const plain = await fetchRaw(path);
      expect(plain.headers['content-encoding'], path).to.equal(undefined);
      expect(plain.headers.vary, path).to.match(/Accept-Encoding/);
      for (const [coding, decode] of [
        ['br', brotliDecompressSync],
        ['gzip', gunzipSync],
      ] as const) {
        const coded = await fetchRaw(path, { 'accept-encoding': coding });
        expect(coded.headers['content-encoding'], path).to.equal(coding);
        expect(coded.bytes.length, path).to.be.below(plain.bytes.length / 2);
        expect(decode(coded.bytes).equals(plain.bytes), path).to.equal(true);
        expect(Number(coded.headers['content-length']), path).to.equal(coded.bytes.length);
        if (plain.headers.etag) expect(coded.headers.etag, path).to.not.equal(plain.headers.etag);
      }
    }
  });

  it('keeps Vary: Origin, and revalidates each form by its own ETag', async () => {
    const headers = { 'accept-encoding': 'br', origin: 'https://chat.example' };
    const page = await fetchRaw('/messages?groupId=1', headers);
    expect(String(page.headers.vary).split(', ')).to.have.members(['Accept-Encoding', 'Origin']);
    const { headers: found } = await fetchRaw('/docs', headers);
    const again = await fetchRaw('/docs', { ...headers, 'if-none-match': String(found.etag) });
    expect([again.status, again.headers.etag]).to.deep.equal([304, found.etag]);
    const other = await fetchRaw('/docs', { 'accept-encoding': 'gzip', 'if-none-match': String(found.etag) });
    expect(other.status).to.equal(200);
  });

  it('is absent from small responses, polls and responses to writes, and for a hostile Accept-Encoding', async () => {
    const asked = { 'accept-encoding': 'gzip, br' };
    const poll = await fetchRaw('/subscribe/user?user_id=1&timeout=0', asked);
    expect(poll.headers['cache-control']).to.equal('no-store, no-transform');
    const { body } = await get<{ cursor: string }>(at('/chats?userId=1'));
    const [epoch] = body.cursor.split(/-\d+$/);
    const long = await fetchRaw(`/subscribe/user?user_id=1&cursor=${epoch}-0`, asked);
    expect([long.status, long.headers['content-encoding']]).to.deep.equal([200, undefined]);
    expect(long.headers['cache-control']).to.equal('no-store, no-transform');
    expect(long.headers.cursor).to.equal(JSON.parse(long.bytes.toString()).cursor);
    expect((await fetchRaw('/users?username=ana', asked)).headers['content-encoding']).to.equal(undefined);
    for (const hostile of ['br;q=0, gzip;q=0', 'x'.repeat(10_000), 'identity', 'gzip;q=abc,,;;', '']) {
      const { status, headers } = await fetchRaw('/messages?groupId=1', { 'accept-encoding': hostile });
      expect([status, headers['content-encoding'] === 'br'], hostile.slice(0, 20)).to.deep.equal([200, false]);
    }
  });
});

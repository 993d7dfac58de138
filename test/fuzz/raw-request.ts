import { connect } from 'node:net';
import fc from 'fast-check';

/** Bytes that are sent in pieces over a separate socket. */
export interface RawRequest {
  pieces: string[];
  /** Disconnects right after the last piece. */
  cut: boolean;
}

/** The user name in a request that is hidden in another. It must never be created. */
export const SMUGGLED_NAME = 'smuggled';

const hidden = `POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 23\r\n\r\n{"username":"${SMUGGLED_NAME}"}`;
const post = (headers: string, body: string) =>
  `POST /group-users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`;

const whole = fc.oneof(
  fc.constantFrom(
    'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /health HTTP/1.0\r\n\r\n',
    'GET /health HTTP/1.1\r\n\r\n',
    'GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n',
    'GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n',
    'GET /health\r\n\r\n',
    'GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET http://elsewhere/health HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET * HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'CONNECT elsewhere:443 HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'BREW /coffee HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET /health HTTP/1.1\nHost: x\n\n',
    'GET /health HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    'GET /health HTTP/1.1\r\nHost: localhost\r\nX : a\r\n\r\n',
    'GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n folded\r\n\r\n',
    'GET /health HTTP/1.1\r\nHost: localhost\r\nX: \0\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    '\r\n\r\n\r\n',
  ),
  // Two interpretations of where a body ends, with a request in the part that only one of them sees.
  fc.constantFrom(
    post(`Content-Length: 4\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${hidden}`),
    post(`Transfer-Encoding: chunked\r\nContent-Length: 4`, `0\r\n\r\n${hidden}`),
    post(`Content-Length: 2\r\nContent-Length: ${2 + hidden.length}`, `{}${hidden}`),
    post(`Content-Length: ${2 + hidden.length}, 2`, `{}${hidden}`),
    post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${hidden}`),
    post('Transfer-Encoding: xchunked', `0\r\n\r\n${hidden}`),
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x', `0\r\n\r\n${hidden}`),
    post('Transfer-Encoding:\x0bchunked', `0\r\n\r\n${hidden}`),
    post(`Content-Length: +${hidden.length}`, hidden),
    post('Content-Length: -1', hidden),
    post('Content-Length: 0x10', hidden),
    post(`Content-Length: ${'9'.repeat(40)}`, '{}'),
    post('Transfer-Encoding: chunked', `2;x="\r\n${hidden}`),
    post('Transfer-Encoding: chunked', `zz\r\n{}\r\n0\r\n\r\n`),
    post('Transfer-Encoding: chunked', `ffffffffffffffff\r\n{}`),
    post('Transfer-Encoding: chunked', `2\r\n{}X\r\n0\r\n\r\n`),
    post(`Content-Length: ${hidden.length}`, hidden),
  ),
  fc
    .integer({ min: 1, max: 3000 })
    .map((count) => `GET /health HTTP/1.1\r\nHost: localhost\r\n${'a: b\r\n'.repeat(count)}\r\n`),
  fc.integer({ min: 1, max: 40_000 }).map((length) => `GET /${'x'.repeat(length)} HTTP/1.1\r\nHost: localhost\r\n\r\n`),
  fc.integer({ min: 2, max: 30 }).map((count) => 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(count)),
  fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);

/** Requests that no client library would send: split, repeated, smuggled, oversized, truncated. */
export const rawRequests: fc.Arbitrary<RawRequest> = fc
  .record({
    text: whole,
    cuts: fc.array(fc.nat({ max: 400 }), { maxLength: 3 }),
    end: fc.option(fc.nat({ max: 300 })),
    cut: fc.boolean(),
  })
  .map(({ text, cuts, end, cut }) => {
    const sent = end === null ? text : text.slice(0, end);
    const places = [...new Set([0, ...cuts.filter((at) => at < sent.length), sent.length])].sort(
      (one, other) => one - other,
    );
    return { pieces: places.slice(1).map((place, at) => sent.slice(places[at], place)), cut };
  });

/** Sends the pieces. Returns the statuses received until the connection ended or the time limit passed. */
export function sendRaw(port: number, { pieces, cut }: RawRequest, timeoutMs = 80): Promise<number[]> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Array.from(received.matchAll(/HTTP\/1\.[01] (\d{3})/g), ([, status]) => Number(status)));
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.on('data', (piece) => {
      received += piece.toString('latin1');
    });
    socket.once('error', finish);
    socket.once('close', finish);
    socket.once('connect', async () => {
      for (const piece of pieces) {
        if (socket.destroyed) return;
        socket.write(piece, 'latin1');
        await new Promise((go) => setImmediate(go));
      }
      if (cut) finish();
    });
  });
}

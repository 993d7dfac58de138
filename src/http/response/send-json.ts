import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Request, Response } from 'express';
import { acceptedCoding } from './content-coding.ts';
import { unreadResponses } from './unread-responses.ts';

/** Shorter bodies are not compressed: they fit one network packet anyway. */
const COMPRESSED_FROM = 1024;

/** Maximum number of responses that are compressed at the same time. Others are sent uncompressed: libuv's four threads have other work too. */
const CONCURRENCY = 2;

/** Fast settings: stronger ones take several times as long to save another tenth of the size. */
const compressors = {
  br: (bytes: Buffer) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: (bytes: Buffer) => promisify(gzip)(bytes, { level: 4 }),
};
const codings = Object.keys(compressors) as (keyof typeof compressors)[];

let running = 0;

/**
 * Sends JSON in one write. The response to a GET is compressed if it is long and the client accepts that. Responses to other
 * methods are not: they carry tokens, and the length of a compressed response can reveal a secret in it (the BREACH attack).
 * Express's `response.json` is not used because it responds 304 to `If-None-Match: *`.
 */
export async function sendJson(
  response: Response,
  status: number,
  body: unknown,
  headers?: Record<string, string>,
): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(body));
  const { req: request } = response;
  const allHeaders = { ...headers, 'Content-Type': 'application/json; charset=utf-8' };
  if (bytes.length < COMPRESSED_FROM || (request.method !== 'GET' && request.method !== 'HEAD')) {
    return send(response, status, bytes, allHeaders);
  }
  const compressed = await compress(request, bytes);
  // Meanwhile the client may have disconnected, or the deadline may have passed.
  if (response.headersSent || response.destroyed) return;
  const coding = compressed ? { 'Content-Encoding': compressed.coding } : {};
  send(response, status, compressed?.bytes ?? bytes, { ...allHeaders, ...coding, Vary: 'Accept-Encoding' });
}

function send(response: Response, status: number, bytes: Buffer, headers: Record<string, string>): void {
  response.writeHead(status, { ...headers, 'Content-Length': bytes.length });
  unreadResponses.hold(response, bytes.length);
  response.end(bytes);
}

async function compress(request: Request, bytes: Buffer): Promise<{ coding: string; bytes: Buffer } | null> {
  const coding = acceptedCoding(request, codings);
  if (coding === null || running >= CONCURRENCY) return null;
  running += 1;
  try {
    return { coding, bytes: await compressors[coding](bytes) };
  } finally {
    running -= 1;
  }
}

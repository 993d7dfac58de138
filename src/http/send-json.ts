import type { Response } from 'express';

/**
 * Answers with JSON in one write. Express's `json` does the same with a look at settings, freshness and types that are
 * known here.
 */
export function sendJson(response: Response, status: number, body: unknown, headers?: Record<string, string>): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

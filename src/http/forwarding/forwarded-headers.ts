import type { OutgoingHttpHeaders } from 'node:http';
import type { Request, Response } from 'express';
import { clientAddressOf } from '../request/checks/client-address.ts';
import { requestIdOf } from '../request/request-id.ts';
import type { NodeResponse } from './node-client.ts';

/** Set on a forwarded request to the name of the node that forwards it. A standby never forwards one that has it. */
export const HOP = 'x-plantao-forwarded-by';

/**
 * Request headers that are not forwarded: those of the connection, and those by which this node has already checked the origin
 * of a browser's page.
 */
const OWN_REQUEST_HEADERS = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect'],
  ...[
    'host',
    'content-length',
    'origin',
    'referer',
    'sec-fetch-site',
    'sec-fetch-mode',
    'sec-fetch-dest',
    'sec-fetch-user',
  ],
  ...['x-forwarded-for', 'accept-encoding'],
]);
/** Response headers that this node sets itself: those of the connection, and the standard headers (fast-path.ts). */
const OWN_RESPONSE_HEADERS = new Set([
  ...['connection', 'keep-alive', 'transfer-encoding', 'date', 'vary', 'cache-control', 'x-content-type-options'],
  'x-request-id',
  ...['access-control-allow-origin', 'access-control-expose-headers'],
]);

/** Returns the headers with which the node of this name forwards a request. */
export function forwardedHeaders(request: Request, body: Buffer, node: string): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!OWN_REQUEST_HEADERS.has(name)) headers[name] = value;
  }
  // Only the client's address, which this node has determined with its own TRUST_PROXY. If the addresses of the proxies followed it,
  // the active node, whose TRUST_PROXY may be the same number, would take one of them for the client: this node is one proxy more.
  headers['x-forwarded-for'] = clientAddressOf(request);
  headers[HOP] = node;
  headers['x-request-id'] = requestIdOf(request);
  if (body.length > 0 || request.headers['content-length'] !== undefined) headers['content-length'] = body.length;
  return headers;
}

/** Sends the active node's response to the client, without the headers that this node sets itself. */
export function relay({ status, headers, body }: NodeResponse, response: Response): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!OWN_RESPONSE_HEADERS.has(name) && value !== undefined) response.setHeader(name, value);
  }
  response.writeHead(status).end(body);
}

/*
 * The baseline for posting: Express parses the body and sends it back. It uses Express's defaults, but without an ETag,
 * which Plantão does not send either.
 */
import type { AddressInfo } from 'node:net';
import express from 'express';

const app = express();
app.disable('etag');
app.post('/messages', express.json(), (request, response) => {
  response.json(request.body);
});
const server = app.listen(0, '127.0.0.1', () => {
  console.log(`ready ${(server.address() as AddressInfo).port}`);
});

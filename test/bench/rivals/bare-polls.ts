/*
 * The baseline of a wake-up: node:http holds polls in an array and sends the same bytes to all of them. No framework, no
 * database, no cursor.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

let parked: ServerResponse[] = [];
/** As long as Plantão's response to the same poll with one message. */
const BODY = Buffer.from(JSON.stringify({ change: true, message: 'x'.repeat(Number(process.env.BODY_BYTES ?? 400)) }));
const HEADERS = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': BODY.length };

const server = createServer({ keepAliveTimeout: 300_000 }, (request, response) => {
  if (request.method === 'POST') {
    request.resume();
    request.once('end', () => {
      const woken = parked;
      parked = [];
      for (const one of woken) one.writeHead(200, HEADERS).end(BODY);
      response.writeHead(200, { 'Content-Length': 0 }).end();
    });
  } else if (request.url === '/count') {
    const count = String(parked.filter((one) => !one.destroyed).length);
    response.writeHead(200, { 'Content-Length': count.length }).end(count);
  } else {
    // No client disconnects here, so no listener is needed: this is the minimum cost of a waiter.
    parked.push(response);
  }
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`ready ${(server.address() as AddressInfo).port}`);
});

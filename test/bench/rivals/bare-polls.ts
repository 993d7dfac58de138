/*
 * The floor of a wake-up: node:http holds polls in an array and answers all of them with the same bytes. No framework,
 * no database, no cursor.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

let parked: ServerResponse[] = [];
/** As long as Plantão's answer to the same poll with one message in it. */
const BODY = Buffer.from(JSON.stringify({ change: true, message: 'x'.repeat(Number(process.env.BODY_BYTES ?? 400)) }));
const HEADERS = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': BODY.length };

const server = createServer({ keepAliveTimeout: 300_000 }, (request, response) => {
  if (request.method === 'POST') {
    request.resume();
    request.once('end', () => {
      const waking = parked;
      parked = [];
      for (const one of waking) one.writeHead(200, HEADERS).end(BODY);
      response.writeHead(200, { 'Content-Length': 0 }).end();
    });
  } else if (request.url === '/count') {
    const count = String(parked.filter((one) => !one.destroyed).length);
    response.writeHead(200, { 'Content-Length': count.length }).end(count);
  } else {
    // Nobody leaves here, so there is nothing to listen for: the least that a waiter can cost.
    parked.push(response);
  }
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`ready ${(server.address() as AddressInfo).port}`);
});

/*
 * One of two socket.io processes that communicate through PostgreSQL (LISTEN and NOTIFY), with clients on long polling. It
 * does not store messages.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter } from '@socket.io/postgres-adapter';
import pg from 'pg';
import { Server } from 'socket.io';

const server = createServer({ keepAliveTimeout: 300_000 });
const io = new Server({ transports: ['polling'], serveClient: false, pingInterval: 600_000, httpCompression: false });
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 });
const TABLE = `CREATE TABLE IF NOT EXISTS socket_io_attachments
  (id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea)`;

server.on('request', (request, response) => {
  if (request.url === '/count') {
    let count = 0;
    for (const { conn } of io.sockets.sockets.values()) if (conn.transport.writable) count++;
    response.end(String(count));
  } else if (request.url === '/wake') {
    request.resume();
    request.once('end', () => {
      io.emit('message', { id: 1, sender: 'user-1', content: 'x'.repeat(Number(process.env.BODY_BYTES ?? 400)) });
      response.writeHead(200, { 'Content-Length': 0 }).end();
    });
  }
});
await pool.query(TABLE).catch(() => {});
io.adapter(createAdapter(pool));
io.attach(server);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`ready ${(server.address() as AddressInfo).port}`);
});

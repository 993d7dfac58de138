/*
 * The application in front of nchan: it inserts each message into PostgreSQL and then publishes it to nchan. It is as small as
 * such a program can be.
 */
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { MESSAGES_TABLE } from './pgbench.ts';
import { SENDERS, SESSIONS } from './rival.ts';

interface Post {
  userId: number;
  groupId: number;
  content: string;
}

const INSERT = {
  name: 'insert',
  text: 'INSERT INTO bench.messages (group_id, sender_id, content) VALUES ($1, $2, $3) RETURNING id, created_at',
};
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: SESSIONS });
const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
const nchan = { host: '127.0.0.1', port: Number(process.env.NCHAN_PORT), method: 'POST', agent };

function publish(groupId: number, message: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(message) };
    const request = httpRequest({ ...nchan, path: `/publish/${groupId}`, headers }, (response) => {
      response.resume().once('end', () => {
        if ((response.statusCode ?? 500) < 300) resolve();
        else reject(new Error(`nchan responded with ${response.statusCode}`));
      });
    });
    request.once('error', reject).end(message);
  });
}

async function store(body: string): Promise<string> {
  const { userId, groupId, content } = JSON.parse(body) as Post;
  const { rows } = await pool.query({ ...INSERT, values: [groupId, userId, content] });
  const message = JSON.stringify({ ...rows[0], userId, groupId, content });
  await publish(groupId, message);
  return message;
}

await pool.query(MESSAGES_TABLE);
const server = createServer({ keepAliveTimeout: 300_000 }, (request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text) => {
    body += text;
  });
  request.once('end', async () => {
    const [status, message] = await store(body).then(
      (stored) => [201, stored] as const,
      (error) => [500, String(error)] as const,
    );
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(message) };
    response.writeHead(status, headers).end(message);
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  console.log(`ready ${(server.address() as AddressInfo).port}`);
});

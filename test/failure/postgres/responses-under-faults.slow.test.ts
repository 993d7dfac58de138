import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { startTcpProxy, type TcpProxy } from '../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../support/eventually.ts';
import { get, request } from '../../support/network/http.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type NodeProcess, startNode } from '../../support/nodes/node-process.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';

/** One of each kind of work with the database: its pool, its batches, its cursors, its tokens. */
const REQUESTS: readonly [method: string, path: string, body?: unknown][] = [
  ['GET', '/chats?userId=1'],
  ['GET', '/messages?groupId=1'],
  ['GET', '/users?username=a'],
  ['GET', '/group-users?groupId=1'],
  ['GET', '/user/1/groups'],
  ['GET', '/cluster'],
  ['GET', '/subscribe/user?user_id=1&timeout=0'],
  ['POST', '/login', { username: 'ana_orm' }],
  ['POST', '/create-chat', { groupName: 'noite', creatorId: 1, members: ['bruno_orm'] }],
  ['POST', '/user/2/groups/plantão'],
  ['DELETE', '/user/2/groups/plantão'],
  ['POST', '/notify/plantão', { payload: 'às 3' }],
  ['POST', '/messages', { userId: 1, groupId: 1, content: 'às 3' }],
];
const ROUNDS = 3;

describe('A request during an outage of PostgreSQL', () => {
  let postgres: OwnPostgres;
  let proxy: TcpProxy;
  let node: NodeProcess;

  before(async function () {
    this.timeout(120_000);
    postgres = await startPostgresOfItsOwn();
    await seedData(postgres.url);
    proxy = await startTcpProxy({ port: postgres.port });
    node = await startNode({ databaseUrl: proxy.via(postgres.url), env: { LEASE_MS: '1000' } });
    await untilActive(node);
  });
  after(async function () {
    this.timeout(60_000);
    proxy?.heal();
    await node?.stop();
    await proxy?.close();
    await postgres?.remove();
  });

  const endSessions = async () => {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'plantao:%' AND pid <> pg_backend_pid()",
    );
    await client.end();
  };
  const FAULTS = [
    ['the sessions of the node are ended repeatedly', () => endSessions()],
    ['the connections of the node are reset', async () => proxy.dropConnections()],
    ['the network is cut', () => forAWhile(() => proxy.cut())],
    ['the network discards all data', () => forAWhile(() => proxy.swallow())],
    ['PostgreSQL is restarted', () => postgres.restart('fast')],
    ['PostgreSQL is killed', () => postgres.restart('immediate')],
  ] as const;

  const forAWhile = async (fault: () => void) => {
    fault();
    await sleep(50 + Math.random() * 400);
    proxy.heal();
  };

  for (const [what, fault] of FAULTS) {
    it(`gets a documented response when ${what}`, async function () {
      this.timeout(90_000);
      const until = new AbortController();
      const responses = new Map<string, number>();
      const asking = REQUESTS.map(async ([method, path, body]) => {
        while (!until.signal.aborted) {
          const { status, text } = await request(method, `${node.url}${encodeURI(path)}`, { body, deadline: 15_000 });
          const response = status === 500 ? `${method} ${path}: 500 ${text}` : String(status);
          responses.set(response, (responses.get(response) ?? 0) + 1);
          await sleep(20);
        }
      });
      for (let round = 0; round < ROUNDS; round++) {
        await sleep(Math.random() * 100);
        await fault();
        await eventually('it serves again', async () => (await get(`${node.url}/readiness`)).status === 200, {
          within: 20_000,
        });
      }
      await eventually('it is active again', async () => (await get(`${node.url}/primary`)).status === 200);
      until.abort();
      await Promise.all(asking);
      const odd = [...responses.keys()].filter((response) => !['200', '201', '204', '410', '503'].includes(response));
      expect(odd).to.deep.equal([]);
      expect(responses.get('200') ?? 0, 'served').to.be.above(REQUESTS.length);
    });
  }
});

import pino from 'pino';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import type { GivenParts } from '../../../src/node/assemble.ts';
import { createNode, type Node } from '../../../src/node/node.ts';
import { readSettings } from '../../../src/settings.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../network/free-port.ts';
import { get } from '../network/http.ts';
import { DbaSession } from '../postgres/dba-session.ts';
import { type OwnPostgresOptions, startPostgresOfItsOwn } from '../postgres/own-postgres.ts';
import { createDatabase, type TestDatabase } from '../postgres/postgres.ts';
import { lockProgram } from './node-build.ts';
import type { LogEntry } from './node-process.ts';

/** A node in this process, with its log entries. */
export interface LocalNode extends Node {
  readonly entries: LogEntry[];
}

/** Two nodes in this process that know each other. */
export interface TwoNodes {
  active: LocalNode;
  standby: LocalNode;
  /** Stops both. Fails if either has logged an error: no request of a client may cause one. */
  stop(): Promise<void>;
}

interface Health {
  active_node: string | null;
  peers: { alive: boolean }[];
}

/** Creates a node in this process without starting it; `env` is its environment. */
export function localNode(env: Record<string, string>, given: Pick<GivenParts, 'tableCheckMs'> = {}): LocalNode {
  const entries: LogEntry[] = [];
  const settings = readSettings(env);
  const write = (line: string) => void entries.push(JSON.parse(line));
  const log = pino({ level: 'info', base: { node: env.NODE_NAME } }, { write });
  const node = createNode(settings, { ...given, log, lockProgram: lockProgram() });
  return Object.defineProperty(node, 'entries', { value: entries }) as LocalNode;
}

/**
 * Starts two nodes in this process, much faster than two processes: an active node, and a standby that knows it. `env` is
 * for both.
 */
export async function startTwoNodes(databaseUrl: string, env: Record<string, string> = {}): Promise<TwoNodes> {
  const [port, otherPort] = [await freePort(), await freePort()];
  const make = (own: number, other: number, isActive: boolean) =>
    localNode({
      DATABASE_URL: databaseUrl,
      PORT: String(own),
      NODE_NAME: isActive ? 'node-a' : 'node-b',
      PEER_URL: `http://localhost:${other}`,
      IS_ACTIVE: String(isActive),
      DB_POOL_SIZE: '4',
      // Two nodes in one process, beside other tests: a busy machine costs neither its lease.
      LEASE_MS: '6000',
      ...env,
    });
  const [active, standby] = [make(port, otherPort, true), make(otherPort, port, false)];
  const stop = async () => {
    await standby.stop();
    await active.stop();
    const errors = [...active.entries, ...standby.entries].filter((entry) => entry.level >= 50);
    if (errors.length > 0) throw new Error(`a node has logged errors: ${JSON.stringify(errors, null, 1)}`);
  };
  try {
    await active.start();
    await standby.start();
    await knowEachOther({ active, standby });
  } catch (error) {
    await Promise.all([active.stop(), standby.stop()]);
    throw error;
  }
  return { active, standby, stop };
}

/** Waits until the first node is active, and each knows the role of the other. */
export async function knowEachOther({ active, standby }: Record<'active' | 'standby', Pick<Node, 'url' | 'name'>>) {
  await eventually(
    'the first node is active, and each knows the role of the other',
    async () => {
      const both = await Promise.all([active, standby].map(({ url }) => get<Health>(`${url}/health`)));
      return both.every(({ body }) => body.active_node === active.name && body.peers.every(({ alive }) => alive));
    },
    { within: 20_000 },
  );
}

/** The result of {@link useTwoNodes}; all but `sql` is filled when the first test runs. */
export interface UsedNodes {
  sql: DbaSession;
  database: Pick<TestDatabase, 'url' | 'drop'>;
  active: LocalNode;
  standby: LocalNode;
}

/** Options of {@link useTwoNodes}. */
export interface UsedNodesOptions {
  /** True where the tests break the nodes' database: otherwise a logged error fails the tests. */
  mayLogErrors?: boolean;
  /** For tests that change a whole server: the nodes' database is on one of its own. */
  server?: OwnPostgresOptions;
}

/** Starts two nodes with the demo data (user 1 ana_orm, 2 bruno_orm, group 1 Grupo Geral) for all tests of a `describe`. */
export function useTwoNodes(env: Record<string, string> = {}, options: UsedNodesOptions = {}): UsedNodes {
  const { mayLogErrors = false, server } = options;
  const used = { sql: new DbaSession(() => used.database.url) } as UsedNodes;
  let nodes: TwoNodes | undefined;
  before('two nodes', async function () {
    this.timeout(server ? 120_000 : 30_000);
    used.database = await (server ? databaseOfOwnServer(server) : createDatabase());
    await seedData(used.database.url);
    await used.sql.connect();
    nodes = await startTwoNodes(used.database.url, env);
    Object.assign(used, { active: nodes.active, standby: nodes.standby });
  });
  after('two nodes', async function () {
    this.timeout(60_000);
    // First: a transaction that a failed test left open would block the nodes.
    await used.sql.end();
    const stopping = nodes?.stop();
    await (mayLogErrors ? stopping?.catch(() => {}) : stopping);
    await used.database?.drop();
  });
  return used;
}

async function databaseOfOwnServer(options: OwnPostgresOptions): Promise<Pick<TestDatabase, 'url' | 'drop'>> {
  const server = await startPostgresOfItsOwn(options);
  return { url: server.url, drop: () => server.remove() };
}

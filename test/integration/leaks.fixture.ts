/* Not a test of its own: leaks.test.ts runs it with mocha and checks what fails. Each `describe` stands for a file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../support/postgres/postgres.ts';

const connect = async (database: TestDatabase | undefined, name: string) => {
  const client = new pg.Client({ connectionString: database?.url, application_name: name });
  // The end of the run ends it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

/** Dropped by the server at the end of the run. */
let database: TestDatabase | undefined;

describe('leaves a session', () => {
  before(async () => {
    database = await createDatabase({ empty: true });
  });
  it('by an open client', async () => {
    await connect(database, 'forgotten');
  });
  it('never runs', () => undefined);
});

describe('leaves a lock', () => {
  let client: pg.Client;
  before(async () => {
    client = await connect(database, 'locker');
  });
  after(() => client.end());
  it('on a session that its file may keep', async () => {
    await client.query('SELECT pg_advisory_lock(1, 2)');
  });
  it('never runs', () => undefined);
});

describe('leaves a process', () => {
  it('that sleeps', () => {
    spawn('sleep', ['300'], { stdio: 'ignore' });
  });
  it('never runs', () => undefined);
});

describe('leaves a timer', () => {
  let timer: NodeJS.Timeout;
  after(() => clearInterval(timer));
  it('that never ends', () => {
    timer = setInterval(() => undefined, 60_000);
  });
  it('never runs', () => undefined);
});

describe('leaves a thread', () => {
  let worker: Worker;
  after(() => worker.terminate());
  it('that waits, and does not keep the process running', () => {
    const resourceLimits = { maxOldGenerationSizeMb: 64 };
    worker = new Worker('setInterval(() => undefined, 60_000)', { eval: true, resourceLimits });
    worker.unref();
  });
  it('never runs', () => undefined);
});

describe('leaves a socket', () => {
  const server = createServer();
  after(() => void server.close());
  it('that listens', async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  it('never runs', () => undefined);
});

describe('keeps a session and never ends it', () => {
  before(async () => {
    await connect(database, 'kept');
  });
  it('from before on', () => undefined);
});

describe('is tidy', () => {
  let client: pg.Client;
  it('before all', () => undefined);
  describe('keeps', () => {
    before(async () => {
      client = await connect(database, 'tidy');
    });
    after(() => client.end());
    it('what before made', async () => {
      await client.query('SELECT 1');
    });
  });
  it('after all', () => undefined);
});

import { expect } from 'chai';
import { DatabaseUnavailableError } from '../../../../src/database/errors.ts';
import { BoundedClient } from '../../../../src/database/pool/bounded-client.ts';
import { PoolHealth } from '../../../../src/database/pool/pool-health.ts';
import { AbandonedBackends } from '../../../../src/database/session/abandoned-backends.ts';
import { clientConfig, connectionOptions, Sockets } from '../../../../src/database/session/connection.ts';
import { DatabaseSession } from '../../../../src/database/session/database-session.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const LIMIT_MS = 400;
const SLOW = 'SELECT pg_sleep(0.1)::text AS slept';

/** Blocks the event loop, as garbage collection, swapping or SIGSTOP do. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('The limit of a statement', () => {
  const { database } = useDatabase();
  const options = () => connectionOptions(database.url, 'plantao:test:pool', 5000);

  async function withClient(work: (client: BoundedClient, abandoned: AbandonedBackends) => Promise<void>) {
    const abandoned = new AbandonedBackends();
    const bounds = { statementLimitMs: LIMIT_MS, commitLimitMs: LIMIT_MS, abandoned, health: new PoolHealth() };
    const client = new BoundedClient(clientConfig(options(), new Sockets()), bounds);
    await client.connect();
    try {
      await work(client, abandoned);
    } finally {
      await client.end();
    }
  }

  it('does not count the time that this process was stalled: a reply that has arrived is read, in the pool', () =>
    withClient(async (client) => {
      for (const text of [SLOW, 'COMMIT']) {
        const reply = client.query(text);
        // Sent in this turn of the event loop, before the stall.
        await new Promise(setImmediate);
        stall(LIMIT_MS + 300);
        expect((await reply).command, text).to.be.a('string');
      }
    }));

  it('does not count that time on a dedicated session either', async () => {
    const session = await DatabaseSession.open(options());
    const reply = session.query({ text: SLOW }, LIMIT_MS);
    await new Promise(setImmediate);
    stall(LIMIT_MS + 300);
    expect(await reply).to.deep.equal([{ slept: '' }]);
    await session.close();
  });

  it('ends a wait for a reply that does not come', () =>
    withClient(async (client) => {
      const error = await client.query('SELECT pg_sleep(3)').then(
        () => null,
        (thrown) => thrown,
      );
      expect(error).to.be.instanceOf(DatabaseUnavailableError);
      expect(error.message).to.equal(`no response within ${LIMIT_MS} ms`);
    }));
});

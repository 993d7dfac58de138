import { expect } from 'chai';
import pg from 'pg';
import { FUZZED_NODE, fuzz } from '../../fuzz/fuzzer.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { startNode } from '../../support/nodes/node-process.ts';
import { createDatabase } from '../../support/postgres/postgres.ts';
import { IS_LONG_RUN } from '../../support/run/long-run.ts';

/** A few seconds per mode; `npm run fuzz` runs longer. */
const SECONDS = IS_LONG_RUN ? 6 : 3;

describe('Random requests to a node', function () {
  this.timeout(180_000);

  for (const auth of ['open', 'token'] as const) {
    it(`get documented responses, and change only what the responses report (AUTH=${auth})`, async () => {
      const database = await createDatabase();
      const node = await startNode({
        ...FUZZED_NODE,
        databaseUrl: database.url,
        env: { ...FUZZED_NODE.env, AUTH: auth },
      });
      const sql = new pg.Client({ connectionString: database.url });
      await sql.connect();
      try {
        await untilActive(node);
        const seed = Math.floor(Math.random() * 2 ** 31);
        const { requests, raw } = await fuzz({ node, sql, auth, seed, requests: 100_000, seconds: SECONDS });
        expect(requests).to.be.above(100);
        expect(raw).to.be.above(5);
      } finally {
        await sql.end();
        await node.stop();
        await database.drop();
      }
    });
  }
});

import { expect } from 'chai';
import pg from 'pg';
import { FUZZED, fuzz } from '../fuzz/fuzzer.ts';
import { eventually } from '../support/eventually.ts';
import { get } from '../support/http.ts';
import { startNode } from '../support/node-process.ts';
import { createDatabase } from '../support/postgres.ts';

/** A few seconds each; `npm run fuzz` goes on for long. */
const SECONDS = 6;

describe('Whatever is sent to a node', function () {
  this.timeout(90_000);

  for (const auth of ['open', 'token'] as const) {
    it(`is answered as documented, and changes only what the answers say (AUTH=${auth})`, async () => {
      const database = await createDatabase();
      const node = await startNode({ ...FUZZED, databaseUrl: database.url, env: { ...FUZZED.env, AUTH: auth } });
      const sql = new pg.Client({ connectionString: database.url });
      await sql.connect();
      try {
        await eventually('it is on duty', async () => (await get(`${node.url}/health`)).body.active === true);
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

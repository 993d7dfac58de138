import { expect } from 'chai';
import { post } from '../support/network/http.ts';
import { useDatabase } from '../support/postgres/use-database.ts';
import { Scene } from './scene.ts';

/** Far below the 35 s after which a forwarded write is given up; a busy machine needs seconds for the failover. */
const SOON_MS = 15_000;

describe('Writes that standbys forward', () => {
  const { database } = useDatabase();
  let scene: Scene;

  before(async function () {
    this.timeout(90_000);
    scene = await Scene.open({ databaseUrl: database.url, nodes: 3, env: { STANDBY_WRITES: 'forward' } });
  });
  after(async function () {
    this.timeout(60_000);
    await scene.close();
  });

  it('reach the successor of an active node that was frozen while it held them (SIGSTOP)', async function () {
    this.timeout(90_000);
    const active = await scene.active();
    const standbys = await scene.standbys();
    active.freeze();
    try {
      // Sent before a standby notices anything.
      const writes = standbys.flatMap(({ url }) =>
        Array.from({ length: 20 }, (_, at) => {
          const headers = { 'idempotency-key': `frozen-${new URL(url).port}-${at}` };
          return post(`${url}/messages`, { ...scene.ids, content: 'olá' }, { headers, deadline: 60_000 });
        }),
      );
      for (const { status, text, ms } of await Promise.all(writes)) {
        expect(status, text).to.equal(200);
        expect(ms).to.be.below(SOON_MS);
      }
    } finally {
      active.thaw();
    }
  });
});

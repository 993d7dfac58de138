import { expect } from 'chai';
import { startTcpProxy, type TcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, type JsonObject, post } from '../../../support/network/http.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';
import { Scene } from '../../scene.ts';

/** Posts that only the primary has when it is lost. */
const LOST = 3;
const PATIENCE = { within: 20_000 };

describe("PostgreSQL's failover to a streaming standby", function () {
  this.timeout(60_000);
  let postgres: ReplicatedPostgres;
  /** Follows the primary, for the test's own sessions. The nodes find it by a URL that lists both servers. */
  let proxy: TcpProxy;
  let scene: Scene;

  before(async function () {
    this.timeout(120_000);
    const tools = await requireServerTools(this);
    postgres = await startReplicatedPostgres({ tools, synchronous: true });
    proxy = await startTcpProxy({ port: postgres.primary.port });
    const env = { DATABASE_URL: `${postgres.url}?target_session_attrs=read-write` };
    scene = await Scene.open({ databaseUrl: proxy.via(postgres.primary.url), everyMs: 20, env });
  });
  after(async function () {
    this.timeout(60_000);
    await scene?.close();
    await proxy?.close();
    await postgres?.remove();
  });

  const failOver = async () => {
    await postgres.primary.kill();
    await postgres.promote();
    proxy.pointAt({ port: postgres.primary.port });
  };
  const cursorNow = async () => {
    const { body } = await get<{ cursor: string }>(
      `${scene.nodes[0]?.url}/messages?groupId=${scene.ids.groupId}&limit=1`,
    );
    return body.cursor;
  };
  const poll = (cursor: string, node = scene.nodes[0]) =>
    get<JsonObject & { cursor: string; events: { message?: { content: string } }[] }>(
      `${node?.url}/subscribe/user?user_id=${scene.ids.userId}&cursor=${cursor}&timeout=0`,
    );
  const send = async (content: string) => {
    const active = await scene.active();
    return post<{ cursor: string }>(`${active.url}/messages`, { ...scene.ids, content });
  };
  /** The texts since `cursor` as `node` serves them. */
  const textsSince = async (cursor: string, node = scene.nodes[0]) => {
    const texts: string[] = [];
    for (let at = cursor; ; ) {
      const { status, body, text } = await poll(at, node);
      if (status === 204) return texts;
      expect(status, text).to.equal(200);
      texts.push(...body.events.flatMap(({ message }) => (message ? [message.content] : [])));
      at = body.cursor;
    }
  };

  it('loses no acknowledged message when the primary of a synchronous standby is killed, and cursors continue', async () => {
    const before = await cursorNow();
    expect((await send('before the failover')).status).to.equal(200);
    const { gap } = await scene.broken(failOver);
    expect((await send('after the failover')).status).to.equal(200);
    for (const node of scene.nodes) {
      const mine = (await textsSince(before, node)).filter((text) => text.endsWith('the failover'));
      expect(mine).to.deep.equal(['before the failover', 'after the failover']);
    }
    console.log(`      no post was accepted for ${Math.round(gap.ms)} ms`);
  });

  it('refuses only the cursors of events that an asynchronous standby, rejoined by pg_rewind, never received', async () => {
    await postgres.rejoin(postgres.standby);
    expect((await send('before the way back')).status).to.equal(200);
    await scene.meter.stop();
    await postgres.waitUntilReplayed();
    const kept = await cursorNow();
    postgres.standby.link.swallow('down');
    const lost: string[] = [];
    for (let count = 1; count <= LOST; count++) {
      const { status, body } = await send(`lost ${count}`);
      expect(status).to.equal(200);
      lost.push(body.cursor);
    }
    await failOver();
    await eventually(
      'a post is accepted',
      async () => (await send('first of the new history')).status === 200,
      PATIENCE,
    );
    for (const node of scene.nodes) {
      for (const cursor of lost) {
        const refused = await eventually(
          `${node.name} refuses ${cursor}`,
          async () => {
            const response = await poll(cursor, node);
            return response.status === 410 && response;
          },
          PATIENCE,
        );
        expect(refused.body.code).to.equal('cursor_expired');
      }
      expect((await textsSince(kept, node)).filter((text) => text !== 'first of the new history')).to.deep.equal([]);
    }
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { ChatClient } from '../../src/client/index.ts';
import { Scene } from '../failure/scene.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type TestDatabase } from '../support/postgres/postgres.ts';

const ROUNDS = 3;
const WRITERS = 4;
const PAUSE_MS = 20;

describe('A rolling restart under load', () => {
  let database: TestDatabase;
  let scene: Scene;

  before(async function () {
    this.timeout(120_000);
    database = await createDatabase();
    scene = await Scene.open({ databaseUrl: database.url, nodes: 3, leaseMs: 2000 });
  });
  after(async function () {
    this.timeout(60_000);
    await scene.close();
    await database.drop();
  });

  it(`of three nodes, ${ROUNDS} times each, fails no send and delivers each message once, in log order`, async function () {
    this.timeout(ROUNDS * 90_000);
    const { userId, groupId } = scene.ids;
    const urls = scene.nodes.map(({ url }) => url);
    const stop = new AbortController();
    const [cursor, sent, failed, took] = [
      (await new ChatClient({ urls, userId }).messages(groupId)).cursor,
      new Set<number>(),
      [] as unknown[],
      [] as number[],
    ];
    const write = async (writer: number) => {
      const client = new ChatClient({ urls, userId });
      for (let number = 0; !stop.signal.aborted; number++) {
        const startedAt = performance.now();
        await client.send(groupId, `${writer} ${number}`).then(
          ({ message_id: id }) => sent.add(id),
          (error) => failed.push(error),
        );
        took.push(performance.now() - startedAt);
        await sleep(PAUSE_MS);
      }
    };
    const read: number[] = [];
    const reading = (async () => {
      const client = new ChatClient({ urls, userId });
      for await (const event of client.events({ cursor, signal: stop.signal })) {
        if (event.kind === 'message' && event.message.content !== 'active') read.push(event.message.id);
      }
    })();
    const writing = Array.from({ length: WRITERS }, (_, writer) => write(writer));
    const beganAt = performance.now();
    try {
      for (let round = 0; round < ROUNDS; round++) {
        for (const node of scene.nodes) {
          node.kill('SIGTERM');
          await node.waitForExit();
          await node.start();
          await scene.untilSettled();
        }
      }
      await eventually('all sent messages have been read', () => [...sent].every((id) => read.includes(id)), {
        within: 20_000,
      });
    } finally {
      stop.abort();
      await Promise.all([...writing, reading]);
    }
    const { ms } = scene.meter.longestGap(beganAt);
    const slowest = Math.max(...took);
    console.log(
      `      ${sent.size} messages; the slowest send took ${Math.round(slowest)} ms; the longest gap was ${Math.round(ms)} ms`,
    );
    expect(failed).to.deep.equal([]);
    expect(read, 'each once').to.have.length(new Set(read).size);
    expect(read, 'in order').to.deep.equal([...read].sort((one, other) => one - other));
    expect(sent.size).to.be.above(100);
  });
});

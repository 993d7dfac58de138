import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../../../support/postgres/postgres.ts';
import { IS_LONG_RUN } from '../../../support/run/long-run.ts';
import type { LogNode } from '../delivery-node.ts';
import { LogModel } from './log-model.ts';
import { BY_OTHER_NAME, READERS, type Step, World } from './log-model-world.ts';

/** SEED repeats a run. A failure prints it with the shortest run that fails. */
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env.RUNS ?? 100);
const TIME_MS = process.env.RUNS ? 10 * 60_000 : IS_LONG_RUN ? 7000 : 4000;

const number = fc.nat(50);
const user = number;
const group = number;
const message = number;
const name = number;
const node = number;
const reader = number;
const only = <Word extends string>(...words: Word[]) => fc.constantFrom(...words);
const write: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: only('post'), user, group }) },
  { weight: 4, arbitrary: fc.record({ do: only('join', 'join', 'leave', 'remove'), user, group }) },
  { weight: 1, arbitrary: fc.record({ do: only('rollBack', 'crossing'), user, group }) },
  { weight: 2, arbitrary: fc.record({ do: only('delete'), message }) },
  { weight: 5, arbitrary: fc.record({ do: only('edit', 'edit', 'react'), message }) },
  { weight: 3, arbitrary: fc.record({ do: only('markRead', 'changeRole'), user, group }) },
  { weight: 2, arbitrary: fc.record({ do: only('describe', 'archive', 'showReads'), group }) },
  { weight: 2, arbitrary: fc.record({ do: only('create'), user, name }) },
  { weight: 3, arbitrary: fc.record({ do: only('renameGroup'), group, name, posts: fc.nat(3), user }) },
  { weight: 1, arbitrary: fc.record({ do: only('deleteGroup'), group, inSteps: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: only('continueDeletion') }) },
  { weight: 1, arbitrary: fc.record({ do: only('rename'), user }) },
  { weight: 1, arbitrary: fc.record({ do: only('notify'), name }) },
  { weight: 1, arbitrary: fc.record({ do: only('broadcast') }) },
  { weight: 1, arbitrary: fc.record({ do: only('retain'), events: fc.nat(25) }) },
  { weight: 1, arbitrary: fc.record({ do: only('newEpoch') }) },
);
const read: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: only('poll'), reader, node }) },
  { weight: 6, arbitrary: fc.record({ do: only('read'), node }) },
  { weight: 1, arbitrary: fc.record({ do: only('turn'), reader, group }) },
);
const reads = fc.uniqueArray(read, { minLength: 1, maxLength: 3, selector: subject });
/** Simultaneous steps: at most one write, so that the model knows the order, and reads beside it. */
const turn: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 10, arbitrary: fc.tuple(write) },
  { weight: 10, arbitrary: reads },
  { weight: 8, arbitrary: fc.tuple(write, reads).map(([one, others]) => [one, ...others]) },
  { weight: 1, arbitrary: fc.tuple(fc.record({ do: only('restart'), node })) },
);

function subject(step: Step): string {
  return 'reader' in step ? `reader ${step.reader % READERS}` : JSON.stringify(step);
}

describe('Delivery compared with a model of the log', () => {
  let database: TestDatabase;
  const clients: pg.Client[] = [];
  before(async () => {
    database = await createDatabase();
    for (let n = 0; n < 2; n++) {
      const client = new pg.Client({ connectionString: database.url, statement_timeout: 5000 });
      await client.connect();
      clients.push(client);
    }
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.end()));
    await database?.drop();
  });

  it(`is exact for random posts, joins, leaves, changes, deletions, polls, retention and nodes that lag or restart (SEED=${SEED})`, async function () {
    this.timeout(TIME_MS * 3);
    const nodes: LogNode[] = [];
    let run = 0;
    let delivered = 0;
    const turns = fc.array(turn, { minLength: 10, maxLength: 120, size: 'max' });
    const until = performance.now() + TIME_MS;
    const property = fc.asyncProperty(turns, async (taken) => {
      // Only between two runs: fast-check's own limit would leave a run on stopped nodes.
      if (performance.now() > until) return;
      const world = await World.begin(database.url, clients as [pg.Client, pg.Client], nodes, ++run);
      try {
        for (const steps of taken) await world.take(steps);
        await world.settle();
      } finally {
        world.end();
        delivered += world.readers.delivered;
      }
    });
    try {
      await fc.assert(property, { seed: SEED, numRuns: RUNS });
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
    expect(delivered, `events delivered in ${run} runs`).to.be.greaterThan(run);
  });

  it("still delivers, to polls by a group's former name, the messages from before the rename, even on a node that lags behind", async () => {
    const nodes: LogNode[] = [];
    const world = await World.begin(database.url, clients as [pg.Client, pg.Client], nodes, 0);
    try {
      // Random runs seldom have a node on which a name is the only interest in its group.
      await world.take([{ do: 'poll', reader: BY_OTHER_NAME, node: 0 }]);
      await world.take([{ do: 'renameGroup', group: 1, name: 2, posts: 3, user: 0 }]);
      await world.take([{ do: 'read', node: 0 }]);
      await world.settle();
      expect(world.readers.delivered).to.be.greaterThan(3);
    } finally {
      world.end();
      await Promise.all(nodes.map((node) => node.stop()));
    }
  });
});

describe('The model of the log', () => {
  const model = () => {
    const made = new LogModel(10);
    const group = made.create(1, 'g', false);
    made.append('message', { groupId: 1, messageId: 1 });
    made.append('joined', { groupId: 1, userId: 7 });
    made.append('message', { groupId: 1, messageId: 2 });
    made.append('left', { groupId: 1, userId: 7 });
    made.append('message', { groupId: 1, messageId: 3 });
    return { made, group };
  };
  const fault = (made: LogModel, positions: number[], to = 15, from = 10, of: string | null = null) =>
    made.fault(
      { userId: 7, of },
      from,
      to,
      positions.map((position) => ({ position })),
    );

  it('accepts correct deliveries', () => {
    const { made } = model();
    expect(fault(made, [12, 13, 14])).to.equal(null);
    expect(fault(made, [12, 13], 13)).to.equal(null);
    expect(fault(made, [], 11)).to.equal(null);
  });

  it('rejects events that are missing, unauthorized, repeated, out of order, or beyond the log', () => {
    const { made } = model();
    expect(fault(made, [12, 14])).to.match(/^missed message at 13/);
    expect(fault(made, [11, 12, 13, 14])).to.match(/^heard what it must not: message at 11/);
    expect(fault(made, [12, 13, 14, 15])).to.match(/^heard what it must not: message at 15/);
    expect(fault(made, [12, 13, 13, 14])).to.match(/^something twice/);
    expect(fault(made, [13, 12, 14])).to.match(/^out of order/);
    expect(fault(made, [12, 13, 14, 16], 16)).to.match(/^position 16 after/);
    expect(fault(made, [12, 13, 14], 9)).to.match(/^position 9 after/);
  });

  it('allows a deleted message to be missing, and never together with its deletion', () => {
    const { made } = model();
    made.append('message_deleted', { groupId: 1, messageId: 2 });
    expect(fault(made, [12, 13, 14], 15)).to.equal(null);
    expect(fault(made, [12, 14], 15)).to.equal(null);
    expect(fault(made, [12, 14], 16)).to.equal(null);
    expect(fault(made, [12, 13, 14], 16)).to.match(/^heard what it must not: message at 13/);
  });

  it('delivers a rename by both names, a deletion by the last one, and nothing by name after it', () => {
    const { made, group } = model();
    made.append('joined', { groupId: 1, userId: 7 });
    made.rename(group, 'h');
    made.append('reaction', { groupId: 1, messageId: 3 });
    made.delete(group);
    expect(made.entries.slice(-2).map(({ kind }) => kind)).to.deep.equal(['group_deleted', 'left']);
    expect(fault(made, [16, 17], 20, 15, 'g')).to.equal(null);
    expect(fault(made, [17, 18, 19], 20, 15, 'h')).to.equal(null);
    expect(fault(made, [16, 17, 18, 19, 20], 20, 15)).to.equal(null);
    expect(fault(made, [17, 18], 20, 15, 'h')).to.match(/^missed group_deleted/);
    expect(fault(made, [16], 20, 15, 'g')).to.match(/^missed group_changed/);
    expect(fault(made, [17, 18, 19, 20], 20, 15, 'h')).to.match(/^heard what it must not: left/);
    expect(fault(made, [12, 13, 14, 16, 17, 18, 19, 20], 20)).to.match(/^heard what it must not: message at 13/);
  });
});

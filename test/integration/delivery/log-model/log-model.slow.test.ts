import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../../../support/postgres/postgres.ts';
import { IS_LONG_RUN } from '../../../support/run/long-run.ts';
import type { LogNode } from '../delivery-node.ts';
import { LogModel } from './log-model.ts';
import { type Step, World } from './log-model-world.ts';

/** SEED repeats a run. A failure prints it with the shortest run that fails. */
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env.RUNS ?? 100);
const TIME_MS = process.env.RUNS ? 10 * 60_000 : IS_LONG_RUN ? 7000 : 4000;

const number = fc.nat(50);
const write: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('post' as const), user: number, group: number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('join' as const, 'leave'), user: number, group: number }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('rollBack' as const, 'crossing'), user: number, group: number }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), message: number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('edit' as const), message: number }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('react' as const), message: number }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('markRead' as const, 'changeRole'), user: number, group: number }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('describe' as const), group: number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rename' as const), user: number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('notify' as const), group: number }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'broadcast' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('retain' as const), events: fc.nat(25) }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'newEpoch' }) },
);
const read: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('poll' as const), reader: number, node: number }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), node: number }) },
);
/** Simultaneous steps: at most one write, so that the model knows the order, and reads beside it. */
const turn: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 10, arbitrary: fc.tuple(write).map((steps): Step[] => steps) },
  { weight: 10, arbitrary: fc.uniqueArray(read, { minLength: 1, maxLength: 3, selector: subject }) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(write, fc.uniqueArray(read, { minLength: 1, maxLength: 3, selector: subject }))
      .map(([one, others]) => [one, ...others]),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('restart' as const), node: number }).map((step): Step[] => [step]),
  },
);

function subject(step: Step): string {
  return step.do === 'poll' ? `reader ${step.reader % 7}` : JSON.stringify(step);
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
    let told = 0;
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
        told += world.told;
      }
    });
    try {
      await fc.assert(property, { seed: SEED, numRuns: RUNS });
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
    expect(told, `events told in ${run} runs`).to.be.greaterThan(run);
  });
});

describe('The model of the log', () => {
  const post = (groupId: number, messageId: number) => ({
    kind: 'message',
    groupId,
    userId: null,
    messageId,
    topic: null,
  });
  const move = (kind: 'joined' | 'left', groupId: number, userId: number) => ({
    ...{ kind, groupId, userId },
    ...{ messageId: null, topic: null },
  });
  const model = () => {
    const made = new LogModel([{ id: 1, name: 'g' }], 10);
    for (const told of [post(1, 1), move('joined', 1, 7), post(1, 2), move('left', 1, 7), post(1, 3)])
      made.append(told);
    return made;
  };
  const fault = (made: LogModel, positions: number[], to = 15, from = 10) =>
    made.fault(
      { userId: 7, of: null },
      from,
      to,
      positions.map((position) => ({ position })),
    );

  it('accepts correct deliveries', () => {
    expect(fault(model(), [12, 13, 14])).to.equal(null);
    expect(fault(model(), [12, 13], 13)).to.equal(null);
    expect(fault(model(), [], 11)).to.equal(null);
  });

  it('rejects events that are missing, unauthorized, repeated, out of order, or beyond the log', () => {
    expect(fault(model(), [12, 14])).to.match(/^missed message at 13/);
    expect(fault(model(), [11, 12, 13, 14])).to.match(/^heard what it must not: message at 11/);
    expect(fault(model(), [12, 13, 14, 15])).to.match(/^heard what it must not: message at 15/);
    expect(fault(model(), [12, 13, 13, 14])).to.match(/^something twice/);
    expect(fault(model(), [13, 12, 14])).to.match(/^out of order/);
    expect(fault(model(), [12, 13, 14, 16], 16)).to.match(/^told to go on at 16/);
    expect(fault(model(), [12, 13, 14], 9)).to.match(/^told to go on at 9/);
  });

  it('allows a deleted message to be missing, and never together with its deletion', () => {
    const deleted = model();
    deleted.append({ kind: 'message_deleted', groupId: 1, userId: null, messageId: 2, topic: null });
    expect(fault(deleted, [12, 13, 14], 15)).to.equal(null);
    expect(fault(deleted, [12, 14], 15)).to.equal(null);
    expect(fault(deleted, [12, 14], 16)).to.equal(null);
    expect(fault(deleted, [12, 13, 14], 16)).to.match(/^heard what it must not: message at 13/);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import type { CheckResult } from '../../../src/prove/checker/check-result.ts';
import { checkHistory } from '../../../src/prove/checker/checker.ts';
import type { DeliveredMessage, HistoryRecord } from '../../../src/prove/history/history-record.ts';
import { createRandom } from '../../../src/prove/random.ts';
import type { Corruption } from '../../chaos/corruption.ts';
import { CORRUPTIONS } from '../../chaos/corruptions.ts';
import { validHistory } from '../../chaos/valid-history.ts';
import { IS_QUICK_RUN } from '../../support/run/long-run.ts';

/** Builds a history. The time of each line is its number times ten. */
function history(...lines: Record<string, unknown>[]): HistoryRecord[] {
  return lines.map((line, at) => ({ node: null, term: null, ...line, time: (at + 1) * 10 })) as HistoryRecord[];
}

const post = (process: string, value: string, more = {}) => ({
  op: 'post',
  type: 'invoke',
  process,
  value,
  group: 1,
  key: null,
  ...more,
});
const ok = (process: string, value: string, at: number, [node, term]: [string, number], more = {}) =>
  post(process, value, { type: 'ok', message: 100 + at, position: at, node, term, ...more });
const follow = (process: string, from = 0) => ({ op: 'read', type: 'invoke', process, groups: [1], from });
const read = (process: string, ...values: [number, string][]) => ({
  op: 'read',
  type: 'ok',
  process,
  values: values.map(([position, value]): DeliveredMessage => [position, 100 + position, value, 1]),
});
const done = (process: string) => ({ op: 'read', type: 'ok', process, done: true });
const term = (number: number, node: string) => ({ op: 'term', type: 'ok', process: 'observer', term: number, node });

/** "one" is acknowledged in term 1, "two" refused, "three" unknown and stored, "four" acknowledged in term 2. */
const start = [term(1, 'a'), follow('r0'), follow('r1')];
const posts = [
  post('w0', 'one', { key: 'k1' }),
  ok('w0', 'one', 1, ['a', 1], { key: 'k1' }),
  post('w0', 'two'),
  post('w1', 'three'),
  post('w0', 'two', { type: 'fail', reason: '503 not_active' }),
  post('w1', 'three', { type: 'unknown', reason: 'ECONNRESET' }),
  term(2, 'b'),
  post('w0', 'four'),
  ok('w0', 'four', 3, ['b', 2]),
];
const all: [number, string][] = [
  [1, 'one'],
  [2, 'three'],
  [3, 'four'],
];
const good = [...start, ...posts, read('r0', ...all), read('r1', ...all), done('r0'), done('r1')];

/** The valid history with different messages read by r1. */
const withReader = (...values: [number, string][]) =>
  history(...start, ...posts, read('r0', ...all), read('r1', ...values), done('r0'), done('r1'));

function kinds(result: CheckResult): string[] {
  return Object.keys(result.totals);
}

describe('The checker accepts', () => {
  it('a history with an acknowledged, a refused and an unknown post and a failover', () => {
    const result = checkHistory(history(...good));
    expect(result.violations).to.deep.equal([]);
    expect(result.counts).to.include({ posts: 4, acknowledged: 2, refused: 1, unknown: 1, terms: 2, deliveries: 6 });
  });

  it('a run whose nodes need a while to start: its chart begins with the first accepted post', () => {
    const { timeline } = checkHistory(history(...good));
    expect(timeline.beganMs).to.equal(10 * (start.length + 2));
    expect(timeline.acknowledged[0]).to.equal(2);
    expect(timeline.lengthMs).to.equal(10 * good.length - timeline.beganMs);
  });

  it('an unknown post that was never stored', () => {
    const values = all.filter(([, value]) => value !== 'three');
    const result = checkHistory(
      history(...start, ...posts, read('r0', ...values), read('r1', ...values), done('r0'), done('r1')),
    );
    expect(result.violations).to.deep.equal([]);
  });

  it('a reader that started later and did not receive earlier messages', () => {
    const late = [term(1, 'a'), follow('r0'), follow('r1', 2)];
    const result = checkHistory(
      history(...late, ...posts, read('r0', ...all), read('r1', [3, 'four']), done('r0'), done('r1')),
    );
    expect(result.violations).to.deep.equal([]);
  });

  it('the same key acknowledged twice with one message, the second time in a later term', () => {
    const again = [post('w1', 'one', { key: 'k1' }), ok('w1', 'one', 1, ['b', 2], { key: 'k1' })];
    expect(checkHistory(history(...good, ...again)).violations).to.deep.equal([]);
  });

  it('overlapping posts of two terms, which prove nothing', () => {
    const overlapping = [
      post('w1', 'five'),
      post('w0', 'six'),
      ok('w0', 'six', 5, ['a', 3]),
      ok('w1', 'five', 4, ['b', 2]),
    ];
    const result = checkHistory(history(...start, ...posts, ...overlapping));
    expect(kinds(result)).to.not.include('closed_term_write');
  });
});

describe('The checker detects', () => {
  const cases: [string, string, HistoryRecord[], string[]][] = [
    ['a lost message', 'lost', withReader([2, 'three'], [3, 'four']), ['one']],
    ['an unknown message that only one reader received', 'lost', withReader([1, 'one'], [3, 'four']), ['three']],
    ['a duplicated message', 'duplicated', withReader(...all, [4, 'four']), ['four']],
    ['an unknown message that appears twice', 'duplicated_unknown', withReader(...all, [4, 'three']), ['three']],
    ['a reordered message', 'reordered', withReader([2, 'three'], [1, 'one'], [3, 'four']), ['three', 'one']],
    [
      'readers that disagree on a position',
      'reordered',
      withReader([1, 'three'], [2, 'one'], [3, 'four']),
      ['three', 'one'],
    ],
    ['a phantom message', 'phantom', withReader(...all, [4, 'ghost']), ['ghost']],
    ['a refused message that is read', 'stored_after_refusal', withReader(...all, [4, 'two']), ['two']],
    [
      'log order that contradicts the order of acknowledgements',
      'reordered',
      history(...good, post('w0', 'five'), ok('w0', 'five', 2.5, ['b', 2])),
      ['five'],
    ],
    [
      'two acknowledgements of one key',
      'two_acknowledgements',
      history(...good, post('w1', 'one', { key: 'k1' }), ok('w1', 'one', 9, ['b', 2], { key: 'k1' })),
      ['one'],
    ],
    [
      'two writers in a term',
      'two_writers',
      history(...good, post('w0', 'five'), ok('w0', 'five', 4, ['a', 2])),
      ['four', 'five'],
    ],
    ['a term that changes its owner', 'two_writers', history(...good, term(2, 'a')), []],
    [
      'a write under a closed term',
      'closed_term_write',
      history(...good, post('w0', 'five'), ok('w0', 'five', 4, ['a', 1])),
      ['five', 'four'],
    ],
    ['a term that decreases', 'term_decreased', history(...good, term(1, 'a')), []],
    ['a reader that does not reach the head', 'reader_stuck', history(...good.slice(0, -1)), []],
    [
      'a fault after which no write is accepted',
      'not_healed',
      history(
        ...good,
        { op: 'fault', type: 'invoke', process: 'f1', kind: 'kill' },
        { op: 'fault', type: 'ok', process: 'f1', kind: 'kill' },
      ),
      [],
    ],
  ];
  for (const [what, kind, corrupted, messages] of cases) {
    it(what, () => {
      const result = checkHistory(corrupted);
      expect(result.valid).to.equal(false);
      const violation = result.violations.find((one) => one.kind === kind);
      expect(violation, `${kind} among ${kinds(result)}`).to.not.equal(undefined);
      expect(violation?.messages).to.include.members(messages);
      expect(violation?.sentence).to.match(/\.$/);
    });
  }
});

/** "kept" survives the failover that begins epoch e2 after position 1; "gone" at position 2 does not. */
const acknowledgedIn = (epoch: string, value: string, at: number) => [
  post('w0', value, { key: value }),
  ok('w0', value, at, ['a', 1], { key: value, epoch }),
];
const epochs = [
  { op: 'epoch', type: 'ok', process: 'table', epoch: 'e1', after: 0 },
  { op: 'epoch', type: 'ok', process: 'table', epoch: 'e2', after: 1 },
];
const stored = (value: string, position: number) => ({
  op: 'stored',
  type: 'ok',
  process: 'table',
  value,
  group: 1,
  message: 100 + position,
  position,
});
const refused = (cursor: string) => ({ op: 'read', type: 'fail', process: 'r0', cursor, reason: '410' });
const resumed = (position: number) => ({ op: 'read', type: 'ok', process: 'r0', resumed: position });
const lossy = (...more: Record<string, unknown>[]) =>
  history(follow('r0'), ...acknowledgedIn('e1', 'kept', 1), ...acknowledgedIn('e1', 'gone', 2), ...more);
const reading = [read('r0', [1, 'kept'], [2, 'gone']), refused('e1-2'), resumed(1)];
const next = [...acknowledgedIn('e2', 'next', 2), read('r0', [2, 'next']), done('r0')];
const table = [...epochs, stored('kept', 1), stored('next', 2)];

describe('The checker, where a failover may lose events', () => {
  it('accepts and counts messages that the epochs and refused cursors report as lost', () => {
    const result = checkHistory(lossy(...reading, ...next, ...table), { mayLose: true });
    expect(result.violations).to.deep.equal([]);
    expect(result.counts).to.include({ lost: 1, refusedCursors: 1, acknowledged: 3, unknown: 0, deliveries: 2 });
  });

  it('accepts a retry that stores a lost message again', () => {
    const again = acknowledgedIn('e2', 'gone', 3);
    const last = [read('r0', [2, 'next'], [3, 'gone']), done('r0')];
    const lines = [...reading, ...acknowledgedIn('e2', 'next', 2), ...again, ...last, ...table, stored('gone', 3)];
    const result = checkHistory(lossy(...lines), { mayLose: true });
    expect(result.violations).to.deep.equal([]);
    expect(result.counts.lost).to.equal(0);
  });

  it('rejects a loss that no epoch reports, a refused cursor from before the loss, and any loss where none is allowed', () => {
    const untold = [...epochs.slice(0, 1), ...table.slice(2)];
    expect(kinds(checkHistory(lossy(...reading, ...next, ...untold), { mayLose: true }))).to.include('lost');
    const early = [read('r0', [1, 'kept']), refused('e1-1'), resumed(1)];
    expect(kinds(checkHistory(lossy(...early, ...next, ...table), { mayLose: true }))).to.deep.equal([
      'cursor_refused',
    ]);
    expect(kinds(checkHistory(lossy(...reading, ...next, ...table)))).to.include.members(['lost', 'cursor_refused']);
  });

  it('rejects the loss of a message that was acknowledged as replicated', () => {
    const promised = [post('w0', 'safe'), ok('w0', 'safe', 3, ['a', 1], { epoch: 'e1', durable: 'replicated' })];
    const result = checkHistory(lossy(...promised, ...reading, ...next, ...table), { mayLose: true });
    expect(kinds(result)).to.deep.equal(['broken_acknowledgement']);
  });

  it('rejects a message that the epochs report as lost and the table contains', () => {
    const result = checkHistory(lossy(...reading, ...next, ...table, stored('gone', 2)), { mayLose: true });
    expect(kinds(result)).to.include('false_loss_report');
  });
});

describe('The checker requires recovery within ten seconds', () => {
  const fault = { op: 'fault', process: 'f1', kind: 'kill', node: null, term: null } as const;
  const recovery = (waitMs: number, other: HistoryRecord[] = []): HistoryRecord[] => [
    { ...fault, type: 'invoke', time: 1000 },
    { ...fault, type: 'ok', time: 2000 },
    ...other,
    { ...post('w0', 'one'), type: 'invoke', time: 2000 + waitMs - 1, node: 'a', term: 1 } as HistoryRecord,
    { ...ok('w0', 'one', 1, ['a', 1]), time: 2000 + waitMs } as HistoryRecord,
  ];

  it('after a fault was healed', () => {
    expect(checkHistory(recovery(9_000)).violations).to.deep.equal([]);
    expect(kinds(checkHistory(recovery(11_000)))).to.deep.equal(['not_healed']);
  });

  it('after the last of overlapping faults was healed', () => {
    const other: HistoryRecord[] = [
      { ...fault, process: 'f2', type: 'invoke', time: 1900 },
      { ...fault, process: 'f2', type: 'ok', time: 12_500 },
    ];
    expect(checkHistory(recovery(11_000, other)).violations).to.deep.equal([]);
  });
});

describe('The checker measures', () => {
  it('the gap of a fault from the last acknowledgement before it to the first after it', () => {
    const fault = { op: 'fault', process: 'f1', kind: 'kill', node: 'a' };
    const result = checkHistory(
      history(
        ...[post('w0', 'one'), ok('w0', 'one', 1, ['a', 1])],
        { ...fault, type: 'invoke' },
        ...[post('w0', 'two'), post('w0', 'two', { type: 'fail' })],
        { ...fault, type: 'ok' },
        ...[post('w0', 'three'), ok('w0', 'three', 2, ['b', 2]), post('w0', 'four'), ok('w0', 'four', 3, ['b', 2])],
      ),
    );
    expect(result.gaps).to.have.length(1);
    expect(result.gaps[0]).to.include({ kind: 'kill', began: 30, healed: 60, lastGood: 20, firstGood: 80, gap: 60 });
  });

  it('an outage that begins only some time after the fault', () => {
    const fault = { op: 'fault', process: 'f1', kind: 'freeze', node: 'a' };
    const lines = [
      ...[post('w0', 'a'), ok('w0', 'a', 1, ['a', 1])],
      { ...fault, type: 'invoke' },
      ...[post('w0', 'b'), ok('w0', 'b', 2, ['a', 1])],
      ...Array.from({ length: 10 }, () => term(1, 'a')),
      ...[post('w0', 'c'), ok('w0', 'c', 3, ['a', 1])],
      { ...fault, type: 'ok' },
      ...[post('w0', 'd'), ok('w0', 'd', 4, ['a', 1])],
    ];
    expect(checkHistory(history(...lines)).gaps[0]).to.include({ lastGood: 50, firstGood: 170, gap: 120 });
  });
});

describe('The checker, over random histories', () => {
  const seed = process.env.SEED ? Number(process.env.SEED) : Date.now() % 2 ** 31;
  const part = IS_QUICK_RUN ? 0.1 : 1;
  const again = `(repeat with SEED=${seed})`;
  const drawn = fc.record({ seed: fc.nat(), steps: fc.integer({ min: 30, max: 300 }) });

  it(`accepts every valid one ${again}`, () => {
    const property = fc.property(drawn, ({ seed: one, steps }) => {
      expect(checkHistory(validHistory(createRandom(one), steps)).violations).to.deep.equal([]);
    });
    fc.assert(property, { seed, numRuns: 200 * part });
  });

  it(`detects each corruption by its kind ${again}`, () => {
    const applied = new Map<Corruption, number>();
    const property = fc.property(drawn, fc.constantFrom(...CORRUPTIONS), ({ seed: one, steps }, corruption) => {
      const random = createRandom(one);
      const corrupted = validHistory(random, steps);
      if (!corruption.apply(corrupted, random)) return;
      applied.set(corruption, (applied.get(corruption) ?? 0) + 1);
      expect(kinds(checkHistory(corrupted)), corruption.name).to.include(corruption.kind);
    });
    fc.assert(property, { seed, numRuns: CORRUPTIONS.length * 60 * part });
    if (IS_QUICK_RUN) return;
    const unused = CORRUPTIONS.filter((corruption) => !applied.has(corruption)).map(({ name }) => name);
    expect(unused, 'corruptions that never applied').to.deep.equal([]);
  });
});

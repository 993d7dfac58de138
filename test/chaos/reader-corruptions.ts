import type { DeliveredMessage, HistoryRecord } from '../../src/prove/history/history-record.ts';
import type { Random } from '../../src/prove/random.ts';
import { acknowledged, type Corruption, deliveries, posts, timeAfter, withRandomItem } from './corruption.ts';

function double(history: HistoryRecord[], random: Random, which: (value: string) => boolean): boolean {
  const some = deliveries(history).filter(({ delivery }) => which(delivery[2]));
  return withRandomItem(random, some, ({ record, index, delivery }) => {
    record.values?.splice(index + 1, 0, [...delivery]);
  });
}

/** Swaps two consecutive messages of one reader, with their positions or without. */
function swap(history: HistoryRecord[], random: Random, withPositions: boolean): boolean {
  const all = deliveries(history);
  const pairs = all.flatMap((first, at) => {
    const second = all.slice(at + 1).find(({ record }) => record.process === first.record.process);
    return second ? [{ first, second }] : [];
  });
  return withRandomItem(random, pairs, ({ first, second }) => {
    const [a, b] = [[...first.delivery] as DeliveredMessage, [...second.delivery] as DeliveredMessage];
    if (!withPositions) [a[0], b[0]] = [b[0], a[0]];
    if (first.record.values) first.record.values[first.index] = b;
    if (second.record.values) second.record.values[second.index] = a;
  });
}

/** Corruptions of what the readers received. */
export const READER_CORRUPTIONS: readonly Corruption[] = [
  {
    name: 'a reader does not receive an acknowledged message',
    kind: 'lost',
    apply(history, random) {
      const acks = acknowledged(history);
      const some = deliveries(history).filter(({ delivery }) => acks.has(delivery[2]));
      return withRandomItem(random, some, ({ record, index }) => void record.values?.splice(index, 1));
    },
  },
  {
    name: 'a reader receives an acknowledged message twice',
    kind: 'duplicated',
    apply: (history, random) => double(history, random, (value) => acknowledged(history).has(value)),
  },
  {
    name: 'a reader receives a message with an unknown outcome twice',
    kind: 'duplicated_unknown',
    apply: (history, random) => double(history, random, (value) => !acknowledged(history).has(value)),
  },
  {
    name: 'a reader receives two messages in reverse order',
    kind: 'reordered',
    apply: (history, random) => swap(history, random, true),
  },
  {
    name: 'a reader receives two messages at swapped positions',
    kind: 'reordered',
    apply: (history, random) => swap(history, random, false),
  },
  {
    name: 'a reader receives a message that was never posted',
    kind: 'phantom',
    apply: (history, random) =>
      withRandomItem(random, deliveries(history), ({ record, index, delivery }) => {
        record.values?.splice(index + 1, 0, [delivery[0] + 0.5, 9999, 'never posted', delivery[3]]);
      }),
  },
  {
    name: 'a reader receives a refused message',
    kind: 'stored_after_refusal',
    apply(history, random) {
      const done = new Set(
        posts(history).flatMap(({ type, value }) => (type === 'invoke' || type === 'fail' ? [] : [value])),
      );
      const seen = new Set(deliveries(history).map(({ delivery }) => delivery[2]));
      const refused = posts(history).filter(
        ({ type, value }) => type === 'fail' && !done.has(value) && !seen.has(value),
      );
      return withRandomItem(random, refused, ({ value, group }) => {
        withRandomItem(random, deliveries(history), ({ record, index, delivery }) => {
          record.values?.splice(index + 1, 0, [delivery[0] + 0.5, 9999, value, group]);
        });
      });
    },
  },
  {
    name: 'a reader receives a message in another group',
    kind: 'wrong_group',
    apply: (history, random) =>
      withRandomItem(random, deliveries(history), ({ delivery }) => {
        delivery[3] = 3 - delivery[3];
      }),
  },
  {
    name: 'a reader never reaches the head',
    kind: 'reader_stuck',
    apply: (history, random) =>
      withRandomItem(
        random,
        history.filter((record) => record.op === 'read' && record.done),
        (record) => void history.splice(history.indexOf(record), 1),
      ),
  },
  {
    name: 'a cursor is refused',
    kind: 'cursor_refused',
    apply: (history, random) =>
      withRandomItem(random, deliveries(history), ({ record: { process } }) => {
        const time = timeAfter(history);
        history.push({ op: 'read', type: 'fail', process, time, node: null, term: null, reason: '410 cursor_expired' });
      }),
  },
];

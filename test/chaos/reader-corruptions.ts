import { acknowledged, type Corruption, later, pickFrom, posts, sightings } from './doctoring.ts';
import type { HistoryRecord, Sighting } from './history-record.ts';
import type { Random } from './random.ts';

function double(history: HistoryRecord[], random: Random, which: (value: string) => boolean): boolean {
  const some = sightings(history).filter(({ sighting }) => which(sighting[2]));
  return pickFrom(random, some, ({ record, index, sighting }) => {
    record.values?.splice(index + 1, 0, [...sighting]);
  });
}

/** Two neighbours of one reader change places, with their positions or without. */
function swap(history: HistoryRecord[], random: Random, withPositions: boolean): boolean {
  const all = sightings(history);
  const pairs = all.flatMap((first, at) => {
    const second = all.slice(at + 1).find(({ record }) => record.process === first.record.process);
    return second ? [{ first, second }] : [];
  });
  return pickFrom(random, pairs, ({ first, second }) => {
    const [a, b] = [[...first.sighting] as Sighting, [...second.sighting] as Sighting];
    if (!withPositions) [a[0], b[0]] = [b[0], a[0]];
    if (first.record.values) first.record.values[first.index] = b;
    if (second.record.values) second.record.values[second.index] = a;
  });
}

/** Doctored by what the readers got. */
export const OF_READERS: readonly Corruption[] = [
  {
    name: 'a reader does not get an acknowledged message',
    kind: 'lost',
    apply(history, random) {
      const acks = acknowledged(history);
      const some = sightings(history).filter(({ sighting }) => acks.has(sighting[2]));
      return pickFrom(random, some, ({ record, index }) => void record.values?.splice(index, 1));
    },
  },
  {
    name: 'a reader gets an acknowledged message twice',
    kind: 'doubled',
    apply: (history, random) => double(history, random, (value) => acknowledged(history).has(value)),
  },
  {
    name: 'a reader gets twice what ended in doubt',
    kind: 'unknown_twice',
    apply: (history, random) => double(history, random, (value) => !acknowledged(history).has(value)),
  },
  {
    name: 'a reader gets two messages the other way round',
    kind: 'reordered',
    apply: (history, random) => swap(history, random, true),
  },
  {
    name: 'a reader gets two messages in each other’s place',
    kind: 'reordered',
    apply: (history, random) => swap(history, random, false),
  },
  {
    name: 'a reader gets what nobody posted',
    kind: 'phantom',
    apply: (history, random) =>
      pickFrom(random, sightings(history), ({ record, index, sighting }) => {
        record.values?.splice(index + 1, 0, [sighting[0] + 0.5, 9999, 'never posted', sighting[3]]);
      }),
  },
  {
    name: 'a reader gets what was refused',
    kind: 'refused_yet_read',
    apply(history, random) {
      const done = new Set(
        posts(history).flatMap(({ type, value }) => (type === 'invoke' || type === 'fail' ? [] : [value])),
      );
      const seen = new Set(sightings(history).map(({ sighting }) => sighting[2]));
      const refused = posts(history).filter(
        ({ type, value }) => type === 'fail' && !done.has(value) && !seen.has(value),
      );
      return pickFrom(random, refused, ({ value, group }) => {
        pickFrom(random, sightings(history), ({ record, index, sighting }) => {
          record.values?.splice(index + 1, 0, [sighting[0] + 0.5, 9999, value, group]);
        });
      });
    },
  },
  {
    name: 'a reader gets a message in another group',
    kind: 'wrong_group',
    apply: (history, random) =>
      pickFrom(random, sightings(history), ({ sighting }) => {
        sighting[3] = 3 - sighting[3];
      }),
  },
  {
    name: 'a reader never comes to the head',
    kind: 'reader_stuck',
    apply: (history, random) =>
      pickFrom(
        random,
        history.filter((record) => record.op === 'read' && record.done),
        (record) => void history.splice(history.indexOf(record), 1),
      ),
  },
  {
    name: 'a cursor is refused',
    kind: 'cursor_refused',
    apply: (history, random) =>
      pickFrom(random, sightings(history), ({ record: { process } }) => {
        const time = later(history);
        history.push({ op: 'read', type: 'fail', process, time, node: null, term: null, reason: '410 cursor_expired' });
      }),
  },
];

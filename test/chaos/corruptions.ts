import { acknowledged, type Corruption, deliveries, posts, stored, timeAfter, withRandomItem } from './corruption.ts';
import { READER_CORRUPTIONS } from './reader-corruptions.ts';

const responseCorruptions: Corruption[] = [
  {
    name: 'a key is acknowledged with a different message the second time',
    kind: 'two_acknowledgements',
    apply: (history, random) =>
      withRandomItem(
        random,
        posts(history).filter(({ type, key }) => type === 'ok' && key !== null),
        (ok) => {
          const line = { ...ok, process: 'w8', time: timeAfter(history) };
          history.push({ ...line, type: 'invoke' }, { ...line, time: line.time + 1, message: 9999 });
        },
      ),
  },
  {
    name: 'an acknowledgement names a different message than the log',
    kind: 'wrong_acknowledgement',
    apply: (history, random) =>
      withRandomItem(
        random,
        posts(history).filter(({ type }) => type === 'ok'),
        (ok) => {
          ok.message = 9999;
        },
      ),
  },
  {
    name: 'a reader receives a message under a different id than its acknowledgement has',
    kind: 'wrong_acknowledgement',
    apply: (history, random) =>
      withRandomItem(
        random,
        deliveries(history).filter(({ delivery }) => acknowledged(history).has(delivery[2])),
        ({ delivery }) => {
          delivery[1] = 9999;
        },
      ),
  },
  {
    name: 'the table contains a message under a different id than its acknowledgement has',
    kind: 'wrong_acknowledgement',
    apply(history, random) {
      const acks = acknowledged(history);
      const rows = stored(history).filter(({ value }) => acks.has(value));
      return withRandomItem(random, rows, (row) => {
        row.message = 9999;
      });
    },
  },
  {
    name: 'a post without a key is acknowledged by a node that did not store it',
    kind: 'wrong_acknowledgement',
    apply: (history, random) =>
      withRandomItem(
        random,
        posts(history).filter(({ type, key }) => type === 'ok' && key === null),
        (ok) => {
          ok.node = 'z';
          ok.term = null;
        },
      ),
  },
  {
    name: 'an acknowledged message is not in the table',
    kind: 'lost',
    apply(history, random) {
      const acks = acknowledged(history);
      const rows = stored(history).filter(({ value }) => acks.has(value));
      // Without its last row the run looks like one whose table could not be read.
      if (stored(history).length < 2) return false;
      return withRandomItem(random, rows, (row) => void history.splice(history.indexOf(row), 1));
    },
  },
  {
    name: 'the table contains an acknowledged message twice',
    kind: 'duplicated',
    apply(history, random) {
      const acks = acknowledged(history);
      const rows = stored(history).filter(({ value }) => acks.has(value));
      return withRandomItem(
        random,
        rows,
        (row) => void history.push({ ...row, time: timeAfter(history), message: 9999 }),
      );
    },
  },
];

const termCorruptions: Corruption[] = [
  {
    name: 'another node stores a message in the term',
    kind: 'two_writers',
    apply: (history, random) =>
      withRandomItem(random, stored(history), (row) => {
        row.node = 'z';
      }),
  },
  {
    name: 'another node acknowledges a post in the term',
    kind: 'two_writers',
    apply: (history, random) =>
      withRandomItem(
        random,
        posts(history).filter(({ type, term }) => type === 'ok' && term !== null),
        (ok) => {
          ok.node = 'z';
        },
      ),
  },
  {
    name: 'the newest term decreases',
    kind: 'term_decreased',
    apply: (history, random) =>
      withRandomItem(
        random,
        history.filter((record) => record.op === 'term' && (record.term ?? 0) > 1),
        (record) => {
          const time = timeAfter(history);
          history.push({ op: 'term', type: 'ok', process: 'observer', time, node: null, term: (record.term ?? 0) - 1 });
        },
      ),
  },
  {
    name: 'a term changes its owner',
    kind: 'two_writers',
    apply: (history, random) =>
      withRandomItem(
        random,
        history.filter((record) => record.op === 'term'),
        (record) => void history.push({ ...record, time: timeAfter(history), node: 'z' }),
      ),
  },
  {
    name: 'a message is committed under a closed term',
    kind: 'closed_term_write',
    apply(history, random) {
      const rows = stored(history);
      const late = rows.filter((row, at) => rows.slice(0, at).some(({ term }) => term === row.term));
      return withRandomItem(random, late, (row) => {
        row.term = (row.term ?? 0) - 1;
      });
    },
  },
  {
    name: 'a post that begins after an acknowledgement in a later term is accepted in an old term',
    kind: 'closed_term_write',
    apply: (history, random) =>
      withRandomItem(
        random,
        posts(history).filter(({ type, term }) => type === 'ok' && term !== null && term > 1),
        (ok) => {
          const line = { ...ok, process: 'w8', time: timeAfter(history), term: (ok.term ?? 0) - 1 };
          history.push({ ...line, type: 'invoke' }, { ...line, time: line.time + 1 });
        },
      ),
  },
];

const recoveryCorruptions: Corruption[] = [
  {
    name: 'a fault is never healed',
    kind: 'not_healed',
    apply: (history, random) =>
      withRandomItem(
        random,
        history.filter((record) => record.op === 'fault' && record.type === 'ok'),
        (record) => void history.splice(history.indexOf(record), 1),
      ),
  },
  {
    name: 'no write is accepted after the last fault',
    kind: 'not_healed',
    apply(history) {
      const time = timeAfter(history);
      const line = { op: 'fault', process: 'f99', kind: 'kill', node: 'a', term: null } as const;
      history.push({ ...line, type: 'invoke', time }, { ...line, type: 'ok', time: time + 1 });
      return true;
    },
  },
  {
    name: 'a node exits by itself',
    kind: 'node_exited',
    apply(history) {
      const time = timeAfter(history);
      history.push({ op: 'death', type: 'fail', process: 'a', node: 'a', term: null, time, reason: 'exit code 1' });
      return true;
    },
  },
];

/** All corruptions that the checker must find. */
export const CORRUPTIONS: readonly Corruption[] = [
  ...READER_CORRUPTIONS,
  ...responseCorruptions,
  ...termCorruptions,
  ...recoveryCorruptions,
];

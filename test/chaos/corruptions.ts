import { acknowledged, type Corruption, later, pickFrom, posts, sightings, stored } from './doctoring.ts';
import { OF_READERS } from './reader-corruptions.ts';

const ofAnswers: Corruption[] = [
  {
    name: 'a key is answered with another message the second time',
    kind: 'two_answers',
    apply: (history, random) =>
      pickFrom(
        random,
        posts(history).filter(({ type, key }) => type === 'ok' && key !== null),
        (ok) => {
          const line = { ...ok, process: 'w8', time: later(history) };
          history.push({ ...line, type: 'invoke' }, { ...line, time: line.time + 1, message: 9999 });
        },
      ),
  },
  {
    name: 'an answer names another message than the log',
    kind: 'wrong_answer',
    apply: (history, random) =>
      pickFrom(
        random,
        posts(history).filter(({ type }) => type === 'ok'),
        (ok) => {
          ok.message = 9999;
        },
      ),
  },
  {
    name: 'a reader gets a message under another id than its answer has',
    kind: 'wrong_answer',
    apply: (history, random) =>
      pickFrom(
        random,
        sightings(history).filter(({ sighting }) => acknowledged(history).has(sighting[2])),
        ({ sighting }) => {
          sighting[1] = 9999;
        },
      ),
  },
  {
    name: 'the table holds a message under another id than its answer has',
    kind: 'wrong_answer',
    apply(history, random) {
      const acks = acknowledged(history);
      const rows = stored(history).filter(({ value }) => acks.has(value));
      return pickFrom(random, rows, (row) => {
        row.message = 9999;
      });
    },
  },
  {
    name: 'a post without a key is answered by another node than stored it',
    kind: 'wrong_answer',
    apply: (history, random) =>
      pickFrom(
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
      // With the last row gone the run looks like one whose table could not be read.
      if (stored(history).length < 2) return false;
      return pickFrom(random, rows, (row) => void history.splice(history.indexOf(row), 1));
    },
  },
  {
    name: 'the table holds an acknowledged message twice',
    kind: 'doubled',
    apply(history, random) {
      const acks = acknowledged(history);
      const rows = stored(history).filter(({ value }) => acks.has(value));
      return pickFrom(random, rows, (row) => void history.push({ ...row, time: later(history), message: 9999 }));
    },
  },
];

const ofTerms: Corruption[] = [
  {
    name: 'another node stores a message in the term',
    kind: 'two_writers',
    apply: (history, random) =>
      pickFrom(random, stored(history), (row) => {
        row.node = 'z';
      }),
  },
  {
    name: 'another node answers a post in the term',
    kind: 'two_writers',
    apply: (history, random) =>
      pickFrom(
        random,
        posts(history).filter(({ type, term }) => type === 'ok' && term !== null),
        (ok) => {
          ok.node = 'z';
        },
      ),
  },
  {
    name: 'the newest term is an older one than before',
    kind: 'term_fell',
    apply: (history, random) =>
      pickFrom(
        random,
        history.filter((record) => record.op === 'term' && (record.term ?? 0) > 1),
        (record) => {
          const time = later(history);
          history.push({ op: 'term', type: 'ok', process: 'witness', time, node: null, term: (record.term ?? 0) - 1 });
        },
      ),
  },
  {
    name: 'a term changes hands',
    kind: 'two_writers',
    apply: (history, random) =>
      pickFrom(
        random,
        history.filter((record) => record.op === 'term'),
        (record) => void history.push({ ...record, time: later(history), node: 'z' }),
      ),
  },
  {
    name: 'a message is committed under a closed term',
    kind: 'closed_term_write',
    apply(history, random) {
      const rows = stored(history);
      const late = rows.filter((row, at) => rows.slice(0, at).some(({ term }) => term === row.term));
      return pickFrom(random, late, (row) => {
        row.term = (row.term ?? 0) - 1;
      });
    },
  },
  {
    name: 'a post that begins after a later term had answered is accepted under an old one',
    kind: 'closed_term_write',
    apply: (history, random) =>
      pickFrom(
        random,
        posts(history).filter(({ type, term }) => type === 'ok' && term !== null && term > 1),
        (ok) => {
          const line = { ...ok, process: 'w8', time: later(history), term: (ok.term ?? 0) - 1 };
          history.push({ ...line, type: 'invoke' }, { ...line, time: line.time + 1 });
        },
      ),
  },
];

const ofHealing: Corruption[] = [
  {
    name: 'a fault is never healed',
    kind: 'not_healed',
    apply: (history, random) =>
      pickFrom(
        random,
        history.filter((record) => record.op === 'fault' && record.type === 'ok'),
        (record) => void history.splice(history.indexOf(record), 1),
      ),
  },
  {
    name: 'no write is accepted after the last fault',
    kind: 'not_healed',
    apply(history) {
      const time = later(history);
      const line = { op: 'fault', process: 'f99', kind: 'kill', node: 'a', term: null } as const;
      history.push({ ...line, type: 'invoke', time }, { ...line, type: 'ok', time: time + 1 });
      return true;
    },
  },
  {
    name: 'a node ends by itself',
    kind: 'node_died',
    apply(history) {
      const time = later(history);
      history.push({ op: 'death', type: 'fail', process: 'a', node: 'a', term: null, time, reason: 'exit code 1' });
      return true;
    },
  },
];

/** Every way to doctor a history that the checker must find, by the violation's name. */
export const CORRUPTIONS: readonly Corruption[] = [...OF_READERS, ...ofAnswers, ...ofTerms, ...ofHealing];

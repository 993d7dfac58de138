import { expect } from 'chai';
import {
  CursorExpiredError,
  continuedPosition,
  formatCursor,
  MalformedCursorError,
  parseCursor,
} from '../../../src/events/cursor.ts';

const OLD = '0123456789ab';
const NEW = 'cdef01234567';

describe('A cursor', () => {
  it('survives formatting and parsing', () => {
    for (const position of [0, 1, 128, Number.MAX_SAFE_INTEGER]) {
      const cursor = { epoch: OLD, position };
      expect(parseCursor(formatCursor(cursor))).to.deep.equal(cursor);
    }
    expect(formatCursor({ epoch: OLD, position: 128 })).to.equal('0123456789ab-128');
  });

  it('is refused if its text does not have the form of a cursor', () => {
    const others = ['', '128', `${OLD}`, `${OLD}-`, `${OLD}-01`, `${OLD}--1`, `${OLD}-1.5`, `${OLD}-1e3`, `${OLD}-1 `];
    const forged = [`${OLD}-9007199254740992`, `${OLD}-99999999999999999999`, `${OLD.toUpperCase()}-1`, `${OLD}0-1`];
    for (const text of [...others, ...forged, 'xyz456789abc-1', `-1`, `${OLD}-1\n`, ` ${OLD}-1`, `${OLD}-１`]) {
      expect(() => parseCursor(text), JSON.stringify(text)).to.throw(MalformedCursorError);
    }
  });
});

describe('A cursor of an epoch', () => {
  const epochs = [
    { epoch: OLD, after_position: 0 },
    { epoch: NEW, after_position: 50 },
  ];
  const outcome = (epoch: string, position: number, of = epochs) => {
    try {
      return continuedPosition({ epoch, position }, of);
    } catch (error) {
      return error instanceof CursorExpiredError ? error.reason : error;
    }
  };

  it('continues in its own epoch', () => {
    expect(outcome(NEW, 70)).to.equal(70);
    expect(outcome(NEW, 50)).to.equal(50);
  });

  it('continues from an earlier epoch up to the fork, and is refused beyond it, where the histories differ', () => {
    expect(outcome(OLD, 49)).to.equal(49);
    expect(outcome(OLD, 50)).to.equal(50);
    expect(outcome(OLD, 51)).to.equal('history');
  });

  it('continues past several forks only up to the earliest of them', () => {
    const three = [...epochs, { epoch: 'aaaaaaaaaaaa', after_position: 40 }];
    expect(outcome(OLD, 40, three)).to.equal(40);
    expect(outcome(OLD, 45, three)).to.equal('history');
    expect(outcome(NEW, 45, three)).to.equal('history');
    expect(outcome('aaaaaaaaaaaa', 45, three)).to.equal(45);
  });

  it('is refused if its epoch is unknown', () => {
    expect(outcome('ffffffffffff', 1)).to.equal('history');
    expect(outcome(OLD, 1, [])).to.equal('history');
  });
});

import { expect } from 'chai';
import { DutyReport, type NodeState, type SeenNode } from '../../src/web/home/model/cluster-notices.ts';
import { ReadMarks, type Store } from '../../src/web/home/model/read-marks.ts';
import { dayName } from '../../src/web/home/view/day.ts';

function nodes(one: NodeState, two: NodeState, terms: [number, number] = [1, 1]): SeenNode[] {
  return [
    { name: 'node-1', url: 'http://a', state: one, term: terms[0] },
    { name: 'node-2', url: 'http://b', state: two, term: terms[1] },
  ];
}

/** What the report says on each look. */
function sentences(...looks: SeenNode[][]): (string | undefined)[] {
  const report = new DutyReport();
  return looks.map((look) => report.see(look)?.text);
}

describe('the page says in a sentence what has happened to the nodes', () => {
  it('nothing while all is well', () => {
    const look = nodes('active', 'standby');
    expect(sentences(look, look)).to.deep.equal([undefined, undefined]);
  });

  it('a failover seen in one look', () => {
    const said = sentences(nodes('active', 'standby'), nodes('gone', 'active'), nodes('standby', 'active'));
    expect(said).to.deep.equal([undefined, 'node-1 is gone; node-2 serves.', 'node-1 is back and stands by.']);
  });

  it('a failover seen half-way, then done', () => {
    const said = sentences(nodes('active', 'standby'), nodes('gone', 'standby'), nodes('gone', 'active'));
    expect(said[1]).to.equal('node-1 is gone. Waiting for a node to take over; what you write is sent then.');
    expect(said[2]).to.equal('node-1 is gone; node-2 serves.');
  });

  it('an orderly switchover, and a node taken out of service', () => {
    expect(sentences(nodes('active', 'standby'), nodes('standby', 'active'))[1]).to.equal(
      'node-1 has handed over; node-2 serves.',
    );
    expect(sentences(nodes('active', 'standby'), nodes('fallen', 'active'))[1]).to.equal(
      'node-1 was taken out of service; node-2 serves.',
    );
  });

  it('the loss of a standby', () => {
    expect(sentences(nodes('active', 'standby'), nodes('active', 'gone'))[1]).to.equal(
      'node-2 is gone; node-1 serves on.',
    );
  });

  it('the loss of all, and the end of it', () => {
    const report = new DutyReport();
    report.see(nodes('active', 'standby'));
    expect(report.see(nodes('gone', 'gone'))).to.deep.equal({
      text: 'No node can be reached. Trying again; what you write is kept.',
      tone: 'trouble',
    });
    expect(report.see(nodes('active', 'gone'))).to.deep.equal({ text: 'node-1 serves again.', tone: 'calm' });
  });

  it('goes by the higher term where two say that they are active', () => {
    expect(sentences(nodes('active', 'standby'), nodes('active', 'active', [1, 2]))[1]).to.equal(
      'node-1 is cut off; node-2 serves.',
    );
  });
});

describe('what has been read is kept on the device', () => {
  const memory = (kept: Record<string, string> = {}): Store => ({
    getItem: (key) => kept[key] ?? null,
    setItem: (key, value) => {
      kept[key] = value;
    },
  });

  it('for each user, through a reload, and never goes back', () => {
    const store = memory();
    const marks = new ReadMarks(() => store, 1);
    expect(marks.isNew).to.equal(true);
    marks.set(7, 100);
    marks.set(7, 50);
    const again = new ReadMarks(() => store, 1);
    expect([again.isNew, again.get(7), again.get(8)]).to.deep.equal([false, 100, 0]);
    expect(new ReadMarks(() => store, 2).isNew).to.equal(true);
  });

  it('works without storage, and with nonsense in it', () => {
    const refuse = () => {
      throw new Error('storage is off');
    };
    // Full or switched off; and denied, so that not even the store itself is to be had.
    for (const store of [() => ({ getItem: refuse, setItem: refuse }), refuse]) {
      const marks = new ReadMarks(store, 1);
      marks.set(7, 100);
      expect(marks.get(7)).to.equal(100);
    }
    for (const nonsense of ['{', '7', '[[1]]', '[["a","b"]]']) {
      expect(new ReadMarks(() => memory({ 'plantao.read.1': nonsense }), 1).get(1)).to.equal(0);
    }
  });
});

describe('days are called as people call them', () => {
  const now = new Date(2026, 2, 1, 0, 30);
  const cases: [Date, string][] = [
    [new Date(2026, 2, 1, 0, 1), 'Today'],
    [new Date(2026, 1, 28, 23, 59), 'Yesterday'],
    [new Date(2026, 1, 27, 12), 'Friday, February 27'],
    [new Date(2025, 11, 31, 12), 'Wednesday, December 31, 2025'],
  ];
  for (const [day, name] of cases) it(name, () => expect(dayName(day, now)).to.equal(name));
});

import { expect } from 'chai';
import { LiveOutput } from '../../../src/prove/live-output.ts';
import { LiveGaps } from '../../../src/prove/progress.ts';

/** Empties the current line of a terminal. */
const CLEARED_LINE = '\r\u001b[K';

describe('The progress of plantao prove', () => {
  const state = {
    ...{ phase: 'faults' as const, leftMs: 61_000, posts: 10, acknowledged: 9, faults: 2, term: 3 },
    running: 'kill -9 on a (active)',
  };

  it('is one line that is overwritten on a terminal, and keeps the sentences', () => {
    let text = '';
    const live = new LiveOutput({ write: (part) => (text += part), isTerminal: true, columns: () => 60 });
    live.progress(state);
    live.say('gap 40 ms\u001b[2J');
    live.clear();
    expect(text).to.match(/^1:01 left · 10 posts, 9 acknowledged · fault 2 · term 3/);
    const [, sentence = '', line = ''] = text.split(CLEARED_LINE);
    expect(sentence).to.match(/^\d\d:\d\d:\d\d gap 40 ms\\u001b\[2J\n1:01 left/);
    expect(line).to.equal('');
    for (const shown of text.replaceAll(CLEARED_LINE, '\n').split('\n')) expect(shown.length).to.be.at.most(60);
  });

  it('is plain lines in a pipe, a few a minute', () => {
    let text = '';
    const live = new LiveOutput({ write: (part) => (text += part), isTerminal: false, columns: () => 80 });
    for (let times = 0; times < 5; times += 1) live.progress(state);
    live.clear();
    expect(text).to.match(/^\d\d:\d\d:\d\d 1:01 left · .*\n$/);
    expect(text).to.not.include(CLEARED_LINE);
  });

  it('reports each fault with its gap once a post was accepted after it', () => {
    const said: string[] = [];
    let now = 0;
    const gaps = new LiveGaps(
      (sentence) => said.push(sentence),
      () => now,
    );
    const fault = { kind: 'kill -9', node: 'a', active: true, durationMs: 100, began: 1000 };
    for (const time of [900, 990]) gaps.acknowledged(time);
    gaps.began(fault);
    expect(gaps.running).to.equal('kill -9 on a (active)');
    now = 1100;
    gaps.ended(fault, null);
    gaps.update();
    expect(said).to.deep.equal([]);
    gaps.acknowledged(1140);
    gaps.update();
    gaps.update();
    expect(said).to.deep.equal(['kill -9 on a (active): gap 150 ms']);
  });
});

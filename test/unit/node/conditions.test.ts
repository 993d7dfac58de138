import { expect } from 'chai';
import type { Log } from '../../../src/log/log.ts';
import { Conditions } from '../../../src/node/conditions.ts';

describe('Conditions', () => {
  function conditionsWithLog() {
    const lines: string[] = [];
    const write = (_fields: unknown, sentence: string) => void lines.push(sentence);
    return { conditions: new Conditions({ warn: write, info: write } as unknown as Log), lines };
  }

  it('log a condition once when it begins and once when it ends', () => {
    const { conditions, lines } = conditionsWithLog();
    conditions.begin('posts', 'messages cannot be stored', { detail: 'disk full' });
    conditions.begin('posts', 'messages cannot be stored');
    conditions.end('posts', 'messages are stored again');
    conditions.end('posts', 'messages are stored again');
    expect(lines).to.deep.equal(['messages cannot be stored. disk full', 'messages are stored again']);
  });

  it('log nothing of a condition that ends before it would be logged', () => {
    const { conditions, lines } = conditionsWithLog();
    conditions.begin('posts', 'messages cannot be stored', { logAfterMs: 60_000 });
    conditions.end('posts', 'messages are stored again');
    expect(lines).to.deep.equal([]);
  });

  it('show only name, reason and start, oldest first', () => {
    const { conditions } = conditionsWithLog();
    conditions.begin('posts', 'messages cannot be stored');
    conditions.begin('listener', 'does not listen');
    conditions.begin('posts', 'the disk is full');
    expect(conditions.current.map(({ name, reason }) => `${name}: ${reason}`)).to.deep.equal([
      'posts: the disk is full',
      'listener: does not listen',
    ]);
    expect(Object.keys(conditions.current[0] ?? {})).to.have.members(['name', 'reason', 'since']);
  });
});

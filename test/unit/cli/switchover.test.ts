import { expect } from 'chai';
import type { Query } from '../../../src/cli/command/database.ts';
import { handOver } from '../../../src/cli/commands/switchover.ts';

describe('plantao switchover', () => {
  /** Hands over from node-a to `successor`, as the views of the database show it. */
  function request(to: string | null, successor: string) {
    let isRequested = false;
    const query = (async (text: string) => {
      if (!text.includes('plantao.switchover')) {
        return [isRequested ? { term: 2, node: successor } : { term: 1, node: 'node-a' }];
      }
      isRequested = true;
      return [{ answer: 'requested' }];
    }) as Query;
    return handOver(query, { to, wait: true }).then(
      ({ successor: next }) => next?.node,
      (error: Error) => error.message,
    );
  }

  it('fails if another node than the named one took over', async () => {
    expect(await request('node-b', 'node-c')).to.match(/^node-b did not take over, node-c did \(term 2\)/);
    expect(await request('node-b', 'node-b')).to.equal('node-b');
    expect(await request(null, 'node-c')).to.equal('node-c');
  });

  it('fails if the same node is active again', async () => {
    expect(await request(null, 'node-a')).to.match(/^no standby took over: node-a is active again \(term 2\)/);
  });
});

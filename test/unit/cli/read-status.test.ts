import { expect } from 'chai';
import { alarmsOf } from '../../../src/cli/status/alarms.ts';
import { readStatus } from '../../../src/cli/status/read-status.ts';
import type { Query } from '../../../src/database/session/run-and-close.ts';

describe('readStatus', () => {
  /** A cluster without nodes on a server that cannot read the view. */
  const readWithout = (view: string, code: string) => {
    const query = (async (text: string) => {
      if (text.includes(`FROM plantao.${view}`))
        throw Object.assign(new Error('could not access status of transaction 0'), { code });
      return text.includes('plantao.cluster_id()') ? [{ cluster: 'c', connections: 1, max_connections: 97 }] : [];
    }) as Query;
    return readStatus(query);
  };

  it('shows the rest if a full or damaged disk hides the NOTIFY queue or the standbys, and says so', async () => {
    for (const [view, part] of [
      ['notify_queue', 'the NOTIFY queue'],
      ['durability', 'the standbys of PostgreSQL'],
    ] as const) {
      for (const code of ['53100', '58030', 'XX001']) {
        const status = await readWithout(view, code);
        expect(status.cluster).to.equal('c');
        expect(alarmsOf(status).join('\n')).to.include(
          `${part} cannot be read (could not access status of transaction 0)`,
        );
      }
    }
  });

  it('fails if the schema lacks a view or the session is lost', async () => {
    for (const code of ['42P01', '57P01']) {
      const error = await readWithout('notify_queue', code).catch((reason: { code: string }) => reason);
      expect(error).to.include({ code });
    }
  });
});

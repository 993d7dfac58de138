import { CONTENT, posts } from '../common/people.ts';
import { startPlantao, waitersOf } from '../common/servers.ts';
import type { Load } from '../load/load.ts';
import { pollingRival, type RunningRival } from './rival.ts';

const GROUP = 8;

/** Starts one node. */
export async function startPlantaoRival(load: Load, databaseUrl: string): Promise<RunningRival> {
  // A long lease: on a busy machine a change of role would complete the polls.
  const node = await startPlantao(databaseUrl, { LEASE_MS: '20000' });
  return pollingRival({
    load,
    pids: async () => [node.pid],
    postPort: node.port,
    pollPort: node.port,
    posts: posts(),
    poll: { method: 'GET', path: `/subscribe/status?groupId=${GROUP}&timeout=55` },
    trigger: { method: 'POST', path: '/messages', body: { userId: 7, groupId: GROUP, content: CONTENT } },
    waiting: () => waitersOf(node),
    stop: () => node.stop(),
  });
}

import { eventually } from '../support/eventually.ts';
import { get } from '../support/http.ts';
import type { Crowd } from './crowd.ts';
import { PinnedReader, type Reader } from './readers.ts';
import type { Rig } from './rig.ts';
import { StreamReader } from './stream-reader.ts';

/** Three readers on each node: one polls a group, one polls all the groups of a user, one has them as a stream. */
export async function pinnedReaders(rig: Rig, { users, groups }: Crowd): Promise<Reader[]> {
  const readers: Reader[] = [];
  for (const [index, node] of rig.nodes.entries()) {
    const group = groups[index % groups.length] ?? 0;
    const user = users[index % users.length];
    const cursor = await eventually(
      `${node.name} gives a cursor`,
      async () => (await get<{ cursor?: string }>(`${node.url}/messages?groupId=${group}`)).body.cursor,
      { within: 30_000 },
    );
    const common = { rig, node, cursor };
    const ofGroup = { name: `group-${node.name}`, path: `/subscribe/status?groupId=${group}`, groups: [group] };
    const ofUser = { name: `user-${node.name}`, path: `/subscribe/user?userId=${user}`, groups };
    const asStream = { name: `stream-${node.name}`, path: `/events?userId=${user}`, groups };
    readers.push(new PinnedReader({ ...common, ...ofGroup }), new PinnedReader({ ...common, ...ofUser }));
    readers.push(new StreamReader({ ...common, ...asStream }));
  }
  return readers;
}

import { eventually } from '../support/eventually.ts';
import { get } from '../support/http.ts';
import type { ChatFixture } from './chat-fixture.ts';
import type { NodeRig } from './node-rig.ts';
import { PinnedReader, type Reader } from './readers.ts';
import { StreamReader } from './stream-reader.ts';

/** Creates three readers per node: one polls a group, one polls all groups of a user, one streams them. */
export async function pinnedReaders(rig: NodeRig, { users, groups }: ChatFixture): Promise<Reader[]> {
  const readers: Reader[] = [];
  for (const [index, node] of rig.nodes.entries()) {
    const group = groups[index % groups.length] ?? 0;
    const user = users[index % users.length];
    const cursor = await eventually(
      `${node.name} returns a cursor`,
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

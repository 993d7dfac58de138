import { setTimeout as sleep } from 'node:timers/promises';
import { get } from '../http.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import type { SupervisedNode } from '../rig/supervised-node.ts';
import type { ChatFixture } from './chat-fixture.ts';
import { PinnedReader, type Reader } from './readers.ts';
import { StreamReader } from './stream-reader.ts';

const CURSOR_TIMEOUT_MS = 30_000;

/** Returns the cursor of a group's newest page. @throws if the node does not respond in time. */
async function firstCursor(node: SupervisedNode, group: number): Promise<string> {
  const deadline = performance.now() + CURSOR_TIMEOUT_MS;
  for (;;) {
    const url = `${node.url}/messages?groupId=${group}`;
    const response = await get<{ cursor?: string } | undefined>(url).catch((error: unknown) => String(error));
    if (typeof response !== 'string' && response.body?.cursor) return response.body.cursor;
    const outcome = typeof response === 'string' ? response : `${response.status} ${response.text}`;
    if (performance.now() > deadline) throw new Error(`${node.name} returned no cursor: ${outcome}`);
    await sleep(50);
  }
}

/** Creates three readers per node: one polls a group, one polls all groups of a user, one streams them. */
export async function pinnedReaders(rig: NodeRig, { users, groups }: ChatFixture): Promise<Reader[]> {
  const readers: Reader[] = [];
  for (const [index, node] of rig.nodes.entries()) {
    const group = groups[index % groups.length] ?? 0;
    const user = users[index % users.length];
    const cursor = await firstCursor(node, group);
    const common = { rig, node, cursor };
    const ofGroup = { name: `group-${node.name}`, path: `/subscribe/status?groupId=${group}`, groups: [group] };
    const ofUser = { name: `user-${node.name}`, path: `/subscribe/user?userId=${user}`, groups };
    const asStream = { name: `stream-${node.name}`, path: `/events?userId=${user}`, groups };
    readers.push(new PinnedReader({ ...common, ...ofGroup }), new PinnedReader({ ...common, ...ofUser }));
    readers.push(new StreamReader({ ...common, ...asStream }));
  }
  return readers;
}

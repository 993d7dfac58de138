import { setTimeout as pause } from 'node:timers/promises';
import { post } from '../support/http.ts';
import type { Rig } from './rig.ts';

/** Who chats: every user is a member of every group. */
export interface Crowd {
  users: number[];
  groups: number[];
}

const PATIENCE_MS = 30_000;

/** Posts to whichever node is on duty until one has done it: there is no one on duty in the first moments of a cluster. */
async function ask(rig: Rig, path: string, body: unknown): Promise<Record<string, unknown>> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let tries = 0; ; tries += 1) {
    const node = rig.active ?? rig.nodes[tries % rig.nodes.length];
    const answer = node ? await post(`${node.url}${path}`, body).catch(() => null) : null;
    if (answer?.status === 200) return answer.body;
    if (performance.now() > deadline) throw new Error(`POST ${path} was not done: ${answer?.status} ${answer?.text}`);
    await pause(50);
  }
}

/** Makes the users and the groups. */
export async function gather(rig: Rig, users: number, groups: number): Promise<Crowd> {
  const names = Array.from({ length: users }, (_, index) => `chaos-${index}`);
  const crowd: Crowd = { users: [], groups: [] };
  for (const username of names) crowd.users.push(Number((await ask(rig, '/login', { username })).user_id));
  for (let index = 0; index < groups; index += 1) {
    const body = { groupName: `chaos-${index}`, creatorId: crowd.users[0], members: names };
    crowd.groups.push(Number((await ask(rig, '/create-chat', body)).group_id));
  }
  return crowd;
}

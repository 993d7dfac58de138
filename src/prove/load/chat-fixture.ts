import { setTimeout as sleep } from 'node:timers/promises';
import { post } from '../http.ts';
import type { NodeRig } from '../rig/node-rig.ts';

/** The users and groups of a run. Every user is a member of every group. */
export interface ChatFixture {
  users: number[];
  groups: number[];
}

const TIMEOUT_MS = 30_000;

/** Retries a post until a node has executed it: a new cluster has no active node at first. */
async function postUntilDone(rig: NodeRig, path: string, body: unknown): Promise<Record<string, unknown>> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (let tries = 0; ; tries += 1) {
    const node = rig.active ?? rig.nodes[tries % rig.nodes.length];
    const response = node ? await post(`${node.url}${path}`, body).catch(() => null) : null;
    if (response?.status === 200) return response.body;
    if (performance.now() > deadline) throw new Error(`POST ${path} failed: ${response?.status} ${response?.text}`);
    await sleep(50);
  }
}

const USERS = 6;
const GROUPS = 3;

/** Creates the users, one for each writer, and the groups. */
export async function createFixture(rig: NodeRig): Promise<ChatFixture> {
  const names = Array.from({ length: USERS }, (_, index) => `chaos-${index}`);
  const fixture: ChatFixture = { users: [], groups: [] };
  for (const username of names) fixture.users.push(Number((await postUntilDone(rig, '/login', { username })).user_id));
  for (let index = 0; index < GROUPS; index += 1) {
    const body = { groupName: `chaos-${index}`, creatorId: fixture.users[0], members: names };
    fixture.groups.push(Number((await postUntilDone(rig, '/create-chat', body)).group_id));
  }
  return fixture;
}

import { expect } from 'chai';
import { get, type JsonObject, post } from '../network/http.ts';
import { untilActive } from './health.ts';
import { type NodeProcess, startNode } from './node-process.ts';

/** The response to a poll. */
type Poll = JsonObject & { events: { message?: { content: string } }[] };

/** Starts nodes of several databases, such as a backup and its source, and stops them after each test of a `describe`. */
export function useNodesOfDatabases() {
  const nodes: NodeProcess[] = [];
  afterEach('the nodes', async () => {
    for (const node of nodes.splice(0)) await node.stop();
  });
  return {
    /** Starts a node, and resolves when it is active. */
    async activeNode(databaseUrl: string, name: string): Promise<NodeProcess> {
      const node = await startNode({ databaseUrl, name });
      nodes.push(node);
      await untilActive(node);
      return node;
    },
    /** Posts a message, and returns its cursor. */
    async send(node: NodeProcess, content: string): Promise<string> {
      const message = { userId: 1, groupId: 1, content };
      const { status, body } = await post<{ cursor: string }>(`${node.url}/messages`, message);
      expect(status).to.equal(200);
      return body.cursor;
    },
    poll: (node: NodeProcess, cursor: string) =>
      get<Poll>(`${node.url}/subscribe/user?user_id=1&cursor=${cursor}&timeout=0`),
  };
}

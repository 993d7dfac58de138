/** The package `plantao`: a node inside a program of your own. The client library is `plantao/client`. */
import { createNode } from './node/node.ts';
import { readSettings } from './settings.ts';

/** A node that serves requests. */
export interface RunningNode {
  readonly name: string;
  readonly url: string;
  /** Resigns the active role, responds to every waiter, finishes the requests in flight, and closes. */
  stop(): Promise<void>;
}

/**
 * Starts a node with the settings of `.env.example`, such as `{ DATABASE_URL: 'postgres://…', PORT: '8080' }`, and resolves when
 * it serves requests. The environment of the process is not read.
 * @throws an error whose message says what to do; nothing is left running then.
 */
export async function startNode(settings: Record<string, string | undefined>): Promise<RunningNode> {
  const node = createNode(readSettings(settings));
  await node.start();
  return node;
}

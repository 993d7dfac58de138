import { eventually } from '../../../support/eventually.ts';
import { get, type HttpResponse, type JsonObject } from '../../../support/network/http.ts';
import { figureOf, waitersOf } from '../../../support/network/metrics.ts';
import type { LocalNode, UsedNodes } from '../../../support/nodes/two-nodes.ts';

/** One event as a client sees it. */
interface Event extends JsonObject {
  kind: string;
  cursor: string;
}

/** The response to a poll. */
export interface Poll extends JsonObject {
  cursor: string;
  events: Event[];
}

/** Helpers for the tests of long polls. */
export function pollCalls(nodes: UsedNodes) {
  const both = () => [nodes.active, nodes.standby];
  /** Returns the number of waiters on a node. */
  const waiters = (node: LocalNode) => waitersOf(node.url);
  /** Waits until both nodes have read the whole log, since a poll without a cursor begins where its node is. */
  const caughtUp = async (): Promise<void> => {
    const { body } = await get<Poll>(`${nodes.active.url}/chats?userId=1`);
    const end = Number(body.cursor.split('-')[1]);
    await eventually('both nodes have read the log', async () => {
      const positions = await Promise.all(both().map((node) => figureOf(node.url, 'plantao_log_position')));
      return positions.every((position) => position >= end);
    });
  };
  /** Starts polls and resolves when all of them wait. Their responses come later. */
  const wait = async (polls: [node: LocalNode, query: string][]): Promise<() => Promise<HttpResponse<Poll>[]>> => {
    await caughtUp();
    const before = await Promise.all(both().map(waiters));
    const responses = polls.map(([node, query]) => get<Poll>(`${node.url}/subscribe/${query}`, { deadline: 20_000 }));
    await eventually('the polls wait', async () => {
      const now = await Promise.all(both().map(waiters));
      return both().every((node, at) => {
        const added = polls.filter(([polled]) => polled === node).length;
        return now[at] === (before[at] ?? 0) + added;
      });
    });
    return () => Promise.all(responses);
  };
  /** Starts the same poll on both nodes. */
  const waitOnBoth = (query: string) => wait(both().map((node) => [node, query]));
  return { both, waiters, caughtUp, wait, waitOnBoth };
}

/** Returns the kinds of the events in a response. */
export const kinds = ({ body }: HttpResponse<Poll>): string[] => body.events.map(({ kind }) => kind);

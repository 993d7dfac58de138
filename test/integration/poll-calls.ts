import { eventually } from '../support/eventually.ts';
import { type Answer, get, type JsonObject } from '../support/http.ts';
import type { LocalNode, UsedNodes } from '../support/two-nodes.ts';

/** One event as a client sees it. */
interface Event extends JsonObject {
  kind: string;
  cursor: string;
}

/** The answer of a poll. */
export interface Poll extends JsonObject {
  cursor: string;
  events: Event[];
}

/** What the tests of long polls do again and again. */
export function pollCalls(nodes: UsedNodes) {
  const both = () => [nodes.active, nodes.standby];
  const figure = async (node: LocalNode, name: string) => {
    const { text } = await get(`${node.url}/metrics`);
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  /** How many wait on a node. */
  const waiters = (node: LocalNode) => figure(node, 'plantao_waiters');
  /** A poll without a cursor begins where its node has come to: both have come to the log's end. */
  const caughtUp = async (): Promise<void> => {
    const { body } = await get<Poll>(`${nodes.active.url}/chats?userId=1`);
    const end = Number(body.cursor.split('-')[1]);
    await eventually('both nodes have read the log', async () => {
      const positions = await Promise.all(both().map((node) => figure(node, 'plantao_log_position')));
      return positions.every((position) => position >= end);
    });
  };
  /** Starts polls, and comes back when all of them wait; their answers come later. */
  const wait = async (polls: [node: LocalNode, query: string][]): Promise<() => Promise<Answer<Poll>[]>> => {
    await caughtUp();
    const before = await Promise.all(both().map(waiters));
    const answers = polls.map(([node, query]) => get<Poll>(`${node.url}/subscribe/${query}`, { deadline: 20_000 }));
    await eventually('the polls wait', async () => {
      const now = await Promise.all(both().map(waiters));
      return both().every((node, at) => {
        const added = polls.filter(([polled]) => polled === node).length;
        return now[at] === (before[at] ?? 0) + added;
      });
    });
    return () => Promise.all(answers);
  };
  /** The same poll on both nodes. */
  const waitOnBoth = (query: string) => wait(both().map((node) => [node, query]));
  return { both, waiters, caughtUp, wait, waitOnBoth };
}

/** The kinds of the events in an answer. */
export const kinds = ({ body }: Answer<Poll>): string[] => body.events.map(({ kind }) => kind);

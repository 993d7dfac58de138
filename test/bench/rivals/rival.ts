import type { Load } from '../load/load.ts';
import type { DriveResult, RequestSpec, WakeResult } from '../load/requests.ts';

/** Senders that post at the same time. */
export const SENDERS = 64;
/** PostgreSQL sessions of a rival: on two cores, more of them do not store more messages. */
export const SESSIONS = 20;

/** How long a load of posts lasts. */
interface PostTimes {
  warmupMs: number;
  forMs: number;
}

/** A chat server that is measured, with its clients. */
export interface RunningRival {
  /** The processes that hold the receivers' connections. */
  pids(): Promise<number[]>;
  /** Each of {@link SENDERS} sends its next message to a group when the last one is acknowledged. */
  post(times: PostTimes): Promise<DriveResult>;
  /** Opens connections that wait for the messages of one group. */
  open(receivers: number): Promise<void>;
  /** Sends a message to that group, and resolves when all have it and wait for the next one. */
  wake(): Promise<WakeResult>;
  /** Closes the receivers' connections. */
  close(): Promise<void>;
  stop(): Promise<void>;
}

/** Options of {@link pollingRival}. */
export interface PollingServer {
  load: Load;
  pids: () => Promise<number[]>;
  /** The port that takes posts, and the one that takes polls. */
  postPort: number;
  pollPort: number;
  posts: RequestSpec[];
  poll: RequestSpec;
  /** A post to the group that is polled. */
  trigger: RequestSpec;
  /** Returns the number of waiting polls. */
  waiting: () => Promise<number>;
  stop: () => Promise<void>;
}

/** A server that takes posts and holds long polls, both over HTTP. */
export function pollingRival(server: PollingServer): RunningRival {
  const { load, postPort, pollPort, poll, trigger, waiting } = server;
  let count = 0;
  return {
    pids: server.pids,
    async post(times) {
      const result = await load.drive({ ports: [postPort], connections: SENDERS, requests: server.posts, ...times });
      if (Object.keys(result.refused).length > 0) throw new Error(`refused ${JSON.stringify(result.refused)}`);
      return result;
    },
    async open(receivers) {
      count = receivers;
      await load.open({ ports: [pollPort], count, poll });
      await load.park(count, waiting);
    },
    async wake() {
      const result = await load.wake({ port: postPort, trigger });
      await load.park(count, waiting);
      return result;
    },
    async close() {
      await load.close();
      await load.untilSettled(0, waiting);
    },
    stop: server.stop,
  };
}

/*
 * The clients of an XMPP server: a process of its own, so that its work does not count as the server's.
 */
import { performance } from 'node:perf_hooks';
import { CONTENT } from '../../common/people.ts';
import { registerHandlers } from '../../common/probe.ts';
import { latencyOf, quantile } from '../../common/statistics.ts';
import type { DriveResult, WakeResult } from '../../load/requests.ts';
import { XmppClient } from './xmpp-client.ts';

/** Senders, each alone in a room. */
export interface XmppDriveSpec {
  port: number;
  senders: number;
  password: string;
  warmupMs: number;
  forMs: number;
}

/** Receivers, all in one room. */
export interface XmppOpenSpec {
  port: number;
  count: number;
  password: string;
}

/** Clients that log in at the same time. */
const CONCURRENCY = 50;
const LIMIT_MS = 60_000;
let receivers: XmppClient[] = [];

/** Logs in `user-1` to `user-<count>` and lets each join a room. */
async function openClients({ port, count, password }: XmppOpenSpec, roomOf: (at: number) => string) {
  const clients: XmppClient[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < count; at = next++) {
      const client = await XmppClient.open(port, { user: `user-${at + 1}`, password });
      clients.push(client);
      await client.join(roomOf(at));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return clients;
}

/** Each sender sends its next message when the room has returned the last one. */
async function drive({ port, senders, password, warmupMs, forMs }: XmppDriveSpec): Promise<DriveResult> {
  const clients = await openClients({ port, count: senders, password }, (at) => `room-${at + 1}`);
  const times: number[] = [];
  let failure: Error | null = null;
  const from = performance.now() + warmupMs;
  const until = from + forMs;
  for (const client of clients) {
    let sentAt = performance.now();
    client.onLost = (error) => {
      failure ??= error;
    };
    client.onMessage = () => {
      const now = performance.now();
      if (now >= until) return;
      if (now >= from) times.push(now - sentAt);
      sentAt = now;
      client.say(CONTENT);
    };
    client.say(CONTENT);
  }
  await new Promise((resolve) => setTimeout(resolve, warmupMs));
  const loop = performance.eventLoopUtilization();
  await new Promise((resolve) => setTimeout(resolve, until - performance.now()));
  const busy = performance.eventLoopUtilization(loop).utilization;
  for (const client of clients) client.destroy();
  if (failure) throw failure;
  const latency = latencyOf(Float64Array.from(times));
  return { perSecond: (times.length * 1000) / forMs, answered: times.length, refused: {}, latency, busy };
}

/** Sends one message and resolves when every receiver, its sender among them, has it. */
async function wake(): Promise<WakeResult> {
  const count = receivers.length;
  const times = new Float64Array(count);
  let answered = 0;
  const loop = performance.eventLoopUtilization();
  const startedAt = performance.now();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${answered} of ${count} received the message`)), LIMIT_MS);
    for (const receiver of receivers) {
      receiver.onLost = reject;
      receiver.onMessage = () => {
        times[answered++] = performance.now() - startedAt;
        if (answered < count) return;
        clearTimeout(timer);
        resolve();
      };
    }
    receivers[0]?.say(CONTENT);
  });
  const busy = performance.eventLoopUtilization(loop).utilization;
  return { first: quantile(times, 0), half: quantile(times, 0.5), last: quantile(times, 1), answered, busy };
}

registerHandlers({
  drive,
  wake,
  async open(spec: XmppOpenSpec) {
    receivers = await openClients(spec, () => 'all');
  },
  close() {
    for (const receiver of receivers) receiver.destroy();
    receivers = [];
  },
});
process.channel?.ref();
console.log('ready');

/**
 * The thread that keeps the leader lock, and does nothing else: its heartbeats are on time however busy the node's main
 * thread is. Started by lock-thread.ts. It imports little, since each import costs memory twice.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { connectionOptions } from '../../database/session/connection.ts';
import { type ChangedSetting, changedSettingSentence } from '../../database/session/settings/setting-changes.ts';
import { SpareSessions } from '../../database/session/spare-sessions.ts';
import { LeaderLock } from './leader-lock.ts';
import { Lease } from './lease.ts';
import { LivenessStamp } from './liveness-stamp.ts';
import {
  type LockCalls,
  type LockRequest,
  type LockThreadEvent,
  type LockThreadMessage,
  type LockWorkerData,
  packError,
  type SentCall,
} from './lock-channel.ts';
import { WARM_UP_TERM } from './lock-statements.ts';

const { session, node, leaseMs, ...memory } = workerData as LockWorkerData;
const { servers, ...options } = connectionOptions(...session);
const send = (news: LockThreadEvent) => {
  const message: LockThreadMessage = { ...news, server: servers.found };
  parentPort?.postMessage(message);
};
const onChangedSetting = (changed: ChangedSetting) =>
  send(lineOf([{ event: 'setting_changed', setting: changed.name }, changedSettingSentence(changed)]));
const sessions = new SpareSessions({ ...options, servers, onChangedSetting }, WARM_UP_TERM);
const lease = new Lease({ leaseMs, memory: memory.lease });
const liveness = new LivenessStamp(memory.lockThread);
let url = '';

const lock = new LeaderLock({
  open: (signal) => sessions.open(signal),
  leaseMs,
  node,
  url: () => url,
  log: { warn: (...line: unknown[]) => send(lineOf(line)) },
  onLost: (reason, cause) => send({ lost: reason, cause }),
  lease,
  mainThread: new LivenessStamp(memory.mainThread),
});

const calls: LockCalls = {
  open: () => lock.open(),
  prepare: () => lock.prepare(),
  async tryAcquire(promotion) {
    const term = await lock.tryAcquire(promotion);
    return term && { number: term.number, token: term.token };
  },
  renew: () => lock.renew(),
  release: (resignation) => lock.release(resignation),
  isTaken: () => lock.isTaken(),
  instance: () => lock.instance(),
  close: () => lock.close(),
};

/** Accepts the arguments of pino: a sentence, with or without fields before it. */
function lineOf(line: unknown[]): LockThreadEvent {
  const [fields, sentence] = line.length > 1 ? line : [{}, ...line];
  return { warn: String(sentence), fields: fields as object };
}

parentPort?.on('message', (request: LockRequest) => {
  url = request.url;
  servers.follow(request.server);
  if ('call' in request) return void reply(request);
  if (request.order === 'follow') return;
  if (request.order === 'interrupt') return lock.interrupt();
  lock.abandon(request.reason);
  if (request.order === 'end') process.exit();
});

async function reply({ call, id, args }: SentCall): Promise<void> {
  try {
    const run = calls[call] as (...given: unknown[]) => Promise<unknown>;
    send({ id, value: await run(...args) });
  } catch (error) {
    send({ id, error: packError(error) });
  }
}

servers.onFound(() => send({ found: true }));

// However this thread ends, its session ends with it, so the lease must end first.
process.on('exit', () => lease.expire());
liveness.touch();
setInterval(() => liveness.touch(), 250);

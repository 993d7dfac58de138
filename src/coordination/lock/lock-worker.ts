/**
 * The thread that keeps the leader lock, and does nothing else: whatever the node's main thread is at work on, the
 * heartbeat goes out in time. Started by lock-thread.ts. It imports little, since each import costs memory twice.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { connectionOptions } from '../../database/session/connection.ts';
import { Session } from '../../database/session/session.ts';
import { LeaderLock } from './leader-lock.ts';
import { Lease } from './lease.ts';
import { type LockNews, type LockRequest, type LockWorkerData, packError, type SentCall } from './lock-channel.ts';
import { LockKeeper } from './lock-keeper.ts';
import { SignOfLife } from './sign-of-life.ts';

const { session, node, leaseMs, ...memory } = workerData as LockWorkerData;
const say = (news: LockNews) => parentPort?.postMessage(news);
const lease = new Lease({ leaseMs, memory: memory.lease });
const life = new SignOfLife(memory.keeper);
let url = '';

const lock = new LeaderLock({
  open: (signal) => Session.open(connectionOptions(...session), signal),
  leaseMs,
  node,
  url: () => url,
  log: { warn: (...line: unknown[]) => say(lineOf(line)) },
  onLost: (reason) => say({ lost: reason }),
  lease,
});
const keeper = new LockKeeper({ lock, leaseMs, owner: new SignOfLife(memory.owner) });

/** As pino is called: with fields or without. */
function lineOf(line: unknown[]): LockNews {
  const [fields, sentence] = line.length > 1 ? line : [{}, ...line];
  return { warn: String(sentence), fields: fields as object };
}

parentPort?.on('message', (request: LockRequest) => {
  url = request.url;
  if ('call' in request) return void answer(request);
  if (request.order === 'interrupt') return keeper.interrupt();
  keeper.abandon(request.reason);
  if (request.order === 'end') process.exit();
});

async function answer({ call, id, args }: SentCall): Promise<void> {
  try {
    const asked = keeper[call] as (...given: unknown[]) => Promise<unknown>;
    say({ id, value: await asked.apply(keeper, args) });
  } catch (error) {
    say({ id, error: packError(error) });
  }
}

// However this thread ends: its session goes with it, so the lease ends first.
process.on('exit', () => lease.expire());
life.give();
setInterval(() => life.give(), 250);

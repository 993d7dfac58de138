import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { type AdvisoryLock, heldLocks, openSessions, type Session, serverPid } from '../postgres/test-server.ts';
import { ownChildren } from './own-children.ts';
import { trackedNow } from './tracked.ts';
import { runningWorkers } from './worker-threads.ts';

/** Everything at one moment that a test could leave behind. */
export interface Inventory {
  sessions: Session[];
  locks: AdvisoryLock[];
  /** Child processes by pid, with their owner (a node's name) or their command line. */
  children: Map<number, { owner: string | null; command: string }>;
  /** Everything announced to `track`, running or not. */
  owners: Set<string>;
  /** The number of resources of each kind that keep this process alive (`Timeout`, `TCPSocketWrap`, …), and of threads. */
  resources: Map<string, number>;
}

/** One thing left behind: a sentence, and the pid where it is a process. */
export interface Leak {
  sentence: string;
  pid?: number;
}

/** Takes the inventory of this moment in a few milliseconds; queries the shared test server only if it runs. */
export async function takeInventory(): Promise<Inventory> {
  // In a turn of its own, in which mocha's timer of the current hook always exists; and before our own reads add handles.
  await turn();
  const resources = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) resources.set(kind, (resources.get(kind) ?? 0) + 1);
  if (runningWorkers().length > 0) resources.set('Worker', runningWorkers().length);
  const [sessions, locks, children] = await Promise.all([openSessions(), heldLocks(), listChildren()]);
  return { sessions, locks, children, owners: new Set(trackedNow().map(({ owner }) => owner)), resources };
}

async function listChildren(): Promise<Inventory['children']> {
  const owners = new Map(trackedNow().map((one) => [one.pid(), one.owner]));
  const children: Inventory['children'] = new Map();
  for (const { pid, command } of await ownChildren()) {
    // tsx keeps a compiler; a guard exits with its process; the root hook stops the shared server.
    const ours = command === '' || /esbuild|plantao-guard/.test(command) || pid === serverPid();
    if (!ours) children.set(pid, { owner: owners.get(pid) ?? null, command });
  }
  return children;
}

/**
 * Returns everything in `now` that does not belong to something in `before`. A node in `before` may have opened other
 * sessions since, taken the leader lock, or been restarted as another process: all of that still belongs to the node.
 * With `fileBegan` it is the check after one test of a file, without it the exact check at the end of the file.
 */
export function leftBehind(before: Inventory, now: Inventory, fileBegan?: Inventory): Leak[] {
  const nodesBefore = new Set([...before.owners, ...before.sessions.map(nodeOf).filter((node) => node !== null)]);
  const ofANodeBefore = (session: Session) => nodesBefore.has(nodeOf(session) ?? '');
  const known = new Set(before.sessions.map(({ pid }) => pid));
  const lockKey = (lock: AdvisoryLock) => `${lock.pid} ${lock.key}`;
  const locksBefore = new Set(before.locks.map(lockKey));
  const newLocks = now.locks.filter((lock) => !locksBefore.has(lockKey(lock)) && !ofANodeBefore(lock.session));
  const newSessions = now.sessions.filter((session) => !known.has(session.pid) && !ofANodeBefore(session));
  const newChildren = [...now.children].filter(
    ([pid, { owner }]) => !before.children.has(pid) && !(owner !== null && before.owners.has(owner)),
  );
  return [
    ...newLocks.map((lock) => ({
      sentence: `the advisory lock ${lock.key}, held by ${describe(lock.session)}`,
    })),
    ...newSessions.map((session) => ({ sentence: `the session ${describe(session)}` })),
    ...newChildren.map(([pid, { owner, command }]) => ({
      sentence: `the process ${pid} (${owner ?? command.slice(0, 120)})`,
      pid,
    })),
    ...newHandles(before, now, fileBegan),
  ];
}

const nodeOf = ({ application }: Session) => /^plantao:(.+):\w+$/.exec(application)?.[1] ?? null;
const describe = ({ pid, application, database }: Session) => `"${application}" on ${database} (backend ${pid})`;

/** Kinds that belong to a child process, which is found by its pid. */
const OF_CHILDREN = new Set(['ProcessWrap', 'PipeWrap']);
/** `Immediate` always ends in the next turn; `TTYWrap` is the terminal. */
const IGNORED_HANDLES = new Set(['Immediate', 'TTYWrap']);

function newHandles(before: Inventory, now: Inventory, fileBegan?: Inventory): Leak[] {
  // While a file keeps a node, a proxy or a pool in this process from `before` to `after`, these open and close sockets and
  // timers by themselves; then only the check at the end of the file can be exact.
  const kept = (kind: string) => (before.resources.get(kind) ?? 0) > (fileBegan?.resources.get(kind) ?? 0);
  const busy = fileBegan !== undefined && (kept('TCPSocketWrap') || kept('TCPServerWrap'));
  return [...now.resources].flatMap(([kind, count]) => {
    const more = count - (before.resources.get(kind) ?? 0);
    if (more <= 0 || IGNORED_HANDLES.has(kind)) return [];
    if (busy || (fileBegan !== undefined && OF_CHILDREN.has(kind))) return [];
    return [{ sentence: `${more} active ${kind} (a handle, timer or thread)` }];
  });
}

/** Waits up to `within` ms until nothing is {@link leftBehind} since `before`, and returns what still is. */
export async function leaksSince(before: Inventory, within: number, fileBegan?: Inventory): Promise<Leak[]> {
  const deadline = performance.now() + within;
  // Most of what is still closing is closed within a millisecond.
  for (let pause = 1; ; pause = Math.min(pause * 2, 25)) {
    const leaks = leftBehind(before, await takeInventory(), fileBegan);
    if (leaks.length === 0 || performance.now() >= deadline) return leaks;
    await sleep(pause);
  }
}

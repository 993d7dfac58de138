import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { withTimeout } from '../../async/with-timeout.ts';
import type { Servers } from '../../database/servers/servers.ts';
import { connectionOptions } from '../../database/session/connection.ts';
import { errorMessage } from '../../error-message.ts';
import { IS_BUILT, PACKAGE_ROOT } from '../../package-root.ts';
import type { EndCause } from '../end-cause.ts';
import { Lease } from './lease.ts';
import { LivenessStamp } from './liveness-stamp.ts';
import {
  type ArgumentsOf,
  type LockCall,
  type LockOrder,
  type LockRequest,
  type LockThreadMessage,
  type LockWorkerData,
  type ReplyTo,
  type SentCall,
  unpackError,
} from './lock-channel.ts';

/** The name of the thread in the log. */
export const THREAD = 'the thread that keeps the leader lock';

/** Thrown when the thread that keeps the leader lock cannot be started or has ended: no statement was sent. */
export class LockWorkerError extends Error {
  override readonly name = 'LockWorkerError';

  constructor(reason: string) {
    super(`${THREAD} is not running: ${reason}`);
  }
}

/** Options of a {@link LockWorkerLink}. */
export interface LockWorkerLinkOptions extends Omit<LockWorkerData, 'lease' | 'mainThread' | 'lockThread'> {
  url(): string;
  mainThread: LivenessStamp;
  onLost(reason: string, cause: EndCause): void;
  onWarning(fields: object, sentence: string): void;
  /** Called once, with the reason, when the thread has ended by itself. */
  onEnd(reason: string): void;
  limits?: WorkerOptions['resourceLimits'];
  /** Default: lock-worker.ts. */
  program?: URL;
}

/** Limits that end a thread which leaks memory. It needs a tenth of this, three tenths if it compiles TypeScript. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };
/** Deadline for a thread to end after the order to end, which usually takes milliseconds. */
const END_LIMIT_MS = 1000;

/** The main thread's connection to one run of the thread that keeps the leader lock (lock-worker.ts). */
export class LockWorkerLink {
  readonly lease: Lease;
  /** When the lock thread last ran. */
  readonly liveness = new LivenessStamp();
  readonly #options: LockWorkerLinkOptions;
  readonly #worker: Worker;
  readonly #servers: Servers;
  readonly #ignoreServers: () => void;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #sent = 0;
  #ended: string | null = null;
  #isEnding = false;

  /** Starts the thread. @throws if the system refuses one; other failures are reported through `onEnd`. */
  constructor(options: LockWorkerLinkOptions) {
    const { session, node, leaseMs, mainThread, limits = LIMITS, program = lockWorker() } = options;
    this.#options = options;
    this.lease = new Lease({ leaseMs });
    const memory = { lease: this.lease.memory, mainThread: mainThread.memory, lockThread: this.liveness.memory };
    const workerData: LockWorkerData = { session, node, leaseMs, ...memory };
    // NODE_OPTIONS and the options of the command line are for the main thread only.
    const inherited = { env: {}, execArgv: [] };
    this.#worker = new Worker(program, { name: 'lock', workerData, ...inherited, resourceLimits: limits });
    this.#servers = connectionOptions(...session).servers;
    this.#ignoreServers = this.#servers.onFound(() => this.order('follow', 'another server has taken over'));
    // Only a call that waits for its reply keeps the process alive.
    this.#worker.unref();
    this.#worker.on('message', (message: LockThreadMessage) => this.#receive(message));
    this.#worker.on('error', (error) => this.#end(errorMessage(error)));
    this.#worker.on('exit', (code) => this.#end(`it exited with code ${code}`));
  }

  /** Calls the leader lock. @throws its error; {@link LockWorkerError} if the thread ends in the meantime. */
  call<Call extends LockCall>(call: Call, ...args: ArgumentsOf<Call>): Promise<ReplyTo<Call>> {
    return new Promise<ReplyTo<Call>>((resolve, reject) => {
      if (this.#ended !== null) return reject(new LockWorkerError(this.#ended));
      const id = ++this.#sent;
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.ref();
      this.#send({ call, id, args });
    });
  }

  /** Sends an order, which is carried out at once and has no reply. */
  order(order: LockOrder, reason: string): void {
    this.#send({ order, reason });
  }

  /** Drops the lock session and ends the thread; by force if it does not end by itself. */
  async end(reason: string): Promise<void> {
    this.#isEnding = true;
    if (this.#ended !== null) return;
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.ref();
    this.order('end', reason);
    await withTimeout(END_LIMIT_MS, exited, () => {});
    if (this.#ended === null) await withTimeout<unknown>(END_LIMIT_MS, this.#worker.terminate(), () => {});
  }

  /** Ends the thread by force and calls `onEnd`. */
  kill(reason: string): void {
    this.#end(reason);
    void this.#worker.terminate();
  }

  #send(content: SentCall | { order: LockOrder; reason: string }): void {
    const request: LockRequest = { ...content, url: this.#options.url(), server: this.#servers.found };
    this.#worker.postMessage(request);
  }

  #receive(message: LockThreadMessage): void {
    if (this.#ended !== null) return;
    this.#servers.follow(message.server);
    if ('found' in message) return;
    if ('lost' in message) return void this.#options.onLost(message.lost, message.cause);
    if ('warn' in message) return void this.#options.onWarning(message.fields, message.warn);
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (this.#waiting.size === 0 && !this.#isEnding) this.#worker.unref();
    if ('error' in message) waiting?.reject(unpackError(message.error));
    else waiting?.resolve(message.value);
  }

  #end(reason: string): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#ignoreServers();
    this.lease.expire();
    for (const { reject } of this.#waiting.values()) reject(new LockWorkerError(reason));
    this.#waiting.clear();
    if (!this.#isEnding) this.#options.onEnd(reason);
  }
}

/** Returns the program of the thread. */
function lockWorker(): URL {
  if (IS_BUILT) return pathToFileURL(path.join(PACKAGE_ROOT, 'dist', 'lock-worker.js'));
  const file = new URL('lock-worker.ts', import.meta.url).href;
  // A thread does not start with `--import tsx`, so this program loads it.
  const source = `
    import { register } from 'node:module';
    register('tsx/esm', { parentURL: '${file}', data: {} });
    await import('${file}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { messageOf } from '../../message-of.ts';
import { IS_BUILT, PACKAGE_ROOT } from '../../package-root.ts';
import { within } from '../../within.ts';
import { Lease } from './lease.ts';
import {
  type AnswerOf,
  type ArgumentsOf,
  type LockCall,
  type LockNews,
  type LockRequest,
  type LockWorkerData,
  unpackError,
} from './lock-channel.ts';
import { SignOfLife } from './sign-of-life.ts';

/** What a node's log calls it. */
export const THREAD = 'the thread that keeps the leader lock';

/** Raised where the thread that keeps the leader lock cannot be started or has ended: nothing could be asked. */
export class LockWorkerError extends Error {
  override readonly name = 'LockWorkerError';

  constructor(reason: string) {
    super(`${THREAD} does not run: ${reason}`);
  }
}

/** What a {@link LockWorkerLink} is made of. */
export interface LockWorkerLinkOptions extends Omit<LockWorkerData, 'lease' | 'owner' | 'keeper'> {
  url(): string;
  owner: SignOfLife;
  onLost(reason: string): void;
  onWarning(fields: object, sentence: string): void;
  /** Called once, when the thread has ended by itself, with why. */
  onEnd(reason: string): void;
  limits?: WorkerOptions['resourceLimits'];
  /** Default: lock-worker.ts. */
  program?: URL;
}

/** A thread that leaks is ended by these; it needs a tenth of them, three tenths where it compiles TypeScript. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };
/** For a thread that was told to end, which takes milliseconds. */
const END_LIMIT_MS = 1000;

/** One life of the thread that keeps the leader lock (lock-worker.ts), and what the main thread says to it. */
export class LockWorkerLink {
  readonly lease: Lease;
  /** Of the thread. */
  readonly life = new SignOfLife();
  readonly #options: LockWorkerLinkOptions;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #asked = 0;
  #ended: string | null = null;
  #isEnding = false;

  /** Starts the thread. @throws where the system gives none; other failures come as `onEnd`. */
  constructor(options: LockWorkerLinkOptions) {
    const { session, node, leaseMs, owner, limits = LIMITS, program = lockWorker() } = options;
    this.#options = options;
    this.lease = new Lease({ leaseMs });
    const memory = { lease: this.lease.memory, owner: owner.memory, keeper: this.life.memory };
    const workerData: LockWorkerData = { session, node, leaseMs, ...memory };
    // What NODE_OPTIONS and the command line load is the main thread's.
    const inherits = { env: {}, execArgv: [] };
    this.#worker = new Worker(program, { name: 'lock', workerData, ...inherits, resourceLimits: limits });
    // Only an answer that is waited for keeps the process.
    this.#worker.unref();
    this.#worker.on('message', (news: LockNews) => this.#hear(news));
    this.#worker.on('error', (error) => this.#end(messageOf(error)));
    this.#worker.on('exit', (code) => this.#end(`it ended with ${code}`));
  }

  /** Asks and answers as the keeper does. @throws its error; {LockWorkerError} where the thread ends meanwhile. */
  call<Call extends LockCall>(call: Call, ...args: ArgumentsOf<Call>): Promise<AnswerOf<Call>> {
    return new Promise<AnswerOf<Call>>((resolve, reject) => {
      if (this.#ended !== null) return reject(new LockWorkerError(this.#ended));
      const id = ++this.#asked;
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.ref();
      this.#send({ call, id, args, url: this.#options.url() });
    });
  }

  /** Gives an order, which is obeyed at once and not answered. */
  order(order: 'interrupt' | 'abandon' | 'end', reason: string): void {
    this.#send({ order, reason, url: this.#options.url() });
  }

  /** Drops the lock session and ends the thread; by force where it does not end by itself. */
  async end(reason: string): Promise<void> {
    this.#isEnding = true;
    if (this.#ended !== null) return;
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.ref();
    this.order('end', reason);
    await within(END_LIMIT_MS, exited);
    if (this.#ended === null) await within(END_LIMIT_MS, this.#worker.terminate());
  }

  /** Ends the thread by force; `onEnd` is called. */
  kill(reason: string): void {
    this.#end(reason);
    void this.#worker.terminate();
  }

  #send(request: LockRequest): void {
    this.#worker.postMessage(request);
  }

  #hear(news: LockNews): void {
    if (this.#ended !== null) return;
    if ('lost' in news) return void this.#options.onLost(news.lost);
    if ('warn' in news) return void this.#options.onWarning(news.fields, news.warn);
    const waiting = this.#waiting.get(news.id);
    this.#waiting.delete(news.id);
    if (this.#waiting.size === 0 && !this.#isEnding) this.#worker.unref();
    if ('error' in news) waiting?.reject(unpackError(news.error));
    else waiting?.resolve(news.value);
  }

  #end(reason: string): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
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

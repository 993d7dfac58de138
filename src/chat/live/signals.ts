import { randomBytes } from 'node:crypto';
import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import type { Log } from '../../log/log.ts';
import { type LiveSignal, parseLiveSignal } from './signal.ts';
import { seal, unseal } from './signal-seal.ts';

/** Options of {@link Signals}. */
export interface SignalsOptions {
  session: Pick<ReconnectingSession, 'query' | 'ready'>;
  log: Pick<Log, 'debug'>;
  /** Called for each signal of this node and of others, once. */
  onSignal(signal: LiveSignal): void;
}

const LIMIT_MS = 1000;
/** Maximum number of nodes whose last signal number is remembered. The next signal of a forgotten node counts as new. */
const MAX_NODES = 64;
/** A signal that cannot be decrypted is forged, or the key was replaced. The key is read again, but not more often than this. */
const KEY_AGE_MS = 10_000;
/** Maximum number of signals that wait while a call is under way. More are dropped. */
const MAX_WAITING = 256;

/**
 * Sends signals to all nodes of this database, as notifications, and receives theirs. Signals may be lost, since nothing
 * depends on them. A failure is ignored and delays nothing else, because signals have a session of their own. A replayed signal is
 * ignored, because its number is not new.
 */
export class Signals {
  /** Identifies this process in its signals: {@link LiveSignal.from}. */
  readonly name = randomBytes(6).toString('hex');
  readonly #options: SignalsOptions;
  readonly #numbers = new Map<string, number>();
  #waiting: Omit<LiveSignal, 'from' | 'number'>[] = [];
  #isSending = false;
  #number = 0;
  #key: Buffer | null = null;
  #keyReadAt = Number.NEGATIVE_INFINITY;
  #sent = 0;

  constructor(options: SignalsOptions) {
    this.#options = options;
  }

  /** The number of notifications that were sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Queues signals, which are sent in one call as soon as the call under way has ended. */
  send(signals: readonly Omit<LiveSignal, 'from' | 'number'>[]): void {
    this.#waiting.push(...signals.slice(0, MAX_WAITING - this.#waiting.length));
    if (!this.#isSending) void this.#sendAll();
  }

  /** Handles a notification; `payload` may be anything, because any session of the database can send one. */
  receive(payload: unknown): void {
    if (typeof payload !== 'string') return;
    const text = this.#key === null ? null : unseal(payload, this.#key);
    if (text === null) return void this.#readKey().catch(() => {});
    const signal = parseLiveSignal(text);
    if (signal === null || signal.number <= (this.#numbers.get(signal.from) ?? 0)) return;
    this.#numbers.delete(signal.from);
    this.#numbers.set(signal.from, signal.number);
    const [oldest] = this.#numbers.keys();
    if (this.#numbers.size > MAX_NODES && oldest !== undefined) this.#numbers.delete(oldest);
    this.#options.onSignal(signal);
  }

  /** Reads the key, without which no signal can be decrypted. Never rejects. */
  async start(): Promise<void> {
    await this.#readKey().catch((error) =>
      this.#options.log.debug({ err: error }, 'the key of signals cannot be read'),
    );
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const signals = this.#waiting;
      this.#waiting = [];
      try {
        await this.#sendOnce(signals);
      } catch (error) {
        this.#options.log.debug({ err: error }, 'signals were not sent');
      }
    }
    this.#isSending = false;
  }

  async #sendOnce(signals: readonly object[]): Promise<void> {
    const { session } = this.#options;
    await session.ready();
    // Even if this node has one: a DBA may have replaced it, and the other nodes use the new one.
    await this.#readKey().catch(() => {});
    const key = this.#key;
    if (key === null) return;
    const sealed = signals.map((signal) =>
      seal(JSON.stringify({ from: this.name, number: ++this.#number, ...signal }), key),
    );
    const statement = { name: 'send_signals', text: 'SELECT plantao.send_signals($1::text[])', values: [sealed] };
    await session.query(statement, LIMIT_MS);
    this.#sent += sealed.length;
  }

  async #readKey(): Promise<void> {
    if (performance.now() - this.#keyReadAt < KEY_AGE_MS) return;
    this.#keyReadAt = performance.now();
    const { session } = this.#options;
    await session.ready();
    const statement = { name: 'signal_key', text: 'SELECT key FROM plantao.signal_key' };
    const [row] = await session.query<{ key: Buffer }>(statement, LIMIT_MS);
    this.#key = row?.key ?? null;
  }
}

/// <reference lib="dom" />
import {
  type ApiResponse,
  type ChatEvent,
  type Ephemeral,
  newIdempotencyKey,
  type PollSource,
} from '../../../../client/index.ts';
import { PollLog, type PollPart } from './poll-log.ts';

/** A message between the tabs of one user. `held`: the polling tab will respond when its poll ends. */
type TabMessage =
  | { kind: 'request'; id: string; cursor: string }
  | { kind: 'held' | 'unknown'; id: string }
  | { kind: 'response'; id: string; part: PollPart }
  | { kind: 'signals'; signals: readonly Ephemeral[] };

type Reply = Extract<TabMessage, { id: string }>;

/** How long a tab waits to hear from the polling tab before it polls for itself, in milliseconds. */
const HELD_TIMEOUT_MS = 1500;
/** After this time no response is expected: the polling tab was closed. */
const RESPONSE_TIMEOUT_MS = 40_000;

/**
 * Lets one tab poll for all tabs of a user. No event is lost in any case: each tab follows its own cursor, and polls for
 * itself whenever the other one cannot help. `onSignals` receives the signals that another tab's poll has brought.
 */
export function sharePolls(
  userId: number,
  signal: AbortSignal,
  onSignals: (signals: readonly Ephemeral[]) => void,
): (source: PollSource) => PollSource {
  const name = `plantao.polls.${userId}`;
  // Browsers have locks only on https and on localhost.
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  if (locks === undefined || !('BroadcastChannel' in globalThis)) return (source) => source;
  const tabs = new Tabs(new BroadcastChannel(name), onSignals);
  signal.addEventListener('abort', () => tabs.close());
  const held = () => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  const lead = () => {
    tabs.lead();
    return held();
  };
  locks.request(name, { signal }, lead).catch(() => {});
  return (source) => ({
    now: source.now,
    poll: async (cursor, wantsEphemeral, ending) => {
      const part = await tabs.request(cursor, ending);
      if (part !== undefined) return responseOf(part);
      tabs.polling(cursor);
      const response = await source.poll(cursor, wantsEphemeral, ending);
      tabs.polled(cursor, response);
      return response;
    },
  });
}

/** This tab's side of the conversation between tabs. */
class Tabs {
  readonly #channel: BroadcastChannel;
  readonly #onSignals: (signals: readonly Ephemeral[]) => void;
  readonly #log = new PollLog();
  /** The requests of other tabs that wait for the next poll. */
  #waiting = new Map<string, string>();
  /** Ends this tab's own requests. */
  readonly #requests = new Map<string, (message: Reply | undefined) => void>();
  #isLeader = false;

  constructor(channel: BroadcastChannel, onSignals: (signals: readonly Ephemeral[]) => void) {
    this.#channel = channel;
    this.#onSignals = onSignals;
    channel.onmessage = ({ data }: MessageEvent<TabMessage>) => this.#receive(data);
  }

  /** Makes this tab the one that polls for all. */
  lead(): void {
    this.#isLeader = true;
    for (const end of this.#requests.values()) end(undefined);
  }

  close(): void {
    for (const end of this.#requests.values()) end(undefined);
    this.#channel.close();
  }

  /** Requests the events after a cursor from the polling tab. Resolves to undefined if this tab must poll for itself. */
  async request(cursor: string, ending: AbortSignal): Promise<PollPart | undefined> {
    if (this.#isLeader) return undefined;
    const id = newIdempotencyKey();
    const response = this.#next(id, HELD_TIMEOUT_MS, ending);
    this.#send({ kind: 'request', id, cursor });
    let message = await response;
    while (message?.kind === 'held') message = await this.#next(id, RESPONSE_TIMEOUT_MS, ending);
    ending.throwIfAborted();
    return message?.kind === 'response' ? message.part : undefined;
  }

  /** Records that this tab begins a poll. */
  polling(cursor: string): void {
    if (this.#isLeader) this.#log.begin(cursor);
  }

  /** Shares the result of this tab's own poll with the other tabs. */
  polled(from: string, { body, headers }: ApiResponse): void {
    const to = typeof body?.cursor === 'string' ? body.cursor : (headers.get('Cursor') ?? from);
    const events = Array.isArray(body?.events) ? (body.events as ChatEvent[]) : [];
    if (!this.#isLeader) return;
    if (to !== from) this.#log.add({ from, to, events });
    const signals = Array.isArray(body?.ephemeral) ? (body.ephemeral as Ephemeral[]) : [];
    if (signals.length > 0) this.#send({ kind: 'signals', signals });
    const hasOnlySignals = signals.length > 0 && events.length === 0;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [id, cursor] of waiting) {
      const part = this.#log.after(cursor);
      const hasNews = typeof part === 'object' ? part.events.length > 0 : part === 'unknown';
      if (hasOnlySignals && !hasNews) this.#hold(id, cursor);
      // The poll has brought nothing for that tab, which then requests again.
      else this.#post(id, part === 'wait' ? { from: cursor, to: cursor, events: [] } : part);
    }
  }

  #receive(message: TabMessage): void {
    if (message.kind === 'signals') this.#onSignals(message.signals);
    else if (message.kind !== 'request') this.#requests.get(message.id)?.(message);
    else if (this.#isLeader) this.#respond(message.id, message.cursor);
  }

  #respond(id: string, cursor: string): void {
    const part = this.#log.after(cursor);
    if (part === 'wait') this.#hold(id, cursor);
    else this.#post(id, part);
  }

  #hold(id: string, cursor: string): void {
    this.#waiting.set(id, cursor);
    this.#send({ kind: 'held', id });
  }

  #post(id: string, part: PollPart | 'unknown'): void {
    this.#send(part === 'unknown' ? { kind: 'unknown', id } : { kind: 'response', id, part });
  }

  #send(message: TabMessage): void {
    this.#channel.postMessage(message);
  }

  /** Resolves to the next message about a request; to undefined if there is none in time. */
  #next(id: string, withinMs: number, ending: AbortSignal): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      const end = (message?: Reply) => {
        clearTimeout(timer);
        ending.removeEventListener('abort', stop);
        this.#requests.delete(id);
        resolve(message);
      };
      const stop = () => end();
      const timer = setTimeout(end, withinMs);
      ending.addEventListener('abort', stop);
      this.#requests.set(id, end);
    });
  }
}

function responseOf({ events, to }: PollPart): ApiResponse {
  return { status: 200, body: { events, cursor: to }, headers: new Headers() };
}

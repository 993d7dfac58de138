import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * An opening that the server has accepted but not finished after this time counts as hanging. Usually it takes 20 ms, and a second
 * on an overloaded machine.
 */
const HANGS_AFTER_MS = 2000;
/** An opening that was given up sooner says nothing about the server. */
const GIVEN_UP_AFTER_MS = 1000;
/** The pause between the first two trials while openings hang, which doubles up to {@link MAX_PAUSE_MS}. Earlier trials go on. */
const FIRST_PAUSE_MS = 6000;
const MAX_PAUSE_MS = 30_000;
/** If no session was requested for this long, the trials end and the gate opens. */
const IDLE_MS = 10_000;

/** One opening, as an {@link OpeningGate} follows it. */
export interface WatchedOpening {
  /** Called when the server has opened the session, or refused it. */
  responded(): void;
}

/**
 * Holds back the openings of sessions to one database while they hang in PostgreSQL's start-up, as under LOCK TABLE pg_authid. A
 * server process that waits there does not notice that its client has gone: each further opening would leave one more, up to
 * max_connections. So the openings wait for a trial, one at a time and ever less often, and go on as soon as the server responds
 * to any of them. Nothing is held back because a server refuses or drops connections, or accepts none.
 */
export class OpeningGate {
  readonly #tryToOpen: (signal: AbortSignal) => Promise<void>;
  readonly #waiting = new Set<() => void>();
  /** Not null while openings hang; aborted when they no longer do. */
  #trials: AbortController | null = null;
  #requestedAt = 0;

  /** `tryToOpen` opens a session and closes it, until `signal`. Resolves when the server has responded, or cannot be reached. */
  constructor(tryToOpen: (signal: AbortSignal) => Promise<void>) {
    this.#tryToOpen = tryToOpen;
  }

  /** Resolves when `socket` may be connected, or is closed. */
  async pass(socket: Socket): Promise<void> {
    this.#requestedAt = performance.now();
    if (!this.#trials || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#waiting.add(resolve);
      socket.once('close', () => {
        this.#waiting.delete(resolve);
        resolve();
      });
    });
  }

  /** Follows the opening on `socket`, which is being connected. */
  watch(socket: Socket): WatchedOpening {
    let connectedAt: number | null = null;
    let hasEnded = false;
    let timer: NodeJS.Timeout | undefined;
    const connected = () => {
      connectedAt = performance.now();
      timer = setTimeout(() => this.#hangs(), HANGS_AFTER_MS).unref();
    };
    const ended = () => {
      hasEnded = true;
    };
    const closed = () => {
      clearTimeout(timer);
      // An error of the system has a code: the connection was reset.
      const isGivenUp = !hasEnded && !(socket.errored && 'code' in socket.errored);
      if (connectedAt === null || !isGivenUp) return;
      if (performance.now() - connectedAt >= GIVEN_UP_AFTER_MS) this.#hangs();
    };
    socket.once('connect', connected).once('end', ended).once('close', closed);
    return {
      responded: () => {
        clearTimeout(timer);
        socket.off('connect', connected).off('end', ended).off('close', closed);
        this.#open();
      },
    };
  }

  #hangs(): void {
    if (this.#trials) return;
    this.#trials = new AbortController();
    // Each trial listens until the end.
    setMaxListeners(0, this.#trials.signal);
    void this.#keepTrying(this.#trials.signal);
  }

  async #keepTrying(signal: AbortSignal): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      if (performance.now() - this.#requestedAt > IDLE_MS) return this.#open();
      void this.#tryToOpen(signal).then(
        () => signal.aborted || this.#open(),
        () => {},
      );
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  #open(): void {
    this.#trials?.abort();
    this.#trials = null;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

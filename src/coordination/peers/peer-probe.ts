import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Clock } from '../clock.ts';

/** What a peer's `/health` said, in the words of api.md. */
export interface PeerHealth {
  node: string;
  alive: boolean;
  active: boolean;
  term: number;
  /** Null where it names none. */
  cluster: string | null;
  epoch: string | null;
}

/** What a {@link PeerProbe} tells its owner. */
export interface PeerProbeEvents {
  /**
   * An answer, and when its question was sent: what it says was true at that time or later. False where it is none of a
   * peer, and counts as none.
   */
  onAnswer(probe: PeerProbe, health: PeerHealth, askedAt: number): boolean;
  /** The first sign that it is silent: a closed connection or a failed question after an answer, or after nothing. */
  onSilence(probe: PeerProbe): void;
}

const health = z.object({
  status: z.string(),
  active: z.boolean(),
  node: z.string(),
  term: z.number().nullable(),
  cluster: z.string().nullish(),
  epoch: z.string().nullish(),
});

/** A health answer is a few hundred bytes; more is not a health answer. */
const ANSWER_LIMIT_BYTES = 64 * 1024;

/**
 * Asks one peer's `/health` again and again on a kept-alive connection. The connection itself is the faster probe: a
 * killed process closes it, and that is heard in milliseconds. Probes inform, they never decide.
 */
export class PeerProbe {
  readonly url: string;
  readonly #events: PeerProbeEvents;
  readonly #clock: Clock;
  readonly #client: typeof http | typeof https;
  readonly #agent: http.Agent | https.Agent;
  readonly #watched = new WeakSet<Socket>();
  #asking: http.ClientRequest | null = null;
  #isStopped = false;
  #isSilent = false;
  /** The last answer, or null when the last question got none. */
  health: PeerHealth | null = null;
  /** The name that it last answered by; null before it ever answered. */
  node: string | null = null;

  constructor(url: string, events: PeerProbeEvents, clock: Clock) {
    this.url = url;
    this.#events = events;
    this.#clock = clock;
    this.#client = URL.canParse(url) && new URL(url).protocol === 'https:' ? https : http;
    this.#agent = new this.#client.Agent({ keepAlive: true, maxSockets: 1 });
  }

  /** Asks once, with `limitMs` for the whole answer; at once done while an earlier question is still open. */
  async ask(limitMs: number): Promise<void> {
    if (this.#asking || this.#isStopped) return;
    const askedAt = this.#clock();
    const answer = await this.#request(limitMs);
    if (this.#isStopped) return;
    if (answer === null) return this.#silence();
    const isPeer = this.#events.onAnswer(this, answer, askedAt);
    // Of one that is no peer the silence is no news either.
    this.#isSilent = !isPeer;
    this.health = isPeer ? answer : null;
    if (isPeer) this.node = answer.node;
  }

  stop(): void {
    this.#isStopped = true;
    this.#asking?.destroy();
    this.#agent.destroy();
  }

  #request(limitMs: number): Promise<PeerHealth | null> {
    return new Promise((resolve) => {
      const request = this.#send();
      if (request === null) return resolve(null);
      this.#asking = request;
      const timer = setTimeout(() => request.destroy(), limitMs);
      const done = (answer: PeerHealth | null) => {
        clearTimeout(timer);
        this.#asking = null;
        resolve(answer);
      };
      request.on('socket', (socket) => this.#watch(socket));
      request.on('error', () => done(null));
      request.on('close', () => done(null));
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > ANSWER_LIMIT_BYTES) request.destroy();
        });
        response.on('error', () => done(null));
        response.on('end', () => done(read(text)));
      });
    });
  }

  /** Null where the address is none that can be called: rows of the table of nodes may be written by hand. */
  #send(): http.ClientRequest | null {
    try {
      return this.#client.get(`${this.url}/health`, { agent: this.#agent, headers: { accept: 'application/json' } });
    } catch {
      return null;
    }
  }

  #watch(socket: Socket): void {
    if (this.#watched.has(socket)) return;
    this.#watched.add(socket);
    socket.once('close', () => this.#silence());
  }

  #silence(): void {
    this.health = null;
    if (this.#isSilent || this.#isStopped) return;
    this.#isSilent = true;
    this.#events.onSilence(this);
  }
}

function read(text: string): PeerHealth | null {
  try {
    const said = health.safeParse(JSON.parse(text));
    if (!said.success) return null;
    const { status, active, node, term, cluster = null, epoch = null } = said.data;
    return { node, alive: status === 'alive', active, term: term ?? 0, cluster, epoch };
  } catch {
    return null;
  }
}

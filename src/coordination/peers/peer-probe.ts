import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Clock } from '../../async/clock.ts';
import { otherDns } from '../../network/dns-cache.ts';
import { HTTP_PARSING } from '../../network/http-parsing.ts';

/** A peer's `/health`. */
export interface PeerHealth {
  node: string;
  alive: boolean;
  active: boolean;
  term: number;
  /** Null if it names none. */
  cluster: string | null;
  epoch: string | null;
}

/** Callbacks of a {@link PeerProbe}. */
export interface PeerProbeEvents {
  /**
   * Called with a response and the time at which its request was sent: the response was true at that time or later. Returns
   * false if it does not come from a peer; then it does not count.
   */
  onHealth(probe: PeerProbe, health: PeerHealth, sentAt: number): boolean;
  /** Called at the first sign of silence after a response, or at the start: a closed connection or a failed request. */
  onSilence(probe: PeerProbe): void;
}

const healthSchema = z.object({
  status: z.string(),
  active: z.boolean(),
  node: z.string(),
  term: z.number().nullable(),
  cluster: z.string().nullish(),
  epoch: z.string().nullish(),
});

/** A health response has a few hundred bytes; anything larger is something else. */
const RESPONSE_LIMIT_BYTES = 64 * 1024;

/**
 * Requests one peer's `/health` repeatedly on a kept-alive connection. The connection itself is the faster probe: a
 * killed process closes it, which is noticed in milliseconds. A proxy between the nodes closes connections too, so a closed one
 * counts as silence only if a request on a new one fails. Probes inform, they never decide.
 */
export class PeerProbe {
  readonly url: string;
  readonly #events: PeerProbeEvents;
  readonly #clock: Clock;
  readonly #client: typeof http | typeof https;
  readonly #agent: http.Agent | https.Agent;
  readonly #watched = new WeakSet<Socket>();
  #request: http.ClientRequest | null = null;
  #limitMs = 0;
  /** After each probe, a closed connection causes one more request at most: a peer may close every connection. */
  #mayProbeAgain = false;
  #isStopped = false;
  #isSilent = false;
  /** True while this side closes the connection, because a response is late or too long. */
  #isGivingUp = false;
  /** The last response, or null if the last request had none. */
  health: PeerHealth | null = null;
  /** The name in its last response; null before the first. */
  node: string | null = null;
  /** When an active peer closed the connection after its last response: if its process died, it died then. Null if it has not. */
  closedAt: number | null = null;

  constructor(url: string, events: PeerProbeEvents, clock: Clock) {
    this.url = url;
    this.#events = events;
    this.#clock = clock;
    this.#client = URL.canParse(url) && new URL(url).protocol === 'https:' ? https : http;
    this.#agent = new this.#client.Agent({ keepAlive: true, maxSockets: 1, lookup: otherDns.lookup });
  }

  /** Sends one request, with `limitMs` for the whole response. Does nothing while an earlier request is still open. */
  async probe(limitMs: number): Promise<void> {
    if (this.#request || this.#isStopped) return;
    this.#limitMs = limitMs;
    this.#mayProbeAgain = true;
    await this.#probe(limitMs);
  }

  async #probe(limitMs: number): Promise<void> {
    let sentAt = this.#clock();
    let health = await this.#fetch(limitMs);
    if (health === 'closed' && !this.#isStopped) {
      this.#mayProbeAgain = false;
      sentAt = this.#clock();
      health = await this.#fetch(limitMs);
    }
    if (this.#isStopped) return;
    if (health === null || health === 'closed') return this.#silence();
    this.closedAt = null;
    const isPeer = this.#events.onHealth(this, health, sentAt);
    // A later silence is not reported if this was not a peer.
    this.#isSilent = !isPeer;
    this.health = isPeer ? health : null;
    if (isPeer) this.node = health.node;
  }

  stop(): void {
    this.#isStopped = true;
    this.#request?.destroy();
    this.#agent.destroy();
  }

  /** Resolves with `closed` if the peer, or a proxy, closed the kept-alive connection instead of responding. */
  #fetch(limitMs: number): Promise<PeerHealth | 'closed' | null> {
    return new Promise((resolve) => {
      const request = this.#send();
      if (request === null) return resolve(null);
      this.#request = request;
      this.#isGivingUp = false;
      let isOver = false;
      const giveUp = () => {
        isOver = true;
        this.#isGivingUp = true;
        request.destroy();
      };
      // After a stall of this process, timers run before sockets: a response that has already arrived is read first.
      const timer = setTimeout(() => setImmediate(giveUp), limitMs);
      const done = (health: PeerHealth | 'closed' | null) => {
        clearTimeout(timer);
        this.#request = null;
        resolve(health);
      };
      const failed = () => done(request.reusedSocket && !isOver ? 'closed' : null);
      request.on('socket', (socket) => this.#watch(socket));
      request.on('error', failed);
      request.on('close', failed);
      request.on('response', (response) => {
        isOver = true;
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > RESPONSE_LIMIT_BYTES) giveUp();
        });
        response.on('error', () => done(null));
        response.on('end', () => done(parse(text)));
      });
    });
  }

  /** Returns null if the address cannot be called: a DBA may write any row into plantao.nodes. */
  #send(): http.ClientRequest | null {
    try {
      const headers = { accept: 'application/json' };
      return this.#client.get(`${this.url}/health`, { ...HTTP_PARSING, agent: this.#agent, headers });
    } catch {
      return null;
    }
  }

  #watch(socket: Socket): void {
    if (this.#watched.has(socket)) return;
    this.#watched.add(socket);
    socket.once('close', () => {
      if (!this.#isGivingUp && this.health?.active) this.closedAt ??= this.#clock();
      if (this.#request || this.#isStopped || !this.#mayProbeAgain) return;
      this.#mayProbeAgain = false;
      void this.#probe(this.#limitMs);
    });
  }

  #silence(): void {
    this.health = null;
    if (this.#isSilent || this.#isStopped) return;
    this.#isSilent = true;
    this.#events.onSilence(this);
  }
}

function parse(text: string): PeerHealth | null {
  try {
    const parsed = healthSchema.safeParse(JSON.parse(text));
    if (!parsed.success) return null;
    const { status, active, node, term, cluster = null, epoch = null } = parsed.data;
    return { node, alive: status === 'alive', active, term: term ?? 0, cluster, epoch };
  } catch {
    return null;
  }
}

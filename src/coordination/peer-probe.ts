import http from 'node:http';
import https from 'node:https';
import { z } from 'zod';

/** What a peer's `/health` said, in the words of api.md; null while it did not answer. */
export interface PeerHealth {
  node: string;
  alive: boolean;
  active: boolean;
  term: number;
}

const health = z.object({
  status: z.string(),
  active: z.boolean(),
  node: z.string(),
  term: z.number().nullable(),
});

/** A health answer is a few hundred bytes; more is not a health answer. */
const ANSWER_LIMIT_BYTES = 64 * 1024;

/**
 * Asks one peer's `/health` again and again on a kept-alive connection. The connection itself is the faster probe: a
 * killed process closes it, and that is heard in milliseconds ({@link onClosed}). Probes inform, they never decide.
 */
export class PeerProbe {
  readonly url: string;
  readonly #agent: http.Agent | https.Agent;
  readonly #onClosed: () => void;
  #asking: http.ClientRequest | null = null;
  #stopped = false;
  /** The last answer, or null when the last question got none. */
  health: PeerHealth | null = null;
  /** True once a question has been answered or has failed. */
  asked = false;

  constructor(url: string, onClosed: () => void) {
    this.url = url;
    this.#onClosed = onClosed;
    const options = { keepAlive: true, maxSockets: 1 };
    this.#agent = url.startsWith('https:') ? new https.Agent(options) : new http.Agent(options);
  }

  /** Asks once, with `limitMs` for the whole answer; at once done while an earlier question is still open. */
  async ask(limitMs: number): Promise<void> {
    if (this.#asking || this.#stopped) return;
    this.health = await this.#request(limitMs);
    this.asked = true;
  }

  stop(): void {
    this.#stopped = true;
    this.#asking?.destroy();
    this.#agent.destroy();
  }

  #request(limitMs: number): Promise<PeerHealth | null> {
    return new Promise((resolve) => {
      const client = this.url.startsWith('https:') ? https : http;
      const request = client.get(`${this.url}/health`, { agent: this.#agent, headers: { accept: 'application/json' } });
      this.#asking = request;
      const timer = setTimeout(() => request.destroy(), limitMs);
      const done = (answer: PeerHealth | null) => {
        clearTimeout(timer);
        this.#asking = null;
        resolve(answer);
      };
      request.on('socket', (socket) => {
        if (socket.listenerCount('close', this.#heardClose) === 0) socket.on('close', this.#heardClose);
      });
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

  readonly #heardClose = (): void => {
    if (!this.#stopped) this.#onClosed();
  };
}

function read(text: string): PeerHealth | null {
  try {
    const said = health.safeParse(JSON.parse(text));
    if (!said.success) return null;
    const { status, active, node, term } = said.data;
    return { node, alive: status === 'alive', active, term: term ?? 0 };
  } catch {
    return null;
  }
}

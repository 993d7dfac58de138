import { setTimeout as sleep } from 'node:timers/promises';
import { get, type JsonObject } from '../../support/network/http.ts';

/** An event as polls show it. */
export interface ShownEvent extends JsonObject {
  cursor: string;
  kind: string;
  message?: { id: number; content: string };
}

interface PollBody {
  cursor: string;
  events: ShownEvent[];
}

/** A client that polls again after each response, with the cursor of that response, and keeps all events. */
export class Follower {
  readonly events: ShownEvent[] = [];
  readonly #leaving = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #url: string;
  readonly #query: string;
  cursor: string;
  /** Responses other than 200 and 204, as `status code`. */
  readonly refusals: string[] = [];

  private constructor(url: string, query: string, cursor: string) {
    this.#url = url;
    this.#query = query;
    this.cursor = cursor;
  }

  /** Follows `query` (e.g. `subscribe/user?user_id=1`) on the node at `url`, from `cursor` on. */
  static start(url: string, query: string, cursor: string): Follower {
    const follower = new Follower(url, query, cursor);
    follower.#loop = follower.#run();
    return follower;
  }

  /** The texts of the messages that it has received. */
  get texts(): string[] {
    return this.events.flatMap(({ message }) => (message ? [message.content] : []));
  }

  /** Continues on another node. */
  moveTo(url: string): void {
    this.#url = url;
  }

  async stop(): Promise<void> {
    this.#leaving.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      const asked = `${this.#url}/${this.#query}&cursor=${this.cursor}&timeout=5`;
      const response = await get<PollBody & { code?: string }>(asked, { signal, deadline: 20_000 }).catch(() => null);
      if (signal.aborted) return;
      if (response?.status === 200) {
        this.events.push(...response.body.events);
        this.cursor = response.body.cursor;
      } else if (response?.status === 204) {
        this.cursor = String(response.headers.cursor);
      } else {
        if (response) this.refusals.push(`${response.status} ${response.body.code}`);
        await sleep(20);
      }
    }
  }
}

import { ChatError } from '../../../client/index.ts';
import { allowedFetch } from '../../shared/allowed-fetch.ts';
import { noteTime } from '../../shared/node-time.ts';

/** Longer than a healthy node takes under load, short enough that the page moves on from a frozen one. */
const TIMEOUT_MS = 2500;

/** Options of one request. */
export interface ReadOptions {
  method?: string;
  body?: unknown;
  token?: string | undefined;
  timeoutMs?: number;
}

/** Sends one request to one node and returns the body. @throws {ChatError} with the node's code, or `unreachable`. */
export async function callNode<T>(address: string, { method = 'GET', ...options }: ReadOptions = {}): Promise<T> {
  const { body, token, timeoutMs = TIMEOUT_MS } = options;
  let response: Response;
  let content: unknown;
  try {
    response = await allowedFetch(address, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
      cache: 'no-store',
    });
    noteTime(response);
    content = await response.json();
  } catch (error) {
    throw new ChatError(`no response from ${address}`, { code: 'unreachable', cause: error });
  }
  const { code, error } = content as { code?: string; error?: string };
  if (code !== undefined) throw new ChatError(error ?? code, { code, status: response.status });
  return content as T;
}

/** Reads from one node while it responds, and moves to another when it does not. Every node knows the whole cluster. */
export class NodeReader {
  readonly #onMove: (from: string, to: string) => void;
  #urls: readonly string[];
  #current: string;

  /** `base` is the address of the page, which may be that of a proxy. */
  constructor(base: string, onMove: (from: string, to: string) => void) {
    this.#urls = [base];
    this.#current = base;
    this.#onMove = onMove;
  }

  /** The address that the page reads from. */
  get current(): string {
    return this.#current;
  }

  /** Adds addresses of nodes. */
  learn(urls: readonly string[]): void {
    this.#urls = [...new Set([...this.#urls, ...urls])];
  }

  /** Reads from the current node, or from the first other node that responds. @throws {ChatError} the last error if none does. */
  async read<T>(path: string, token?: string): Promise<T> {
    const first = this.#current;
    let failure: unknown;
    for (const url of [first, ...this.#urls.filter((one) => one !== first)]) {
      try {
        const content = await callNode<T>(url + path, { token });
        this.#use(first, url);
        return content;
      } catch (error) {
        failure = error;
        // Another node would refuse it as well.
        if (error instanceof ChatError && error.status >= 400 && error.status < 500) break;
      }
    }
    throw failure;
  }

  /** Makes `url` the current node, unless another read has changed it since this one began with `first`. */
  #use(first: string, url: string): void {
    if (url === this.#current || first !== this.#current) return;
    this.#current = url;
    this.#onMove(first, url);
  }
}

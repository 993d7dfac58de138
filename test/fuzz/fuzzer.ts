import http from 'node:http';
import fc from 'fast-check';
import type pg from 'pg';
import { eventually } from '../support/eventually.ts';
import { Contract } from '../support/network/contract.ts';
import { get } from '../support/network/http.ts';
import { People } from '../support/network/people.ts';
import type { NodeProcess } from '../support/nodes/node-process.ts';
import { type GeneratedRequest, type ModelReference, requestsForAll } from './generated-request.ts';
import { Model } from './model.ts';
import { rawRequests, SMUGGLED_NAME, sendRaw } from './raw-request.ts';
import { sweepRequests } from './sweep.ts';

/** Start options of a node to be fuzzed, in addition to its database. */
export const FUZZED_NODE = {
  imports: ['test/fuzz/loop-watch.ts'],
  env: { SIGN_IN_TRIES: '1000000', SIGN_IN_TRIES_OF_ADDRESS: '1000000', TRUST_PROXY: '1' },
};

/** Options of a fuzz run. */
export interface FuzzOptions {
  /** Started with {@link FUZZED_NODE}. */
  node: NodeProcess;
  sql: pg.Client;
  auth: 'open' | 'token';
  seed: number;
  /** The run ends at the first of these two limits. */
  requests: number;
  seconds: number;
  onProgress?(progress: FuzzProgress): void;
}

/** The progress of a run. */
export interface FuzzProgress {
  requests: number;
  raw: number;
  statuses: Map<number, number>;
}

/** Types of a body that POST /hooks/{token} reads as the text of the message; one without a type is text too. */
const PLAIN_TEXT = /^(?:text\/plain|application\/x-www-form-urlencoded)/;

/** Longer than any response may take: no poll is sent with a timeout. */
const HANG_MS = 10_000;
const BATCH = 400;
/** Files that the node's connection pool may open during the run, with a margin; a leak would be thousands. */
const POOL_SIZE = 15;
/** Text that reveals internals: a stack trace, a path, SQL, a driver. */
const INTERNALS = /node_modules|\.ts:\d+|\n\s+at |Sequelize|SQLSTATE|syntax error|INSERT INTO|SELECT .* FROM/;
/** Operations that change the node's role, its log or the signed-in users; other tests cover them. */
const EXCLUDED = {
  open: new Set([
    'POST /fall',
    'POST /revive',
    'POST /switchover',
    'POST /pause',
    'POST /log-level',
    'POST /delete-account',
  ]),
  token: new Set([
    'POST /logout',
    'DELETE /tokens',
    'DELETE /sessions',
    'POST /delete-account',
    'POST /register',
    'POST /login',
  ]),
};

/**
 * Sends valid and invalid requests, generated from the node's own OpenAPI document, and checks every response against it.
 * Writes are sequential, so that the model knows the expected state; reads and raw requests run concurrently.
 * @throws Error with the seed and the request at the first 500, hang, undocumented response or blocked event loop.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzProgress> {
  const run = new FuzzRun(options, await Contract.of(options.node.url));
  return run.run();
}

class FuzzRun {
  readonly #options: FuzzOptions;
  readonly #contract: Contract;
  readonly #model = new Model();
  readonly #tokens = new Map<number, string>();
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  #blockedBefore = 0;
  readonly #progress: FuzzProgress = { requests: 0, raw: 0, statuses: new Map() };

  constructor(options: FuzzOptions, contract: Contract) {
    this.#options = options;
    this.#contract = contract;
  }

  async run(): Promise<FuzzProgress> {
    const { seed, requests, seconds, sql, onProgress } = this.#options;
    const generator = requestsForAll(this.#contract, EXCLUDED[this.#options.auth]);
    const extraReads = generator.filter((one) => !isWrite(one));
    await this.#populate();
    await this.#warmUp();
    const openBefore = await this.#openFiles();
    try {
      const sweep = sweepRequests(this.#contract, EXCLUDED[this.#options.auth]);
      // Only notifications are accepted, so the model does not need their order.
      await Promise.all(lanes(sweep, 8).map((lane) => sequentially(lane, (one) => this.#execute(one))));
      this.#failWhereBlocked();
      const deadline = performance.now() + seconds * 1000;
      for (
        let batch = 0;
        this.#progress.requests + this.#progress.raw < requests && performance.now() < deadline;
        batch++
      ) {
        const sampled = fc.sample(generator, { numRuns: BATCH, seed: seed + batch });
        const raw = fc.sample(rawRequests, { numRuns: BATCH / 10, seed: seed + batch });
        const writes = sampled.filter(isWrite);
        // Additional reads, because the sequential writes leave time for them.
        const reads = [
          ...sampled.filter((one) => !isWrite(one)),
          ...fc.sample(extraReads, { numRuns: BATCH, seed: seed - batch }),
        ];
        await Promise.all([
          sequentially(writes, (one) => this.#execute(one)),
          ...lanes(reads, 8).map((lane) => sequentially(lane, (one) => this.#execute(one))),
          // A raw request mostly waits for further responses.
          ...lanes(raw, 10).map((lane) =>
            sequentially(lane, async (one) => this.#noteRaw(await sendRaw(this.#options.node.port, one))),
          ),
        ]);
        this.#failWhereBlocked();
        onProgress?.(this.#progress);
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    } finally {
      this.#agent.destroy();
    }
    await this.#checkFinalState(sql, openBefore);
    return this.#progress;
  }

  /** Creates users and groups, on the node and in the model. */
  async #populate(): Promise<void> {
    const people = new People(this.#options.sql);
    const users = [];
    for (let at = 0; at < 6; at++) users.push(await people.newUser(People.name('fuzz')));
    for (const { id, username, token } of users) {
      this.#model.users.set(id, username);
      this.#tokens.set(id, token);
    }
    const groups = [users, users, users, users.slice(0, 2), users.slice(3)];
    for (const [at, members] of groups.entries()) {
      const name = at % 2 === 0 ? 'Geral' : 'Outro';
      const id = await people.group(name, members);
      this.#model.groups.set(id, name);
      for (const member of members) this.#model.members.add(`${id} ${member.id}`);
    }
  }

  /** Requests what is created once and then cached (the document, the pages, compiled code), so that it is not measured. */
  async #warmUp(): Promise<void> {
    for (const [method, path] of this.#contract.operations) {
      if (method === 'GET' && !path.includes('{') && path !== '/events')
        await get(`${this.#options.node.url}${path}?timeout=0`);
    }
    this.#blockedBefore = this.#options.node.events('loop_blocked').length;
  }

  #failWhereBlocked(): void {
    const [blocked] = this.#options.node.events('loop_blocked').slice(this.#blockedBefore);
    if (blocked) throw new Error(`a request blocked the event loop: ${JSON.stringify(blocked)}`);
  }

  async #execute(generated: GeneratedRequest): Promise<void> {
    const sent = this.#resolve(generated);
    const response = await this.#send(sent);
    this.#progress.requests++;
    if (response === null) return;
    this.#progress.statuses.set(response.status, (this.#progress.statuses.get(response.status) ?? 0) + 1);
    this.#check(sent, response);
    const { method, path, fields } = sent;
    if (path === null) return;
    const body = parseJson(response.text);
    const userId = fields.userId ?? this.#callerOf(sent);
    const applied = { ...fields, ...(userId !== undefined && { userId }) };
    if (!this.#model.apply({ method, path, sent: applied, status: response.status, body })) return;
    const changedId = Number(body.user_id);
    const { body: chats } = await get<{ chats: { id: number; name: string }[] }>(
      `${this.#options.node.url}/chats?userId=${changedId}`,
      { headers: this.#bearerOf(changedId) },
    );
    this.#model.applyChats(changedId, chats.chats, method === 'DELETE' ? 'leave' : 'join');
  }

  /** Resolves references. `path` is the path in the document, or null if the document has none for the request. */
  #resolve(generated: GeneratedRequest): ResolvedRequest {
    const known = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(known);
      return isReference(value) ? this.#model.resolve(value) : value;
    };
    const query = generated.query.map(([name, value]): [string, unknown] => [name, known(value)]);
    const body =
      generated.body && Object.fromEntries(Object.entries(generated.body).map(([name, value]) => [name, known(value)]));
    const pathValues = Object.fromEntries(
      Object.entries(generated.pathValues).map(([name, value]) => [name, known(value)]),
    );
    const inPath = generated.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeUrlValue(pathValues[name]));
    const search = query.map(([name, value]) => `${encodeUrlValue(name)}=${encodeUrlValue(value)}`).join('&');
    const url = generated.rawPath ?? (search === '' ? inPath : `${inPath}?${search}`);
    const broken = generated.malformedBody;
    const text = broken ? Buffer.from(broken.text, broken.encoding) : body && Buffer.from(JSON.stringify(body));
    const type = broken ? broken.type : body ? 'application/json' : null;
    const isBodyOnly = generated.method === 'POST' || generated.method === 'PATCH';
    const fields = {
      ...(isBodyOnly || broken === null ? body : {}),
      ...(isBodyOnly ? {} : Object.fromEntries(query)),
      ...(broken && PLAIN_TEXT.test(broken.type ?? 'text/plain') && { content: text?.toString().trimEnd() }),
      ...pathValues,
    };
    return {
      method: generated.method,
      // Without a value for its parameter it is a different path.
      path: /\/(\/|$)/.test(inPath.slice(1)) ? null : this.#documented(generated),
      url,
      text,
      fields,
      headers: {
        ...(type === null ? {} : { 'content-type': type }),
        ...this.#bearerFor(fields, inPath),
        ...generated.headers,
      },
    };
  }

  /** Express ignores case and a trailing slash in a path. */
  #documented({ method, path, rawPath }: GeneratedRequest): string | null {
    const asked = rawPath === null ? path : rawPath.toLowerCase().replace(/(?<=.)\/$/, '');
    return this.#contract.document.paths[asked]?.[method.toLowerCase()] ? asked : null;
  }

  /** Returns the token of the user in the request, and sometimes that of another user. */
  #bearerFor(fields: Record<string, unknown>, path: string): Record<string, string> {
    if (this.#options.auth === 'open') return {};
    const named = fields.userId ?? fields.user_id ?? fields.creatorId ?? /^\/user\/(\d+)/.exec(path)?.[1];
    const userId = typeof named === 'string' || typeof named === 'number' ? Number(named) : 0;
    const all = [...this.#tokens.keys()];
    return this.#bearerOf(
      this.#tokens.has(userId) && this.#progress.requests % 5 > 0
        ? userId
        : (all[this.#progress.requests % all.length] ?? 0),
    );
  }

  /** Returns the user whose token a request carries. */
  #callerOf({ headers }: ResolvedRequest): number | undefined {
    const [caller] = [...this.#tokens].find(([, token]) => headers.authorization === `Bearer ${token}`) ?? [];
    return caller;
  }

  #bearerOf(userId: number): Record<string, string> {
    const token = this.#tokens.get(userId);
    return this.#options.auth === 'token' && token ? { authorization: `Bearer ${token}` } : {};
  }

  /** Sends a request. Returns null if this client disconnected, or was disconnected for sending too much. */
  #send({ method, path, url, text, headers }: ResolvedRequest): Promise<ReceivedResponse | null> {
    return new Promise((resolve, reject) => {
      const fail = (what: string) =>
        reject(
          new Error(
            `${method} ${url.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${text?.subarray(0, 300)}: ${what}`,
          ),
        );
      const request = http.request({
        host: '127.0.0.1',
        port: this.#options.node.port,
        method,
        path: url,
        agent: this.#agent,
        headers: { ...headers, ...(text ? { 'content-length': text.length } : {}) },
      });
      const timer = setTimeout(() => {
        request.destroy();
        fail('no response within the time limit');
      }, HANG_MS);
      const waits = path === '/events' || (url.startsWith('/subscribe') && !/[?&]timeout=0/.test(url));
      const leave = waits ? setTimeout(() => request.destroy(new Error('disconnected')), 30) : undefined;
      const clearTimers = () => [timer, leave].map(clearTimeout);
      request.once('error', (error: NodeJS.ErrnoException) => {
        clearTimers();
        // A request line and headers of more than 16 KB are refused before they are sent completely.
        const isLong = (text?.length ?? 0) > 100_000 || url.length + JSON.stringify(headers).length > 16_000;
        const mayBeCut = isLong || waits || method === 'TRACE' || 'expect' in headers;
        mayBeCut || error.code === 'ECONNRESET' ? resolve(null) : fail(String(error));
      });
      request.once('response', (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.once('error', () => resolve(null));
        response.once('close', () => {
          clearTimers();
          if (!response.complete) return resolve(null);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(pieces).toString(),
          });
        });
      });
      request.end(text ?? undefined);
    });
  }

  #check({ method, path, url, text, headers }: ResolvedRequest, response: ReceivedResponse): void {
    const described = () =>
      `${method} ${url.slice(0, 300)} ${JSON.stringify(headers).slice(0, 200)} ${text?.subarray(0, 500)} → ${response.status} ${response.text.slice(0, 500)}`;
    if (response.status >= 500 && (response.status !== 503 || response.text.includes('"database_refused"')))
      throw new Error(described());
    if (response.status >= 400 && INTERNALS.test(response.text)) throw new Error(`reveals internals: ${described()}`);
    const fault = path === null || method === 'HEAD' ? null : this.#contract.fault(method, path, response);
    if (fault) throw new Error(`${fault}: ${described()}`);
  }

  #noteRaw(statuses: number[]): void {
    this.#progress.raw++;
    for (const status of statuses) {
      if (status >= 500 && status !== 501 && status !== 503 && status !== 505)
        throw new Error(`a raw request returned ${status}`);
    }
  }

  async #checkFinalState(sql: pg.Client, openBefore: number): Promise<void> {
    const { node, seed } = this.#options;
    const fail = (what: string) => {
      throw new Error(`seed ${seed}: ${what}`);
    };
    if (node.pid === null) fail(`the node has exited:\n${node.lines.slice(-20).join('\n')}`);
    const error = node.entries.find((entry) => entry.level >= 50);
    if (error) fail(`the node has logged an error: ${JSON.stringify(error)}`);
    if ([...this.#model.users.values()].includes(SMUGGLED_NAME)) fail('a smuggled request was executed');
    const difference = await this.#model.difference(sql);
    if (difference) fail(difference);
    await this.#waitUntilIdle(openBefore);
  }

  /** Waits until no poll is waiting and the node has about as many open files and sockets as before. */
  async #waitUntilIdle(openBefore: number): Promise<void> {
    await eventually('no poll waits, and no files are left open', async () => {
      const { text } = await get(`${this.#options.node.url}/metrics`);
      const [waiters, open] = [metric(text, 'plantao_waiters'), metric(text, 'process_open_fds')];
      if (waiters === 0 && open <= openBefore + POOL_SIZE) return true;
      throw new Error(`${waiters} polls still wait; ${open} files are open, ${openBefore} before the run`);
    });
  }

  async #openFiles(): Promise<number> {
    return metric((await get(`${this.#options.node.url}/metrics`)).text, 'process_open_fds');
  }
}

interface ResolvedRequest {
  method: string;
  path: string | null;
  url: string;
  text: Buffer | null;
  fields: Record<string, unknown>;
  headers: Record<string, string>;
}

interface ReceivedResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

const isWrite = ({ method }: GeneratedRequest) => method !== 'GET' && method !== 'HEAD';
const isReference = (value: unknown): value is ModelReference =>
  typeof value === 'object' && value !== null && 'reference' in value;
const metric = (text: string, name: string) =>
  Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text)?.[1] ?? 0);

const lanes = <T>(all: readonly T[], count: number): T[][] =>
  Array.from({ length: count }, (_, lane) => all.filter((_, at) => at % count === lane));

async function sequentially<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (const one of all) await work(one);
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Encodes a value for a URL: non-strings as JSON, lone surrogates as the replacement character. */
function encodeUrlValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  return encodeURIComponent(text.toWellFormed());
}

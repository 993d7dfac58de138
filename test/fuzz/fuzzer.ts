import http from 'node:http';
import fc from 'fast-check';
import type pg from 'pg';
import { Contract } from '../support/contract.ts';
import { get } from '../support/http.ts';
import type { NodeProcess } from '../support/node-process.ts';
import { People } from '../support/people.ts';
import { type Attempt, attemptsAtAll, type Drawn } from './attempt.ts';
import { Model } from './model.ts';
import { rawAttempts, SMUGGLED, sendRaw } from './raw.ts';
import { sweepOf } from './sweep.ts';

/** What a node to be fuzzed is started with beside its database. */
export const FUZZED = {
  imports: ['test/fuzz/loop-watch.ts'],
  env: { SIGN_IN_TRIES: '1000000', SIGN_IN_TRIES_OF_ADDRESS: '1000000', TRUST_PROXY: '1' },
};

/** What a fuzz run is told. */
export interface FuzzOptions {
  /** Started with {@link FUZZED}. */
  node: NodeProcess;
  sql: pg.Client;
  auth: 'open' | 'token';
  seed: number;
  /** Ends at whichever comes first. */
  requests: number;
  seconds: number;
  onProgress?(progress: FuzzReport): void;
}

/** How far it has come. */
export interface FuzzReport {
  requests: number;
  raw: number;
  statuses: Map<number, number>;
}

/** Longer than any answer may take here: no poll is asked to wait. */
const HANG_MS = 10_000;
const BATCH = 400;
/** Connections that the node's pool may have opened meanwhile, and some more; a leak would be in the thousands. */
const POOL = 15;
/** Texts that only come from inside: a stack, a path, SQL, a driver. */
const INSIDE = /node_modules|\.ts:\d+|\n\s+at |Sequelize|SQLSTATE|syntax error|INSERT INTO|SELECT .* FROM/;
/** They change what the node is, or who is signed in; other tests have them. */
const NOT_HERE = {
  open: new Set(['POST /fall', 'POST /revive', 'POST /switchover']),
  token: new Set(['POST /logout', 'DELETE /tokens', 'POST /register', 'POST /login']),
};

/**
 * Sends what nobody should send, made from the node's own OpenAPI document, and checks every answer against it; writes
 * go one after another, so that the model knows what must be there at the end, while reads and raw sockets run beside.
 * @throws Error with the seed and the request at the first answer that is a 500, a hang, or not as documented, or a blocked event loop.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const run = new FuzzRun(options, await Contract.of(options.node.url));
  return run.toItsEnd();
}

class FuzzRun {
  readonly #options: FuzzOptions;
  readonly #contract: Contract;
  readonly #model = new Model();
  readonly #tokens = new Map<number, string>();
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  #blockedBefore = 0;
  readonly #report: FuzzReport = { requests: 0, raw: 0, statuses: new Map() };

  constructor(options: FuzzOptions, contract: Contract) {
    this.#options = options;
    this.#contract = contract;
  }

  async toItsEnd(): Promise<FuzzReport> {
    const { seed, requests, seconds, sql, onProgress } = this.#options;
    const attempts = attemptsAtAll(this.#contract, NOT_HERE[this.#options.auth]);
    const more = attempts.filter((one) => !isWrite(one));
    await this.#populate();
    await this.#warmUp();
    const openBefore = await this.#openFiles();
    try {
      const sweep = sweepOf(this.#contract, NOT_HERE[this.#options.auth]);
      // All but notifications are refused, so the model needs no order of them.
      await Promise.all(lanes(sweep, 8).map((lane) => inTurn(lane, (one) => this.#attempt(one))));
      this.#failWhereBlocked();
      const deadline = performance.now() + seconds * 1000;
      for (
        let batch = 0;
        this.#report.requests + this.#report.raw < requests && performance.now() < deadline;
        batch++
      ) {
        const sampled = fc.sample(attempts, { numRuns: BATCH, seed: seed + batch });
        const raw = fc.sample(rawAttempts, { numRuns: BATCH / 10, seed: seed + batch });
        const writes = sampled.filter(isWrite);
        // As many reads again as fit beside the writes, which have to take their turn.
        const reads = [
          ...sampled.filter((one) => !isWrite(one)),
          ...fc.sample(more, { numRuns: BATCH, seed: seed - batch }),
        ];
        await Promise.all([
          inTurn(writes, (one) => this.#attempt(one)),
          ...lanes(reads, 8).map((lane) => inTurn(lane, (one) => this.#attempt(one))),
          // Most of a raw request's time is the wait for what may still come.
          ...lanes(raw, 10).map((lane) =>
            inTurn(lane, async (one) => this.#noteRaw(await sendRaw(this.#options.node.port, one))),
          ),
        ]);
        this.#failWhereBlocked();
        onProgress?.(this.#report);
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    } finally {
      this.#agent.destroy();
    }
    await this.#atTheEnd(sql, openBefore);
    return this.#report;
  }

  /** Somebody and something to ask for. */
  async #populate(): Promise<void> {
    const people = new People(this.#options.sql);
    const crowd = [];
    for (let at = 0; at < 6; at++) crowd.push(await people.comeIn(People.name('fuzz')));
    for (const { id, username, token } of crowd) {
      this.#model.users.set(id, username);
      this.#tokens.set(id, token);
    }
    const crowds = [crowd, crowd, crowd, crowd.slice(0, 2), crowd.slice(3)];
    for (const [at, members] of crowds.entries()) {
      const name = at % 2 === 0 ? 'Geral' : 'Outro';
      const id = await people.group(name, members);
      this.#model.groups.set(id, name);
      for (const member of members) this.#model.members.add(`${id} ${member.id}`);
    }
  }

  /** What is made once and then kept (the document, the pages, compiled code) is no request's doing from here on. */
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

  async #attempt(attempt: Attempt): Promise<void> {
    const sent = this.#resolve(attempt);
    const answer = await this.#send(sent);
    this.#report.requests++;
    if (answer === null) return;
    this.#report.statuses.set(answer.status, (this.#report.statuses.get(answer.status) ?? 0) + 1);
    this.#judge(sent, answer);
    const { method, path, fields } = sent;
    if (path === null) return;
    const body = parsed(answer.text);
    if (!this.#model.note({ method, path, sent: fields, status: answer.status, body })) return;
    const userId = Number(body.user_id);
    const { body: chats } = await get<{ chats: { id: number; name: string }[] }>(
      `${this.#options.node.url}/chats?userId=${userId}`,
      { headers: this.#bearerOf(userId) },
    );
    this.#model.noteChats(userId, chats.chats, method === 'DELETE' ? 'leave' : 'join');
  }

  /** What of the attempt goes over the wire. `path` is the document's, or null where it has none for it. */
  #resolve(attempt: Attempt): Sent {
    const known = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(known);
      return isDrawn(value) ? this.#model.resolve(value) : value;
    };
    const query = attempt.query.map(([name, value]): [string, unknown] => [name, known(value)]);
    const body =
      attempt.body && Object.fromEntries(Object.entries(attempt.body).map(([name, value]) => [name, known(value)]));
    const inPath = attempt.path.replace(/\{(\w+)\}/g, (_, name: string) => encoded(known(attempt.inPath[name])));
    const search = query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&');
    const url = attempt.rawPath ?? (search === '' ? inPath : `${inPath}?${search}`);
    const broken = attempt.brokenBody;
    const text = broken ? Buffer.from(broken.text, broken.encoding) : body && Buffer.from(JSON.stringify(body));
    const type = broken ? broken.type : body ? 'application/json' : null;
    const fields = {
      ...(attempt.method === 'POST' || broken === null ? body : {}),
      ...(attempt.method === 'POST' ? {} : Object.fromEntries(query)),
    };
    return {
      method: attempt.method,
      // Without a value for its parameter it is another path.
      path: /\/(\/|$)/.test(inPath.slice(1)) ? null : this.#documented(attempt),
      url,
      text,
      fields,
      headers: {
        ...(type === null ? {} : { 'content-type': type }),
        ...this.#bearerFor(fields, inPath),
        ...attempt.headers,
      },
    };
  }

  /** Express takes another case and a slash at the end for the same path. */
  #documented({ method, path, rawPath }: Attempt): string | null {
    const asked = rawPath === null ? path : rawPath.toLowerCase().replace(/(?<=.)\/$/, '');
    return this.#contract.document.paths[asked]?.[method.toLowerCase()] ? asked : null;
  }

  /** Mostly the token of the one who is spoken of, at times another's. */
  #bearerFor(fields: Record<string, unknown>, path: string): Record<string, string> {
    if (this.#options.auth === 'open') return {};
    const asked = fields.userId ?? fields.user_id ?? fields.creatorId ?? /^\/user\/(\d+)/.exec(path)?.[1];
    const said = typeof asked === 'string' || typeof asked === 'number' ? Number(asked) : 0;
    const all = [...this.#tokens.keys()];
    return this.#bearerOf(
      this.#tokens.has(said) && this.#report.requests % 5 > 0 ? said : (all[this.#report.requests % all.length] ?? 0),
    );
  }

  #bearerOf(userId: number): Record<string, string> {
    const token = this.#tokens.get(userId);
    return this.#options.auth === 'token' && token ? { authorization: `Bearer ${token}` } : {};
  }

  /** Null where this client left, or was cut off for sending far too much. */
  #send({ method, path, url, text, headers }: Sent): Promise<Heard | null> {
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
        fail('no answer: it hangs');
      }, HANG_MS);
      const waits = path === '/events' || (url.startsWith('/subscribe') && !/[?&]timeout=0/.test(url));
      const leave = waits ? setTimeout(() => request.destroy(new Error('left')), 30) : undefined;
      const over = () => [timer, leave].map(clearTimeout);
      request.once('error', (error: NodeJS.ErrnoException) => {
        over();
        // Headers and address of more than 16 KB are refused before all of them are sent.
        const isLong = (text?.length ?? 0) > 100_000 || url.length + JSON.stringify(headers).length > 16_000;
        const mayBeCut = isLong || waits || method === 'TRACE' || 'expect' in headers;
        mayBeCut || error.code === 'ECONNRESET' ? resolve(null) : fail(String(error));
      });
      request.once('response', (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.once('error', () => resolve(null));
        response.once('close', () => {
          over();
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

  #judge({ method, path, url, text, headers }: Sent, answer: Heard): void {
    const said = () =>
      `${method} ${url.slice(0, 300)} ${JSON.stringify(headers).slice(0, 200)} ${text?.subarray(0, 500)} → ${answer.status} ${answer.text.slice(0, 500)}`;
    if (answer.status >= 500 && ![503].includes(answer.status)) throw new Error(said());
    if (answer.status >= 400 && INSIDE.test(answer.text)) throw new Error(`tells of the inside: ${said()}`);
    const fault = path === null || method === 'HEAD' ? null : this.#contract.fault(method, path, answer);
    if (fault) throw new Error(`${fault}: ${said()}`);
  }

  #noteRaw(statuses: number[]): void {
    this.#report.raw++;
    for (const status of statuses) {
      if (status >= 500 && status !== 501 && status !== 503 && status !== 505)
        throw new Error(`a raw request was answered ${status}`);
    }
  }

  async #atTheEnd(sql: pg.Client, openBefore: number): Promise<void> {
    const { node, seed } = this.#options;
    const fail = (what: string) => {
      throw new Error(`seed ${seed}: ${what}`);
    };
    if (node.pid === null) fail(`the node has ended:\n${node.lines.slice(-20).join('\n')}`);
    const error = node.entries.find((entry) => entry.level >= 50);
    if (error) fail(`the node has logged an error: ${JSON.stringify(error)}`);
    if ([...this.#model.users.values()].includes(SMUGGLED)) fail('a hidden request was answered');
    const difference = await this.#model.difference(sql);
    if (difference) fail(difference);
    await this.#calm(openBefore);
  }

  /** Nobody waits any more, and the node has about as many files and sockets open as before. */
  async #calm(openBefore: number): Promise<void> {
    const deadline = performance.now() + 5000;
    for (;;) {
      const { text } = await get(`${this.#options.node.url}/metrics`);
      const [waiters, open] = [metric(text, 'plantao_waiters'), metric(text, 'process_open_fds')];
      if (waiters === 0 && open <= openBefore + POOL) return;
      if (performance.now() > deadline)
        throw new Error(`${waiters} still wait; ${open} files are open, ${openBefore} were before`);
      await new Promise((again) => setTimeout(again, 50));
    }
  }

  async #openFiles(): Promise<number> {
    return metric((await get(`${this.#options.node.url}/metrics`)).text, 'process_open_fds');
  }
}

interface Sent {
  method: string;
  path: string | null;
  url: string;
  text: Buffer | null;
  fields: Record<string, unknown>;
  headers: Record<string, string>;
}

interface Heard {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
}

const isWrite = ({ method }: Attempt) => method !== 'GET' && method !== 'HEAD';
const isDrawn = (value: unknown): value is Drawn => typeof value === 'object' && value !== null && 'drawn' in value;
const metric = (text: string, name: string) =>
  Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text)?.[1] ?? 0);

const lanes = <T>(all: readonly T[], count: number): T[][] =>
  Array.from({ length: count }, (_, lane) => all.filter((_, at) => at % count === lane));

async function inTurn<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (const one of all) await work(one);
}

function parsed(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** As a part of a URL; what is no text is written as JSON, and half a character as its replacement. */
function encoded(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  return encodeURIComponent(text.toWellFormed());
}

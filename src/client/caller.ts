import { type Answer, attempt, LostAnswerError, type Request } from './attempt.ts';
import { type BackoffBounds, backoff } from './backoff.ts';
import type { Endpoints } from './endpoints.ts';
import { OutcomeUnknownError, UnreachableError } from './errors.ts';
import { pause } from './pause.ts';
import type { Use } from './types.ts';
import { judge, type Verdict } from './verdict.ts';

/** How a request may be tried. All times in milliseconds. */
export interface Manner {
  use: Use;
  /** Limit of all tries together; Infinity for streams. */
  deadlineMs: number;
  /**
   * False where doing it twice would show: such a request is never sent again after its answer was lost. The others are
   * also given up when their node is abandoned.
   */
  repeatable: boolean;
  /** True for streams: every 5xx and 429 is waited out. */
  patient: boolean;
  /** The refusal code that means "done already" when an earlier try of this call may have done it. */
  doneAlready?: string;
  signal?: AbortSignal | undefined;
}

/** A request that may depend on whether the node has already served this client. */
export type RequestFor = (connected: boolean) => { request: Request; attemptMs: number };

type Answered = Exclude<Verdict, { kind: 'elsewhere' }> & { answer: Answer };
type Failure = Extract<Verdict, { kind: 'elsewhere' }>;

/** A probe before a request that must not be repeated: /health touches no database, so a node that is well is quick. */
const PROBE: Request = { method: 'GET', path: '/health' };
const PROBE_MS = 2000;

/** Takes a request to the nodes in turn until one has done or refused it. */
export class Caller {
  readonly #send: typeof fetch;
  readonly #endpoints: Endpoints;
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;

  constructor(send: typeof fetch, endpoints: Endpoints, bounds: BackoffBounds, random: () => number) {
    this.#send = send;
    this.#endpoints = endpoints;
    this.#bounds = bounds;
    this.#random = random;
  }

  /**
   * The answer of the first node that did it. Raises RefusedError at once for a 4xx, UnreachableError when the deadline
   * came first, OutcomeUnknownError when the answer to an unrepeatable request was lost, and the signal's reason when that
   * was aborted.
   */
  async call(requestFor: RequestFor, manner: Manner): Promise<Answer> {
    const endsAt = performance.now() + manner.deadlineMs;
    const troubles = new Map<string, string>();
    let target = this.#endpoints.current(manner.use);
    let failures = 0;
    let hopped = false;
    let repeated = false;
    let last: Failure | undefined;
    for (;;) {
      const { request, attemptMs } = requestFor(this.#endpoints.isConnected(manner.use, target));
      const outcome = await this.#try(target, request, manner, Math.min(attemptMs, endsAt - performance.now()));
      if (outcome.kind === 'done') {
        this.#endpoints.served(manner.use, target);
        return outcome.answer;
      }
      if (outcome.kind === 'refused') {
        this.#endpoints.served(manner.use, target);
        if (repeated && outcome.error.code === manner.doneAlready) return outcome.answer;
        throw outcome.error;
      }
      // A try that the deadline cut short says nothing about its node: what was heard before it does.
      const isCutShort = outcome.code === '' && performance.now() >= endsAt;
      if (isCutShort && last !== undefined) throw unreachable(request, manner, troubles, last);
      last = outcome;
      repeated ||= !outcome.undone;
      troubles.set(target, outcome.reason);
      const named = this.#endpoints.named(target, outcome.activeUrl);
      const next = this.#endpoints.failed(manner.use, target, outcome.reason);
      // The first node that is named as active is tried at once. Later ones wait like any other: during a failover a
      // standby names the dead node for a while, and two confused ones may name each other.
      let waitMs = 0;
      if (named === undefined || hopped) {
        failures += 1;
        waitMs = this.#wait(failures, outcome);
      }
      hopped ||= named !== undefined;
      if (performance.now() + waitMs >= endsAt) throw unreachable(request, manner, troubles, outcome);
      await pause(waitMs, manner.signal);
      target = named ?? next;
    }
  }

  #wait(failures: number, outcome: Failure): number {
    const waitMs = backoff(failures, this.#bounds, this.#random);
    // A full node asks for patience, but another may have room: each is asked once before the wish is granted.
    const asked = outcome.code === 'not_active' || failures < this.#endpoints.urls.length ? 0 : outcome.retryAfterMs;
    return Math.max(waitMs, Math.min(asked, 30_000) * (1 + this.#random() / 4));
  }

  async #try(url: string, request: Request, manner: Manner, ms: number): Promise<Answered | Failure> {
    const leaving = new AbortController();
    const onAbort = () => leaving.abort(manner.signal?.reason);
    manner.signal?.throwIfAborted();
    manner.signal?.addEventListener('abort', onAbort, { once: true });
    const unwatch = manner.repeatable
      ? this.#endpoints.watch(url, (reason) => leaving.abort(new Error(reason)))
      : () => {};
    try {
      if (!manner.repeatable) await this.#probe(url, Math.min(PROBE_MS, ms), leaving.signal);
      const answer = await attempt(this.#send, url, request, ms, leaving.signal);
      const verdict = judge(answer, manner.patient);
      if (verdict.kind !== 'elsewhere') return { ...verdict, answer };
      if (!manner.repeatable && !verdict.undone) throw outcomeUnknown(request, verdict.reason);
      return verdict;
    } catch (error) {
      manner.signal?.throwIfAborted();
      if (error instanceof LostAnswerError || error === leaving.signal.reason) {
        return lostFailure(error, request, manner);
      }
      throw error;
    } finally {
      unwatch();
      manner.signal?.removeEventListener('abort', onAbort);
    }
  }

  async #probe(url: string, ms: number, signal: AbortSignal): Promise<void> {
    try {
      await attempt(this.#send, url, PROBE, ms, signal);
    } catch (error) {
      if (error instanceof LostAnswerError) throw new LostAnswerError(error.message, true, error);
      throw error;
    }
  }
}

function lostFailure(error: unknown, request: Request, manner: Manner): Failure {
  const reason = error instanceof Error ? error.message : String(error);
  const undone = error instanceof LostAnswerError && error.unsent;
  if (!manner.repeatable && !undone) throw outcomeUnknown(request, reason);
  return { kind: 'elsewhere', reason, code: '', activeUrl: null, retryAfterMs: 0, undone };
}

function outcomeUnknown(request: Request, reason: string): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `the answer to ${request.method} ${request.path} was lost (the node ${reason}): look whether it was done before trying again`,
    { code: 'outcome_unknown' },
  );
}

function unreachable(request: Request, manner: Manner, troubles: Map<string, string>, last: Failure): UnreachableError {
  const said = Array.from(troubles, ([url, reason]) => `${url} ${reason}`).join('; ');
  return new UnreachableError(
    `no node did ${request.method} ${request.path} within ${Math.round(manner.deadlineMs / 1000)} s: ${said}`,
    { code: last.code === '' ? 'unreachable' : last.code },
  );
}

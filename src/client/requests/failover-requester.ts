import { errorMessage } from '../../error-message.ts';
import { OutcomeUnknownError, UnreachableError } from '../errors.ts';
import type { ConnectionUse } from '../types.ts';
import { type BackoffBounds, backoff } from './backoff.ts';
import { classifyResponse, type ResponseClass } from './classify-response.ts';
import type { ClusterCheck } from './cluster-check.ts';
import { codeOfUnknown } from './effect-of-code.ts';
import type { Endpoints } from './endpoints.ts';
import { probeHealth } from './health.ts';
import { onAbort } from './on-abort.ts';
import { type ApiRequest, type ApiResponse, NoResponseError, sendOnce } from './single-request.ts';
import { sleep } from './sleep.ts';

/** The retry policy of a request. All times are in milliseconds. */
export interface CallPolicy {
  use: ConnectionUse;
  /** Timeout over all attempts; Infinity for streams. */
  deadlineMs: number;
  /**
   * False where repeating the request would have a visible effect: it is never sent again after its response was lost.
   * A repeatable request is also cancelled, and sent elsewhere, when its node is abandoned.
   */
  repeatable: boolean;
  /** True for streams: they retry after every 5xx and 429. */
  retriesEveryError: boolean;
  /** The error codes that mean "already done" when an earlier attempt of this call may have succeeded. */
  alreadyDoneCodes?: readonly string[];
  signal?: AbortSignal | undefined;
}

/** Builds the request for an attempt; `connected` is true if the node has already served this client. */
export type RequestFactory = (connected: boolean) => { request: ApiRequest; attemptMs: number };

type Completed = Exclude<ResponseClass, { kind: 'retryElsewhere' }> & { response: ApiResponse };
type Failed = Extract<ResponseClass, { kind: 'retryElsewhere' }>;

/** The attempts of a call so far. */
interface Attempts {
  failures: number;
  /** True once a node that a standby named as active was tried. */
  hasFollowedName: boolean;
}

/** Sends a request to one node after another until one of them executes or refuses it. */
export class FailoverRequester {
  readonly #send: typeof fetch;
  readonly #endpoints: Endpoints;
  readonly #clusterCheck: ClusterCheck;
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;

  constructor(
    send: typeof fetch,
    { endpoints, clusterCheck }: { endpoints: Endpoints; clusterCheck: ClusterCheck },
    bounds: BackoffBounds,
    random: () => number,
  ) {
    this.#send = send;
    this.#endpoints = endpoints;
    this.#clusterCheck = clusterCheck;
    this.#bounds = bounds;
    this.#random = random;
  }

  /**
   * Returns the response of the first node that executed the request.
   * @throws {RefusedError} at once for a 4xx; {UnreachableError} at the deadline; {OutcomeUnknownError} when the response to
   * a request that must not be repeated was lost; the signal's reason when it is aborted.
   */
  async call(requestFor: RequestFactory, policy: CallPolicy): Promise<ApiResponse> {
    const endsAt = performance.now() + policy.deadlineMs;
    const failureReasons = new Map<string, string>();
    const attempts: Attempts = { failures: 0, hasFollowedName: false };
    let target = this.#endpoints.current(policy.use);
    let mayBeExecuted = false;
    let last: Failed | undefined;
    for (;;) {
      const { request, attemptMs } = requestFor(this.#endpoints.isConnected(policy.use, target));
      const outcome = await this.#try(target, request, policy, Math.min(performance.now() + attemptMs, endsAt));
      if (outcome.kind !== 'retryElsewhere') return this.#complete(outcome, target, policy, mayBeExecuted);

      mayBeExecuted ||= !outcome.notExecuted;
      const giveUp = ({ code }: Failed) => unreachable(request, policy, failureReasons, { code, mayBeExecuted });
      // An attempt that the deadline cut short says nothing about its node: report the failure before it. Timers drop fractions of a
      // millisecond, so it may end that much early.
      const isUnanswered = outcome.code === '' && performance.now() >= endsAt - 1;
      if (isUnanswered && last !== undefined) throw giveUp(last);
      last = outcome;
      failureReasons.set(target, outcome.reason);

      const next = this.#chooseNext(target, outcome, policy, attempts);
      if (performance.now() + next.waitMs >= endsAt) throw giveUp(outcome);
      await sleep(next.waitMs, policy.signal);
      target = next.url;
    }
  }

  /** Returns the response of a node that executed the request. @throws {RefusedError} if it refused it. */
  #complete(outcome: Completed, target: string, policy: CallPolicy, mayBeExecuted: boolean): ApiResponse {
    this.#endpoints.markServing(policy.use, target);
    if (outcome.kind === 'success') return outcome.response;
    if (mayBeExecuted && policy.alreadyDoneCodes?.includes(outcome.error.code)) return outcome.response;
    throw outcome.error;
  }

  /**
   * Chooses the node of the next attempt, and how long to wait before it. The first node that a standby names as active is tried at
   * once. Later ones wait for the backoff: during a failover a standby still names the dead node for a while, and two nodes may
   * name each other.
   */
  #chooseNext(
    failed: string,
    outcome: Failed,
    policy: CallPolicy,
    attempts: Attempts,
  ): { url: string; waitMs: number } {
    const named = this.#endpoints.addNamed(failed, outcome.activeUrl);
    const next = this.#endpoints.markFailed(policy.use, failed, outcome.reason);
    if (named !== undefined && !attempts.hasFollowedName) {
      attempts.hasFollowedName = true;
      return { url: named, waitMs: 0 };
    }
    attempts.failures += 1;
    return { url: named ?? next, waitMs: this.#wait(attempts.failures, outcome) };
  }

  #wait(failures: number, outcome: Failed): number {
    const waitMs = backoff(failures, this.#bounds, this.#random);
    // An overloaded node sends Retry-After, but another may have capacity: try each node once before honouring it.
    const requestedMs =
      outcome.code === 'not_active' || failures < this.#endpoints.urls.length ? 0 : outcome.retryAfterMs;
    return Math.max(waitMs, Math.min(requestedMs, 30_000) * (1 + this.#random() / 4));
  }

  async #try(url: string, request: ApiRequest, policy: CallPolicy, endsAt: number): Promise<Completed | Failed> {
    let isSent = false;
    const cancel = new AbortController();
    const leave = () => cancel.abort(policy.signal?.reason);
    policy.signal?.throwIfAborted();
    const unlisten = onAbort(policy.signal, leave);
    const stopWatching = policy.repeatable
      ? this.#endpoints.watch(url, (reason) => cancel.abort(new Error(reason)))
      : () => {};
    try {
      const isKnown = this.#endpoints.isConnected(policy.use, url);
      const isProbed = !isKnown && (await this.#clusterCheck.check(url, timeLeft(endsAt), cancel.signal));
      if (!policy.repeatable && !isProbed) await probeHealth(this.#send, url, timeLeft(endsAt), cancel.signal);
      const ms = timeLeft(endsAt);
      isSent = true;
      const response = await sendOnce(this.#send, url, request, ms, cancel.signal);
      const result = classifyResponse(response, policy.retriesEveryError);
      if (result.kind !== 'retryElsewhere') return { ...result, response };
      if (!policy.repeatable && !result.notExecuted) throw outcomeUnknown(request, result.reason);
      return result;
    } catch (error) {
      policy.signal?.throwIfAborted();
      if (error instanceof NoResponseError || error === cancel.signal.reason) {
        return toFailed(error, request, policy, isSent);
      }
      throw error;
    } finally {
      stopWatching();
      unlisten();
    }
  }
}

/** Returns the milliseconds until the end of an attempt. @throws {NoResponseError} if there are none, before anything is sent. */
function timeLeft(endsAt: number): number {
  const ms = endsAt - performance.now();
  if (ms <= 0) throw new NoResponseError('did not respond in time', true);
  return ms;
}

function toFailed(error: unknown, request: ApiRequest, policy: CallPolicy, isSent: boolean): Failed {
  const reason = errorMessage(error);
  const notExecuted = !isSent || (error instanceof NoResponseError && error.notSent);
  if (!policy.repeatable && !notExecuted) throw outcomeUnknown(request, reason);
  return { kind: 'retryElsewhere', reason, code: '', activeUrl: null, retryAfterMs: 0, notExecuted };
}

function outcomeUnknown(request: ApiRequest, reason: string): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `the response to ${request.method} ${request.path} was lost (the node ${reason}): check whether it was executed before you send it again`,
    { code: 'outcome_unknown' },
  );
}

function unreachable(
  request: ApiRequest,
  policy: CallPolicy,
  failureReasons: Map<string, string>,
  { code, mayBeExecuted }: { code: string; mayBeExecuted: boolean },
): UnreachableError {
  const what = `${request.method} ${request.path} within ${Math.round(policy.deadlineMs / 1000)} s`;
  const reasons = Array.from(failureReasons, ([url, reason]) => `${url} ${reason}`).join('; ');
  if (policy.use === 'read' || !mayBeExecuted) {
    return new UnreachableError(`no node executed ${what}: ${reasons}`, { code: code || 'unreachable' });
  }
  return new UnreachableError(`no node confirmed ${what}, and it may have been executed: ${reasons}`, {
    code: codeOfUnknown(code),
  });
}

import type { Response } from 'express';
import { formatCursor, parseCursor } from '../../events/cursor.ts';
import { type RequestLifetime, SENDING_MS } from '../request/request-lifetime.ts';
import { LongPoll, type LongPollOptions, type PollRequest } from './long-poll.ts';

/** Up to this share of the timeout is subtracted at random, so that polls which began together do not end together. */
const DEADLINE_JITTER = 0.1;
/** Time limit for reading missed events. Applies even if `timeout` is shorter: `timeout=0` requests the events that exist already. */
const READ_MS = 1000;

function deadlineMs(timeoutS: number): number {
  return timeoutS * 1000 * (1 - DEADLINE_JITTER * Math.random());
}

/** Runs long polls: one response each, on events, on a change of the node's state, or at the deadline. */
export class LongPolls {
  readonly #options: LongPollOptions;
  #isDraining = false;

  constructor(options: LongPollOptions) {
    this.#options = options;
  }

  /** Ends every poll that waits, and every later one at once, with its cursor, because the node is stopping. */
  drain(): void {
    this.#isDraining = true;
    const { waiters, eventLog } = this.#options;
    waiters.wakeAll('stopping', eventLog.known.endCursor);
  }

  /**
   * Runs one poll. Resolves once it has its response or waits. Its deadline counts from its arrival. If the database has not
   * responded by then, the poll gets 204 with the cursor that it came with, from which its client can still read everything.
   * @throws {HttpError} of `PollSlots.reserve` (poll-slots.ts); the errors of `Subscriptions.subscribe` and of `audience`.
   */
  async run(response: Response, lifetime: RequestLifetime, request: PollRequest): Promise<void> {
    const { eventLog, waiters, subscriptions, pollSlots, signals, isServing } = this.#options;
    pollSlots.reserve(lifetime, request.userId);
    const from = request.cursor === undefined ? eventLog.known.end : parseCursor(request.cursor);
    lifetime.removeDeadline();
    const wakeUps = waiters.wakeUps;
    const poll = new LongPoll(response, lifetime, waiters, signals, request);
    const endMs = deadlineMs(request.timeoutS);
    const cursor = () => (poll.isWaiting ? eventLog.known.endCursor : formatCursor(from));
    poll.endAfter(Math.max(endMs, READ_MS), cursor);
    try {
      poll.audience = await request.audience();
      const delivery = await subscriptions.subscribe(poll, from);
      if (delivery) return poll.respond(delivery);
    } catch (error) {
      if (poll.hasEnded) return;
      poll.leave();
      lifetime.allow(SENDING_MS);
      throw error;
    }
    if (poll.hasEnded) return;
    const missed = poll.takeMissed();
    // The node's state changed before this poll was among the waiters, so wakeAll() has missed it.
    const hasChanged = this.#isDraining || !isServing() || waiters.wakeUps !== wakeUps;
    if (hasChanged || missed) {
      const reason = this.#isDraining ? 'stopping' : hasChanged ? 'role' : 'ephemeral';
      poll.stage({ reason, audience: poll.audience, events: [], cursor: eventLog.known.endCursor, ...missed });
      poll.flush();
      return;
    }
    if (endMs < READ_MS) poll.endAfter(endMs, cursor);
  }
}

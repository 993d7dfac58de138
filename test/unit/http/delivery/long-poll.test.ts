import { EventEmitter } from 'node:events';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type { Response } from 'express';
import { OnceSignal } from '../../../../src/async/once-signal.ts';
import type { ReplayableAudience } from '../../../../src/chat/delivery/audiences.ts';
import { EventDelivery } from '../../../../src/chat/delivery/event-delivery.ts';
import { MembershipCache } from '../../../../src/chat/delivery/membership-cache.ts';
import type { Subscriber, Subscriptions } from '../../../../src/chat/delivery/subscriptions.ts';
import { EphemeralDelivery } from '../../../../src/chat/live/ephemeral-delivery.ts';
import type { EventLog } from '../../../../src/events/event-log.ts';
import type { LogEvent } from '../../../../src/events/log-event.ts';
import { routingKey } from '../../../../src/events/routing-keys.ts';
import { type Delivery, Waiters } from '../../../../src/events/waiters.ts';
import { LongPolls } from '../../../../src/http/delivery/long-polls.ts';
import { PollSlots } from '../../../../src/http/delivery/poll-slots.ts';
import { renderOnce } from '../../../../src/http/delivery/render-once.ts';
import { endWithToken } from '../../../../src/http/request/checks/authentication.ts';
import { RequestLifetime } from '../../../../src/http/request/request-lifetime.ts';
import { eventually } from '../../../support/eventually.ts';

/** The part of an Express response that a poll uses. */
class FakeResponse extends EventEmitter {
  readonly lifetime = new RequestLifetime();
  status = 0;
  body = '';
  readonly headers: Record<string, unknown> = {};
  destroyed = false;
  headersSent = false;
  constructor() {
    super();
    this.once('close', () => this.lifetime.end());
  }
  setHeader(name: string, value: unknown): void {
    this.headers[name] = value;
  }
  writeHead(status: number, headers: Record<string, unknown> = {}): this {
    this.status = status;
    this.headersSent = true;
    Object.assign(this.headers, headers);
    return this;
  }
  end(body: Buffer | string = ''): void {
    this.body = body.toString();
    this.emit('close');
  }
}

/** A response whose client reads a byte a minute: it never ends by itself. */
class SlowResponse extends FakeResponse {
  override readonly lifetime = new RequestLifetime(40_000);
  override end(body: Buffer | string = ''): void {
    this.body = body.toString();
  }
  /** True while the connection would close it before long. */
  get hasDeadline(): boolean {
    return this.lifetime.isOverdue(performance.now() + 60_000);
  }
}

const audience: ReplayableAudience = {
  id: 'g',
  name: null,
  groupId: 1,
  memberships: null,
  routingKeys: () => [routingKey.everyone, routingKey.group(1)],
  groupName: () => 'g',
  matches: () => true,
  matchesAs: () => true,
};
const event = (position: number): LogEvent => {
  const none = { groupName: null, topic: null, userId: null, messageId: null, message: null };
  return { position, cursor: `e-${position}`, kind: 'message', groupId: 1, json: '{}', ...none };
};

/** Builds the polls of a node whose log is at `head`, without earlier events. */
function setUp(most = 10_000) {
  const log = {
    head: 5,
    end: { epoch: 'e', position: 5 },
    get endCursor() {
      return `e-${this.head}`;
    },
  };
  const waiters = new Waiters();
  let isServing = true;
  let meanwhile: () => void | Promise<void> = () => {};
  const subscriptions = {
    subscribe: async (waiter: Subscriber) => {
      await meanwhile();
      if (!waiter.hasEnded) waiters.add(waiter);
      return null;
    },
  };
  const eventLog = { known: log } as unknown as EventLog;
  const signals = new EphemeralDelivery(waiters, eventLog);
  const polls = new LongPolls({
    eventLog,
    waiters,
    signals,
    subscriptions: subscriptions as unknown as Subscriptions,
    pollSlots: new PollSlots(most),
    isServing: () => isServing,
  });
  const render = renderOnce(
    ({ events, cursor, ephemeral }: Delivery) =>
      `${events.length} events up to ${cursor}${ephemeral ? ` and ${ephemeral.join()}` : ''}`,
  );
  const poll = async (
    timeoutS: number,
    response = new FakeResponse(),
    cursor?: string,
    ephemeral?: string,
  ): Promise<FakeResponse> => {
    const ask = { audience: async () => audience, userId: null, cursor, timeoutS, ephemeral, render };
    await polls.run(response as unknown as Response, response.lifetime, ask);
    return response;
  };
  const delivery = new EventDelivery(waiters, new MembershipCache());
  const dispatch = (...batch: LogEvent[]) => delivery.deliver(batch, batch.at(-1)?.cursor ?? '');
  return {
    ...{ log, waiters, polls, poll, dispatch },
    /** Signals that a user is typing in a group. */
    type: (json: string, groupId = 1) => signals.deliver([{ userId: 2, groupIds: [groupId], json }]),
    pollForSignals: (signalCursor = '1', timeoutS = 30) => poll(timeoutS, new FakeResponse(), undefined, signalCursor),
    markOf: ({ headers }: FakeResponse) => String(headers['Ephemeral-Cursor']),
    fall: () => {
      isServing = false;
    },
    /** Runs `work` while a poll reads what it missed. */
    whileReading: (work: () => void | Promise<void>) => {
      meanwhile = work;
    },
  };
}

describe('A long poll', () => {
  afterEach(() => mock.timers.reset());

  it('ends with 204 at its deadline, with the cursor of everything that its node has read by then', async () => {
    const { log, waiters, poll } = setUp();
    const response = await poll(0.02);
    log.head = 9;
    await eventually('the poll has a response', () => response.status);
    expect(response).to.include({ status: 204, body: '' });
    expect(response.headers.Cursor).to.equal('e-9');
    expect(waiters.size).to.equal(0);
  });

  it('returns a delivery that was staged before its deadline, and no cursor beyond it', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { log, waiters, poll, dispatch } = setUp();
    const herd = await Promise.all(Array.from({ length: 2000 }, () => poll(1)));
    // All deadlines pass while the wake-up is being flushed, slice by slice.
    dispatch(event(6));
    log.head = 6;
    expect(herd.some(({ status }) => status === 0)).to.equal(true);
    mock.timers.tick(1000);
    mock.timers.reset();
    await eventually('all have a response', () => herd.every(({ status }) => status > 0));
    expect(new Set(herd.map(({ status, body }) => `${status} ${body}`))).to.deep.equal(
      new Set(['200 1 events up to e-6']),
    );
    expect(waiters.size).to.equal(0);
  });

  it('has one response, even if several wake-ups come at the same time', async () => {
    const { waiters, poll, dispatch } = setUp();
    const response = await poll(1);
    let ends = 0;
    response.on('close', () => ends++);
    dispatch(event(6));
    dispatch(event(7));
    waiters.wakeAll('role', 'e-7');
    expect(ends).to.equal(1);
    expect(response.body).to.equal('1 events up to e-6');
  });

  it('frees its slot and its timer at once when its client leaves', async () => {
    const { waiters, poll } = setUp();
    const response = await poll(30);
    expect(waiters.size).to.equal(1);
    response.destroyed = true;
    response.emit('close');
    expect(waiters.size).to.equal(0);
    waiters.wakeAll('role', 'e-9');
    expect(response.status).to.equal(0);
  });

  it('gives its client a limited time to read the response, whatever it is', async () => {
    const { poll, dispatch, whileReading } = setUp();
    const [events, empty, failed, malformed] = Array.from({ length: 4 }, () => new SlowResponse());
    if (!events || !empty || !failed || !malformed) throw new Error('missing');
    await poll(30, events);
    expect(events.hasDeadline, 'while it waits').to.equal(false);
    dispatch(event(6));
    expect([events.status, events.hasDeadline], 'with events').to.deep.equal([200, true]);
    await poll(0.02, empty);
    await eventually('it has a response', () => empty.status);
    expect([empty.status, empty.hasDeadline], 'without').to.deep.equal([204, true]);
    whileReading(() => {
      throw new Error('the database is gone');
    });
    for (const [response, cursor] of [
      [failed, undefined],
      [malformed, 'no cursor'],
    ] as const) {
      const error = await poll(30, response, cursor).catch((thrown: unknown) => thrown);
      expect([error instanceof Error, response.hasDeadline], `${error}`).to.deep.equal([true, true]);
    }
  });

  it('limits the sending of its response too when its token ends', async () => {
    const { poll } = setUp();
    const response = new SlowResponse();
    Object.assign(response, { set: () => response, json: () => response, req: {}, status: () => response });
    const token = { userId: 1, ended: new OnceSignal<'revoked' | 'forgotten'>() };
    await poll(30, response);
    const caller = { userId: 1, isAdmin: false, token };
    endWithToken(caller, response as unknown as Response, response.lifetime);
    token.ended.fire('revoked');
    expect(response.hasDeadline).to.equal(true);
    response.emit('close');
  });

  it('is refused while all slots are taken, and accepted after one is freed', async () => {
    const { poll } = setUp(1);
    const first = await poll(30);
    const refusal = await poll(30).then(
      () => null,
      (error) => error,
    );
    expect(refusal).to.include({ status: 503, code: 'overloaded' });
    expect(Number(refusal.headers['Retry-After'])).to.be.within(1, 4);
    first.emit('close');
    const second = await poll(0);
    await eventually('the second has a response', () => second.status === 204);
  });

  it('ends at once with its cursor when the node stops, and so does a later one', async () => {
    const { polls, poll, waiters } = setUp();
    const waiting = await poll(30);
    polls.drain();
    expect(waiting).to.include({ status: 200, body: '0 events up to e-5' });
    const late = await poll(30);
    expect(late).to.include({ status: 200, body: '0 events up to e-5' });
    await eventually('none is left behind', () => waiters.size === 0);
    expect(late.headers.Connection, 'and its connection is not kept').to.equal('close');
  });

  it('returns a role change that happened while it was reading, before it was registered', async () => {
    const { waiters, poll, fall, whileReading } = setUp();
    whileReading(() => waiters.wakeAll('role', 'e-5'));
    expect(await poll(30)).to.include({ status: 200, body: '0 events up to e-5' });
    whileReading(fall);
    expect(await poll(30)).to.include({ status: 200, body: '0 events up to e-5' });
    expect(waiters.size).to.equal(0);
  });

  it('ends at its deadline with the cursor that it began with if the database does not respond', async () => {
    const { log, waiters, poll, whileReading } = setUp();
    mock.timers.enable({ apis: ['setTimeout'] });
    // Reading may take a second; a tenth of a longer time-out is random.
    for (const [timeoutS, cursor, expected, notBeforeMs, withinMs] of [
      [0, 'aaaaaaaaaaaa-3', 'aaaaaaaaaaaa-3', 950, 1000],
      [0, undefined, 'e-5', 950, 1000],
      [1.2, 'aaaaaaaaaaaa-4', 'aaaaaaaaaaaa-4', 1030, 1200],
    ] as const) {
      log.head = 5;
      let fail = (_error: Error) => {};
      whileReading(
        () =>
          new Promise((_, reject) => {
            fail = reject;
          }),
      );
      const response = new FakeResponse();
      const running = poll(timeoutS, response, cursor);
      log.head = 9;
      mock.timers.tick(notBeforeMs);
      await turn();
      expect(response.status, 'before its deadline').to.equal(0);
      mock.timers.tick(withinMs - notBeforeMs);
      await turn();
      expect([response.status, response.headers.Cursor]).to.deep.equal([204, expected]);
      // The result of the read is ignored afterwards.
      fail(new Error('too late'));
      await running;
    }
    expect(waiters.size).to.equal(0);
  });

  it('counts its deadline from its arrival, including the time for reading', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { poll } = setUp();
    const response = new FakeResponse();
    Object.assign(response.lifetime, { arrivedAt: performance.now() - 600 });
    await poll(1, response);
    expect(response.status).to.equal(0);
    mock.timers.tick(400);
    expect(response.status).to.equal(204);
  });

  it('ends soon after its client half-closes, or earlier at its time-out', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { waiters, poll } = setUp();
    const long = await poll(30);
    long.lifetime.halfClose();
    const short = new FakeResponse();
    short.lifetime.halfClose();
    await poll(0.3, short);
    mock.timers.tick(300);
    expect([short.status, long.status]).to.deep.equal([204, 0]);
    mock.timers.tick(1600);
    expect(long.status, 'before two seconds').to.equal(0);
    mock.timers.tick(100);
    expect(long.status).to.equal(204);
    expect(waiters.size).to.equal(0);
  });

  it('gets the signals that arrived since the poll before, each once, and those of its own groups only', async () => {
    const { type, pollForSignals, markOf, dispatch } = setUp();
    const first = await pollForSignals();
    type('one');
    expect(first.body).to.equal('0 events up to e-5 and one');
    type('two');
    type('of another group', 2);
    const second = await pollForSignals(markOf(first));
    expect(second.body).to.equal('0 events up to e-5 and two');
    const third = await pollForSignals(markOf(second));
    expect(third.status, 'it waits').to.equal(0);
    dispatch(event(6));
    expect(third.body).to.equal('1 events up to e-6');
    type('three');
    expect((await pollForSignals(markOf(third))).body).to.contain('three');
  });

  it('gets the signals that arrived after a poll that ended at its deadline', async () => {
    const { type, pollForSignals, markOf } = setUp();
    const first = await pollForSignals('1', 0.02);
    await eventually('the poll has a response', () => first.status === 204);
    type('late');
    expect((await pollForSignals(markOf(first))).body).to.contain('late');
  });

  it('gets the signals that arrived while it was reading, with a change of the role too', async () => {
    const { type, pollForSignals, waiters, whileReading } = setUp();
    whileReading(() => type('meanwhile'));
    const first = await pollForSignals();
    expect(first.body).to.equal('0 events up to e-5 and meanwhile');
    whileReading(() => {
      type('again');
      waiters.wakeAll('role', 'e-5');
    });
    expect((await pollForSignals()).body).to.equal('0 events up to e-5 and again');
  });

  it('receives only later signals if another node issued its signal cursor, and none if it wants no signals', async () => {
    const { type, pollForSignals, poll, dispatch } = setUp();
    type('before');
    const foreign = await pollForSignals('0123456789ab-0');
    const other = await poll(30);
    expect(foreign.status).to.equal(0);
    type('after');
    expect(foreign.body).to.contain('after');
    expect(other.status).to.equal(0);
    dispatch(event(6));
    expect(other.headers).to.not.have.property('Ephemeral-Cursor');
  });

  it('takes no slot if its client leaves before or during the read', async () => {
    const { waiters, poll, whileReading } = setUp(1);
    const gone = new FakeResponse();
    gone.emit('close');
    await poll(30, gone);
    const leaving = new FakeResponse();
    whileReading(() => void leaving.emit('close'));
    await poll(30, leaving);
    expect(waiters.size).to.equal(0);
    whileReading(() => {});
    const next = await poll(0);
    await eventually('the next one has a slot', () => next.status === 204);
  });
});

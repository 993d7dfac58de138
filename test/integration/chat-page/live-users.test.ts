import { expect } from 'chai';
import { type Chat, ChatClient, type Ephemeral, type PollSource } from '../../../src/client/index.ts';
import { sharePolls } from '../../../src/web/home/model/connection/shared-polls.ts';
import { LiveUsers } from '../../../src/web/home/model/live/live-users.ts';
import { OnlineUsers } from '../../../src/web/home/model/live/online-users.ts';
import { TypingUsers } from '../../../src/web/home/model/live/typing-users.ts';
import { Conversation } from '../../../src/web/home/model/messages/conversation.ts';
import { eventually } from '../../support/eventually.ts';
import { json, startFakeNode } from '../../support/nodes/client-fake-node.ts';

const typing = (user_id: number, ttl_ms = 6000) => ({ kind: 'typing', group_id: 1, user_id, ttl_ms }) as const;

describe('The users who type, on the chat page', () => {
  it('are those with a signal that has neither expired nor ended with a message', () => {
    let now = 0;
    const typingUsers = new TypingUsers(
      () => {},
      () => now,
    );
    for (const userId of [3, 2]) typingUsers.observe(typing(userId));
    expect(typingUsers.in(1), 'in the order in which they began').to.deep.equal([3, 2]);
    typingUsers.stopped(1, 3);
    expect(typingUsers.in(1)).to.deep.equal([2]);
    expect(typingUsers.in(7), 'another group').to.deep.equal([]);
    typingUsers.observe(typing(3));
    expect(typingUsers.in(1), 'a signal that is older than the message').to.deep.equal([2]);
    now = 1000;
    typingUsers.observe(typing(3));
    expect(typingUsers.in(1), 'the next one').to.deep.equal([2, 3]);
    now = 7000;
    expect(typingUsers.in(1)).to.deep.equal([]);
    typingUsers.stop();
  });

  it('expire by themselves, and are bounded for any input', async () => {
    let changes = 0;
    const typingUsers = new TypingUsers(() => {
      changes += 1;
    });
    typingUsers.observe(typing(2, 5));
    await eventually('the expiry is reported', () => changes > 0);
    expect(typingUsers.in(1)).to.deep.equal([]);
    for (let userId = 1; userId <= 10_000; userId += 1) typingUsers.observe(typing(userId, 1e12));
    for (const ttl of [Number.NaN, -1, Number.NEGATIVE_INFINITY])
      typingUsers.observe({ ...typing(5, ttl), group_id: 2 });
    expect(typingUsers.in(1).length).to.be.within(1, 100);
    expect(typingUsers.in(2)).to.deep.equal([]);
    typingUsers.stop();
  });
});

describe('The connected users, on the chat page', () => {
  it('are known from the newer of a list and a signal', () => {
    const users = new OnlineUsers();
    expect([users.isOff, users.has(1)]).to.deep.equal([true, false]);
    users.set(2, false, 20);
    users.set(4, true, 20);
    users.listed([1, 2, 3], 10);
    expect(
      [1, 2, 3, 4].map((id) => users.has(id)),
      'signals that arrived during the request',
    ).to.deep.equal([true, false, true, true]);
    users.members([1, 3, 4], [3], 30);
    expect([1, 2, 3, 4].map((id) => users.has(id))).to.deep.equal([false, false, true, false]);
    users.listed([2], 40);
    expect([1, 2, 3, 4].map((id) => users.has(id))).to.deep.equal([false, true, false, false]);
    users.listed(undefined, 50);
    expect([users.isOff, users.has(2)], 'PRESENCE=off').to.deep.equal([true, false]);
  });
});

describe('Reports of typing', () => {
  const group = (members_count: number) => ({ id: 1, members_count, members: [] }) as unknown as Chat;

  it('are one request for many keystrokes; none for an empty text, an empty group or where presence is off', async () => {
    let reports = 0;
    const node = await startFakeNode(({ path }, response) => {
      if (path === '/typing') reports += 1;
      json(response, 200, { message: 'typing' });
    });
    const ending = new AbortController();
    const client = new ChatClient({ urls: [node.url], userId: 1 });
    const live = new LiveUsers({ client, signal: ending.signal, changed: () => {}, failed: () => {} });
    const [own, alone] = [new Conversation(group(2), 1), new Conversation({ ...group(1), id: 2 }, 1)];
    live.reports.typed(own, 'off');
    live.online.listed([], 0);
    for (const text of ['', ' \n']) live.reports.typed(own, text);
    live.reports.typed(alone, 'to myself');
    for (const text of ['a', 'ab', 'abc']) live.reports.typed(own, text);
    await eventually('a report', () => reports > 0);
    live.reports.typed(own, 'abcd');
    await client.presence(1).catch(() => {});
    expect(reports).to.equal(1);
    ending.abort();
    await node.close();
  });
});

describe('Tabs that share a poll', () => {
  const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  let lockRequests = 0;
  const words: string[] = [];
  const channel = new BroadcastChannel('plantao.polls.7');
  before('give the lock to the first tab that asks', () => {
    const request = async (_: string, __: object, hold: () => Promise<void>) => {
      lockRequests += 1;
      if (lockRequests === 1) await hold();
    };
    Object.defineProperty(globalThis, 'navigator', { value: { locks: { request } }, configurable: true });
    channel.onmessage = (event) => words.push((event as MessageEvent<{ kind: string }>).data.kind);
  });
  after(() => {
    channel.close();
    if (navigator === undefined) Reflect.deleteProperty(globalThis, 'navigator');
    else Object.defineProperty(globalThis, 'navigator', navigator);
  });

  it('receive the signals that the polling tab gets while their own requests wait', async () => {
    const event = (cursor: string) => ({ cursor, kind: 'broadcast' });
    const responses = [
      { cursor: 'e1-2', events: [], ephemeral: [typing(2)] },
      { cursor: 'e1-3', events: [event('e1-3')] },
    ];
    let polls = 0;
    const source: PollSource = {
      now: async () => 'e1-1',
      poll: async () => {
        const body = responses[polls];
        polls += 1;
        // The first poll of a quiet cluster, at whose beginning the other tab asks.
        if (polls === 1) await eventually('the question waits', () => words.includes('held'));
        if (body === undefined) throw new Error('a tab has polled without need');
        return { status: 200, body, headers: new Headers() };
      },
    };
    const ending = new AbortController();
    const heard: Ephemeral[] = [];
    const leader = sharePolls(7, ending.signal, () => {})(source);
    const follower = sharePolls(7, ending.signal, (signals) => heard.push(...signals))(source);
    const first = leader.poll('e1-1', true, ending.signal);
    const response = follower.poll('e1-1', true, ending.signal);
    expect((await first).body?.ephemeral).to.have.length(1);
    await eventually('the other tab receives the signal', () => heard.length === 1);
    await leader.poll('e1-2', true, ending.signal);
    const body = (await response).body;
    expect([body?.cursor, (body?.events as unknown[]).length]).to.deep.equal(['e1-3', 1]);
    expect(words.filter((kind) => kind === 'request')).to.have.length(1);
    ending.abort();
  });
});

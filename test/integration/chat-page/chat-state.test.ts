import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { type Chat, ChatClient, type ChatEvent, type Message, type User } from '../../../src/client/index.ts';
import { ChatState } from '../../../src/web/home/model/chat-state.ts';
import type { Store } from '../../../src/web/shared/stored.ts';
import { eventually } from '../../support/eventually.ts';
import { type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';
import { memoryStore } from '../../support/pages/memory-store.ts';

const ana: User = { id: 1, username: 'ana' };
const bruno: User = { id: 2, username: 'bruno' };
const clara: User = { id: 3, username: 'clara' };
const cursor = (position: number) => `e1-${position}`;

function group(id: number, ...others: User[]): Chat {
  const members = [ana, ...others];
  const counts = { members_count: members.length, unread: 0, mentions: 0, last_read_id: 0, last_message: null };
  const state = { direct: false, description: '', archived: false, shows_reads: false, role: 'member' } as const;
  return { id, name: `Group ${id}`, members, ...counts, ...state };
}

function message(id: number): Message {
  return { id, sender: 'bruno', sender_id: 2, content: `m${id}`, timestamp: '2026-01-01T00:00:00.000Z' };
}

function posted(position: number, groupId: number): ChatEvent {
  return { cursor: cursor(position), at: '', kind: 'message', group_id: groupId, message: message(position) };
}

function joined(position: number, groupId: number, { id, username }: User): ChatEvent {
  return { cursor: cursor(position), at: '', kind: 'joined', group_id: groupId, group: null, user_id: id, username };
}

describe('The chat model, when responses and events arrive out of order', () => {
  /** Requests that wait for the test's response, by path, in order of arrival. */
  let requests: Map<string, { response: ServerResponse; query: URLSearchParams }[]>;
  let node: FakeNode;
  let chat: ChatState;
  let store: Store;
  let undeliverable: string[];
  /** Whether the node responds with the system messages of a group. */
  let hasSystemMessages: boolean;

  beforeEach(async () => {
    requests = new Map();
    hasSystemMessages = true;
    node = await startFakeNode(({ path, query }, response) => {
      if (path === '/subscribe/user' && query.get('timeout') === '0') return void response.writeHead(204).end();
      if (path === '/group-events' && hasSystemMessages) return json(response, 200, { events: [], has_more: false });
      requests.set(path, [...(requests.get(path) ?? []), { response, query }]);
    });
    const client = new ChatClient({ urls: [node.url], userId: ana.id });
    store = memoryStore();
    undeliverable = [];
    const listener = {
      changed: () => {},
      arrived: () => {},
      ended: () => {},
      undeliverable: (content: string) => void undeliverable.push(content),
      removed: () => {},
    };
    chat = new ChatState(client, ana, () => store, listener, { readReportMs: 20 });
  });
  afterEach(async () => {
    chat.stop();
    await node.close();
  });

  /** Waits for the next request of that path and responds. */
  async function respond(path: string, body: unknown, status = 200): Promise<URLSearchParams> {
    await eventually(`GET ${path}`, () => (requests.get(path)?.length ?? 0) > 0);
    const next = requests.get(path)?.shift();
    if (next === undefined) throw new Error('the request has disappeared');
    json(next.response, status, body);
    return next.query;
  }
  const groups = (position: number, ...chats: Chat[]) => respond('/chats', { chats, cursor: cursor(position) });
  const page = (position: number, messages: Message[], has_more = false) =>
    respond('/messages', { messages, has_more, cursor: cursor(position) });
  const deliver = (...events: ChatEvent[]) => respond('/subscribe/user', { events, cursor: events.at(-1)?.cursor });
  const shown = (id: number) => chat.groups.sorted.find((one) => one.group.id === id);
  const members = (id: number) => shown(id)?.group.members.map(({ username }) => username);

  /** Starts the chat with one group of ana and bruno, which is open, at position 1. */
  async function start(messages: Message[] = [], hasMore = false): Promise<void> {
    await chat.open(1);
    const started = chat.start();
    await groups(1, group(1, bruno));
    await page(1, messages, hasMore);
    await started;
  }

  it('keeps a member who joined during a read of the groups, though the response is older', async () => {
    await start();
    const read = chat.groups.refresh();
    await eventually('the groups are requested', () => requests.get('/chats')?.length === 1);
    await deliver(joined(2, 1, clara));
    await eventually('clara is listed', () => members(1)?.includes('clara') === true);
    await groups(1, group(1, bruno));
    await read;
    expect(members(1)).to.deep.equal(['ana', 'bruno', 'clara']);
  });

  it('shows once that a member joined during a read of the groups, and not again what the page has shown', async () => {
    await start();
    const shownNames = () =>
      shown(1)?.systemMessages.all.flatMap((one) => ('users' in one ? one.users.map(({ username }) => username) : []));
    const read = chat.groups.refresh();
    await eventually('the groups are requested', () => requests.get('/chats')?.length === 1);
    await deliver(joined(2, 1, clara), joined(3, 1, { id: 4, username: 'davi' }));
    await eventually('both are listed', () => members(1)?.includes('davi') === true);
    await groups(2, group(1, bruno, clara));
    await read;
    expect(shownNames()).to.deep.equal(['clara', 'davi']);
    await deliver(joined(3, 1, { id: 4, username: 'davi' }), joined(4, 1, { id: 5, username: 'elisa' }));
    await eventually('the next one is listed', () => members(1)?.includes('elisa') === true);
    expect(shownNames()).to.deep.equal(['clara', 'davi', 'elisa']);
  });

  it('keeps a new name and a new role that arrived during a read of the groups, though the response is older', async () => {
    await start();
    const read = chat.groups.refresh();
    await eventually('the groups are requested', () => requests.get('/chats')?.length === 1);
    const about = { at: '', group_id: 1 };
    const changed = {
      ...about,
      kind: 'group_changed',
      name: 'Renamed',
      description: '',
      archived: false,
      shows_reads: false,
    };
    await deliver(
      { ...changed, cursor: cursor(2) } as ChatEvent,
      { ...about, kind: 'role_changed', user_id: ana.id, role: 'admin', cursor: cursor(3) } as ChatEvent,
    );
    await eventually('both events are applied', () => shown(1)?.group.role === 'admin');
    await groups(1, group(1, bruno));
    await read;
    expect(shown(1)?.group).to.include({ name: 'Renamed', role: 'admin' });
  });

  it('does not list a group again that was deleted during a read of the groups', async () => {
    await start();
    const read = chat.groups.refresh();
    await eventually('the groups are requested', () => requests.get('/chats')?.length === 1);
    await deliver({ at: '', group_id: 1, kind: 'group_deleted', cursor: cursor(2) } as ChatEvent);
    await eventually('the group is removed', () => shown(1) === undefined);
    await groups(1, group(1, bruno));
    await read;
    expect(shown(1)).to.equal(undefined);
  });

  it('never applies an older response after a newer one: a new group stays', async () => {
    await start();
    const first = chat.groups.refresh();
    await eventually('the groups are requested', () => requests.get('/chats')?.length === 1);
    const second = chat.groups.refresh();
    const third = chat.groups.refresh();
    await groups(1, group(1, bruno));
    await first;
    await groups(2, group(1, bruno), group(2));
    expect(await Promise.all([second, third])).to.deep.equal([cursor(2), cursor(2)]);
    expect(chat.groups.sorted.map(({ group: { id } }) => id)).to.have.members([1, 2]);
    expect(requests.get('/chats')).to.deep.equal([]);
  });

  it('lists all groups with one request, and counts the new messages of one that the user was added to', async () => {
    const many = Array.from({ length: 40 }, (_, index) => group(index + 1));
    const started = chat.start();
    await groups(1, ...many);
    await started;
    await deliver(joined(2, 99, ana), posted(3, 99));
    await groups(3, ...many, { ...group(99), unread: 1 });
    await eventually('the group is listed', () => shown(99) !== undefined);
    await deliver(posted(4, 99));
    await eventually('its new message has arrived', () => shown(99)?.last?.id === 4);
    expect(shown(99)?.unread).to.equal(2);
    expect(requests.get('/messages')).to.equal(undefined);
  });

  it('counts a message that arrived while the groups were being read', async () => {
    await start();
    await chat.open(undefined);
    const read = chat.groups.refresh();
    await eventually('the groups are requested', () => requests.get('/chats')?.length === 1);
    await deliver(posted(2, 1), posted(3, 1));
    await eventually('both have arrived', () => shown(1)?.unread === 2);
    await groups(2, { ...group(1, bruno), unread: 1 });
    await read;
    expect(shown(1)?.unread).to.equal(2);
  });

  it('leaves no gap when an older page arrives after a gap in the stream', async () => {
    await start([message(51)], true);
    const [open] = chat.groups.sorted;
    if (open === undefined) throw new Error('no group is listed');
    const older = chat.history.loadOlder(open);
    await eventually('the older page is requested', () => requests.get('/messages')?.length === 1);
    await respond('/subscribe/user', { error: 'too old', code: 'cursor_expired' }, 410);
    await groups(500, group(1, bruno));
    await groups(500, group(1, bruno));
    await eventually('the newest page is requested', () => requests.get('/messages')?.length === 2);
    const newest = requests.get('/messages')?.pop();
    if (newest === undefined) throw new Error('the request has disappeared');
    json(newest.response, 200, { messages: [message(400)], has_more: true, cursor: cursor(500) });
    await eventually('the newest page is shown', () => open.window.newest?.id === 400);
    await page(1, [message(50)], false);
    await older;
    expect(open.window.oldest?.id).to.equal(400);
    expect(open.window.hasOlder).to.equal(true);
  });

  it('leaves no gap when a newest page arrives that was requested before a gap in the stream', async () => {
    await start([message(1)]);
    const [open] = chat.groups.sorted;
    if (open === undefined) throw new Error('no group is listed');
    open.forget();
    const opening = chat.open(1);
    await eventually('its newest page is requested', () => requests.get('/messages')?.length === 1);
    await respond('/subscribe/user', { error: 'too old', code: 'cursor_expired' }, 410);
    await groups(500, group(1, bruno));
    await groups(500, group(1, bruno));
    await eventually('the newest page is requested again', () => requests.get('/messages')?.length === 2);
    await page(2, [message(2)]);
    await page(500, [message(500)], true);
    await opening;
    await eventually('the group is loaded again', () => open.loaded);
    expect(open.window.oldest?.id).to.equal(500);
  });

  it('shows the messages of a group soon if its system messages do not arrive', async () => {
    hasSystemMessages = false;
    await start([message(1)]);
    expect(shown(1)?.window.all.map(({ id }) => id)).to.deep.equal([1]);
  });

  it('loads older messages when all loaded ones have been deleted', async () => {
    await start([message(51)], true);
    const [open] = chat.groups.sorted;
    if (open === undefined) throw new Error('no group is listed');
    open.removed(51);
    const older = chat.history.loadOlder(open);
    expect((await page(1, [message(50)])).has('before')).to.equal(false);
    await older;
    expect(open.window.oldest?.id).to.equal(50);
  });

  it('drops old messages of groups that are not open, and loads them again on demand', async () => {
    await start();
    await chat.open(undefined);
    const [one] = chat.groups.sorted;
    await deliver(...Array.from({ length: 450 }, (_, index) => posted(index + 2, 1)));
    await eventually('all messages have arrived', () => one?.window.newest?.id === 451);
    expect(one?.window.all).to.have.length(200);
    expect(one?.window).to.include({ hasOlder: true });
    expect([one?.window.oldest?.id, one?.unread]).to.deep.equal([252, 450]);
    await chat.open(1);
    await deliver(posted(452, 1));
    await eventually('one more message has arrived', () => one?.window.newest?.id === 452);
    expect(one?.window.all).to.have.length(201);
    await chat.open(undefined);
    expect(one?.window.all).to.have.length(200);
  });

  it('opens a group with many unread messages at the first of them', async () => {
    const started = chat.start();
    await groups(1, { ...group(1, bruno), unread: 300, last_read_id: 1000 });
    await started;
    const opening = chat.open(1);
    expect((await page(1, [message(1000)])).get('around')).to.equal('1000');
    await opening;
    expect(shown(1)?.dividerAfter).to.equal(1000);
    shown(1)?.markRead(1100);
    await chat.open(1);
    expect(shown(1)?.dividerAfter, 'after a link to a message of the open group').to.equal(1000);
  });

  it('opens a group in which nothing has been read at its first message', async () => {
    const started = chat.start();
    await groups(1, { ...group(1, bruno), unread: 130 });
    await started;
    const opening = chat.open(1);
    expect((await page(1, [message(1)])).get('around')).to.equal('1');
    await opening;
    expect(shown(1)?.dividerAfter).to.equal(0);
  });

  it('keeps the loaded messages until the latest ones have arrived', async () => {
    await start([message(1)]);
    const [open] = chat.groups.sorted;
    if (open === undefined) throw new Error('no group is listed');
    open.load({ messages: [message(10)], has_more: true, has_newer: true, cursor: cursor(1) });
    const refused = chat.history.toLatest(open);
    await respond('/messages', { error: 'no', code: 'invalid_request' }, 400);
    await refused.then(
      () => expect.fail('the request was refused'),
      () => {},
    );
    expect([open.loaded, open.window.all.map(({ id }) => id)]).to.deep.equal([true, [10]]);
    const latest = chat.history.toLatest(open);
    await eventually('the latest page is requested', () => requests.get('/messages')?.length === 1);
    expect(open.window.newest?.id).to.equal(10);
    await page(30, [message(29), message(30)], true);
    await latest;
    expect([open.window.all.map(({ id }) => id), open.window.hasNewer]).to.deep.equal([[29, 30], false]);
  });

  it('sends messages left from an earlier visit, and returns their text if the user has left the group', async () => {
    const left = (groupId: number) => JSON.stringify({ groupId, content: `for ${groupId}`, at: groupId });
    store.setItem(`plantao.outbox.${ana.id}.key-1`, left(1));
    store.setItem(`plantao.outbox.${ana.id}.key-9`, left(9));
    await start();
    expect(undeliverable).to.deep.equal(['for 9']);
    await eventually('the other one is sent', () => requests.get('/messages')?.length === 1);
    expect(store.getItem(`plantao.outbox.${ana.id}.key-9`)).to.equal(null);
  });

  it('shows messages left from an earlier visit, in the group and in the list, before any node responds, and sends each once', async () => {
    const replyTo = { id: 7, sender: 'bruno', excerpt: 'a question' };
    const unsent = JSON.stringify({ groupId: 31, content: 'an answer', replyTo, at: 1 });
    store.setItem(`plantao.outbox.${ana.id}.key-1`, unsent);
    const kept = [31, 32].map((id) => ({ group: group(id, bruno), activeAt: '', messages: [] }));
    store.setItem(`plantao.seen.${ana.id}.chats`, JSON.stringify({ groups: kept }));
    const client = new ChatClient({ urls: [node.url], userId: ana.id });
    chat = new ChatState(client, ana, () => store, {
      changed: () => {},
      arrived: () => {},
      ended: () => {},
      undeliverable: () => {},
      removed: () => {},
    });
    const started = chat.start();
    const waiting = () => shown(31)?.waiting;
    expect(waiting()).to.deep.include({ content: 'an answer', replyTo, state: 'sending' });
    expect(shown(32)?.waiting).to.equal(undefined);
    await groups(1, group(32, bruno), group(31, bruno));
    await started;
    expect(shown(31)?.pending.shown).to.have.length(1);
    await respond('/messages', { message_id: 8, timestamp: '2026-01-01T00:00:00.000Z', cursor: cursor(2) });
    await eventually('it is stored', () => waiting() === undefined);
    expect(shown(31)?.window.all.map(({ content, reply_to }) => [content, reply_to?.excerpt])).to.deep.equal([
      ['an answer', 'a question'],
    ]);
    expect(requests.get('/messages')).to.deep.equal([]);
  });

  it('sends messages in the order in which they were written, though the clock of the device is set back', async () => {
    const later = Date.now() + 3_600_000;
    store.setItem(`plantao.outbox.${ana.id}.key-1`, JSON.stringify({ groupId: 1, content: 'first', at: later }));
    await start();
    const open = shown(1);
    if (open === undefined) throw new Error('no group is listed');
    void chat.outbox.send(open, 'second');
    const keys = Array.from({ length: store.length }, (_, index) => store.key(index) ?? '');
    const waiting = keys
      .filter((key) => key.startsWith('plantao.outbox'))
      .map((key) => JSON.parse(store.getItem(key) ?? ''));
    expect(waiting.sort((one, other) => one.at - other.at).map(({ content }) => content)).to.deep.equal([
      'first',
      'second',
    ]);
  });

  it('keeps a group on the device for as long as a message waits in it, however many groups are more active', async () => {
    const many = Array.from({ length: 40 }, (_, index) => group(index + 1, bruno));
    store.setItem(`plantao.outbox.${ana.id}.key-1`, JSON.stringify({ groupId: 40, content: 'late', at: 1 }));
    const started = chat.start();
    await groups(1, ...many);
    await started;
    const kept = JSON.parse(store.getItem(`plantao.seen.${ana.id}.chats`) ?? '{}');
    const ids = kept.groups.map((one: { group: Chat }) => one.group.id);
    expect(ids).to.have.length(31).and.to.include(40);
  });

  it('reports how far the user has read, only while the page is visible', async () => {
    await start([message(1), message(2)]);
    const [open] = chat.groups.sorted;
    if (open === undefined) throw new Error('no group is listed');
    chat.setVisible(false);
    chat.seen(open, 1);
    expect(open.lastReadId).to.equal(0);
    chat.setVisible(true);
    chat.seen(open, 2);
    await respond('/read', { group_id: 1, last_read_id: 2 });
    expect(open.lastReadId).to.equal(2);
  });
});

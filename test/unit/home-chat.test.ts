import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { ChatClient, type ChatEvent, type Group, type Message, type User } from '../../src/client/index.ts';
import { Chat } from '../../src/web/home/model/chat.ts';
import { ReadMarks } from '../../src/web/home/model/read-marks.ts';
import { type FakeNode, json, startFakeNode, until } from './client-fake-node.ts';

const ana: User = { id: 1, username: 'ana' };
const bruno: User = { id: 2, username: 'bruno' };
const clara: User = { id: 3, username: 'clara' };
const cursor = (position: number) => `e1-${position}`;

function group(id: number, ...members: User[]): Group {
  return { id, name: `Group ${id}`, members: [ana, ...members] };
}

function message(id: number): Message {
  return { id, sender: 'bruno', sender_id: 2, content: `m${id}`, timestamp: '2026-01-01T00:00:00.000Z' };
}

function posted(position: number, groupId: number): ChatEvent {
  return { cursor: cursor(position), at: '', kind: 'message', group_id: groupId, message: message(position) };
}

function joined(position: number, groupId: number, { id, username }: User): ChatEvent {
  return { cursor: cursor(position), at: '', kind: 'joined', group_id: groupId, user_id: id, username };
}

describe('the page of a signed-in user stays true, whatever overtakes what', () => {
  /** What waits for the test to answer it, by path, in the order in which it was asked. */
  let asked: Map<string, { response: ServerResponse; query: URLSearchParams }[]>;
  let node: FakeNode;
  let chat: Chat;

  beforeEach(async () => {
    asked = new Map();
    node = await startFakeNode(({ path, query }, response) => {
      if (path === '/subscribe/user' && query.get('timeout') === '0') return void response.writeHead(204).end();
      asked.set(path, [...(asked.get(path) ?? []), { response, query }]);
    });
    const client = new ChatClient({ urls: [node.url], userId: ana.id });
    const store = { getItem: () => '[]', setItem: () => {} };
    chat = new Chat(client, ana, new ReadMarks(() => store, ana.id), {
      changed: () => {},
      arrived: () => {},
      ended: () => {},
    });
  });
  afterEach(async () => {
    chat.stop();
    await node.close();
  });

  /** Waits for the next request of that path and answers it. */
  async function answer(path: string, body: unknown, status = 200): Promise<URLSearchParams> {
    await until(() => (asked.get(path)?.length ?? 0) > 0, `GET ${path}`);
    const next = asked.get(path)?.shift();
    if (next === undefined) throw new Error('it was there a moment ago');
    json(next.response, status, body);
    return next.query;
  }
  const groups = (position: number, ...chats: Group[]) => answer('/chats', { chats, cursor: cursor(position) });
  const page = (position: number, messages: Message[], has_more = false) =>
    answer('/messages', { messages, has_more, cursor: cursor(position) });
  const news = (...events: ChatEvent[]) => answer('/subscribe/user', { events, cursor: events.at(-1)?.cursor });
  const shown = (id: number) => chat.conversations.find((one) => one.group.id === id);
  const members = (id: number) => shown(id)?.group.members.map(({ username }) => username);

  /** Signed in, with one group of ana and bruno, as of position 1. */
  async function start(messages: Message[] = [], hasMore = false): Promise<void> {
    const started = chat.start();
    await groups(1, group(1, bruno));
    await page(1, messages, hasMore);
    await started;
  }

  it('keeps who came while the groups were being read, though the answer is from before', async () => {
    await start();
    const read = chat.refresh();
    await until(() => asked.get('/chats')?.length === 1, 'the groups are asked for');
    await news(joined(2, 1, clara));
    await until(() => members(1)?.includes('clara') === true, 'clara is shown');
    await groups(1, group(1, bruno));
    await read;
    expect(members(1)).to.deep.equal(['ana', 'bruno', 'clara']);
  });

  it('takes no older answer after a newer one: a group that came meanwhile stays', async () => {
    await start();
    const first = chat.refresh();
    await until(() => asked.get('/chats')?.length === 1, 'the groups are asked for');
    const second = chat.refresh();
    const third = chat.refresh();
    await groups(1, group(1, bruno));
    await first;
    await groups(2, group(1, bruno), group(2));
    expect(await Promise.all([second, third])).to.deep.equal([cursor(2), cursor(2)]);
    expect(chat.conversations.map(({ group: { id } }) => id)).to.have.members([1, 2]);
    expect(asked.get('/chats')).to.deep.equal([]);
  });

  it('loads a group that one was taken into, however many others are not loaded, and counts what came meanwhile', async () => {
    const many = Array.from({ length: 40 }, (_, index) => group(index + 1));
    const started = chat.start();
    await groups(1, ...many);
    for (let loaded = 0; loaded < 20; loaded += 1) await page(1, []);
    await started;
    await news(joined(2, 99, ana), posted(3, 99));
    await groups(2, ...many, group(99));
    expect((await page(3, [message(3)])).get('groupId')).to.equal('99');
    await until(() => shown(99)?.loaded === true, 'it is loaded');
    expect(shown(99)?.unread).to.equal(1);
  });

  it('leaves no gap where an older page comes after a gap in the stream', async () => {
    await start([message(51)], true);
    const [open] = chat.conversations;
    if (open === undefined) throw new Error('there is a group');
    const older = chat.loadOlder(open);
    await until(() => asked.get('/messages')?.length === 1, 'the older page is asked for');
    await answer('/subscribe/user', { error: 'too old', code: 'cursor_expired' }, 410);
    await groups(500, group(1, bruno));
    await groups(500, group(1, bruno));
    await until(() => asked.get('/messages')?.length === 2, 'the newest page is asked for');
    const newest = asked.get('/messages')?.pop();
    if (newest === undefined) throw new Error('it was there a moment ago');
    json(newest.response, 200, { messages: [message(400)], has_more: true, cursor: cursor(500) });
    await until(() => open.newest?.id === 400, 'the newest page is shown');
    await page(1, [message(50)], false);
    await older;
    expect(open.oldestId).to.equal(400);
    expect(open.hasOlder).to.equal(true);
  });

  it('leaves no gap where a newest page comes that was asked for before a gap in the stream', async () => {
    await start([message(1)]);
    await news(joined(2, 2, ana));
    await groups(2, group(1, bruno), group(2));
    await until(() => asked.get('/messages')?.length === 1, 'its newest page is asked for');
    await answer('/subscribe/user', { error: 'too old', code: 'cursor_expired' }, 410);
    await groups(500, group(1, bruno), group(2));
    await groups(500, group(1, bruno), group(2));
    await until(() => asked.get('/messages')?.length === 2, 'a newest page is asked for anew');
    await page(2, [message(2)]);
    await page(500, [message(499)], true);
    await page(500, [message(500)], true);
    await until(() => shown(2)?.loaded === true, 'it is loaded anew');
    expect([1, 2].map((id) => shown(id)?.oldestId)).to.have.members([499, 500]);
  });

  it('reads on where all that was loaded has been deleted', async () => {
    await start([message(51)], true);
    const [open] = chat.conversations;
    if (open === undefined) throw new Error('there is a group');
    open.removed(51);
    const older = chat.loadOlder(open);
    expect((await page(1, [message(50)])).has('before')).to.equal(false);
    await older;
    expect(open.oldestId).to.equal(50);
  });

  it('lets go of old messages in groups that nobody reads, and reads them again on demand', async () => {
    await start();
    const [one] = chat.conversations;
    await news(...Array.from({ length: 450 }, (_, index) => posted(index + 2, 1)));
    await until(() => one?.newest?.id === 451, 'all have come');
    expect(one?.entries()).to.have.length(200);
    expect(one).to.include({ oldestId: 252, hasOlder: true, unread: 450 });
    await chat.open(1);
    await news(posted(452, 1));
    await until(() => one?.newest?.id === 452, 'one more has come');
    expect(one?.entries()).to.have.length(201);
    await chat.open(undefined);
    expect(one?.entries()).to.have.length(200);
  });
});

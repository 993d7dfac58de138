import { expect } from 'chai';
import { type Chat, ChatClient, type ChatEvent, type Message } from '../../../src/client/index.ts';
import { ChatState } from '../../../src/web/home/model/chat-state.ts';
import type { Store } from '../../../src/web/shared/stored.ts';
import { eventually } from '../../support/eventually.ts';
import { type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';
import { memoryStore } from '../../support/pages/memory-store.ts';

const me = { id: 1, username: 'ana' };
const group: Chat = {
  ...{ id: 9, name: 'Team', members: [me], members_count: 1, direct: false, description: '', archived: false },
  ...{ shows_reads: false, role: 'member', unread: 0, mentions: 0, last_read_id: 0, last_message: null },
};
const heart = (count: number) => ({ emoji: '❤️', count, mine: false });

function message(id: number, ...reactions: NonNullable<Message['reactions']>): Message {
  const about = { id, sender: 'bruno', sender_id: 2, content: `m${id}`, timestamp: '2026-01-01T00:00:00.000Z' };
  return reactions.length === 0 ? about : { ...about, reactions };
}

describe('The chat model, while the reactions cannot be read', () => {
  let node: FakeNode;
  let store: Store;
  let chat: ChatState;
  /** The messages that the node has, and whether it can read their reactions. */
  let messages: Message[];
  let isReadable: boolean;
  let pages: URLSearchParams[];
  let deliver: (events: ChatEvent[]) => void;

  beforeEach(async () => {
    [messages, isReadable, pages, store] = [[], false, [], memoryStore()];
    const polls: ((events: ChatEvent[]) => void)[] = [];
    deliver = (events) => polls.pop()?.(events);
    node = await startFakeNode(({ path, query }, response) => {
      if (path === '/chats') return json(response, 200, { chats: [group], cursor: 'e1-1' });
      if (path === '/subscribe/user' && query.get('timeout') === '0') return void response.writeHead(204).end();
      if (path === '/group-events') return json(response, 200, { events: [], has_more: false });
      if (path === '/subscribe/user') {
        return void polls.push((events) => json(response, 200, { events, cursor: events.at(-1)?.cursor }));
      }
      if (path !== '/messages') return;
      pages.push(query);
      const before = Number(query.get('before') ?? Number.POSITIVE_INFINITY);
      const older = messages.filter(({ id }) => id < before);
      const page = older.slice(-Number(query.get('limit')));
      json(response, 200, {
        messages: page.map(({ reactions, ...one }) => (isReadable && reactions ? { ...one, reactions } : one)),
        has_more: page.length < older.length,
        ...(!isReadable && { incomplete: ['reactions'] }),
        cursor: 'e1-1',
      });
    });
    chat = open();
  });
  afterEach(async () => {
    chat.stop();
    await node.close();
  });

  function open(): ChatState {
    const none = () => {};
    const client = new ChatClient({ urls: [node.url], userId: me.id });
    const listener = { changed: none, arrived: none, ended: none, undeliverable: none, removed: none };
    return new ChatState(client, me, () => store, listener, { reactionsFirstMs: 50 });
  }

  async function start(): Promise<void> {
    await chat.open(group.id);
    await chat.start();
  }

  const counts = () =>
    chat.opened?.window.all.map(({ reactions }) => reactions?.map(({ count }) => count).join() ?? '');

  it('reads the missing ones later, page by page, and then stops', async () => {
    messages = Array.from({ length: 70 }, (_, index) => message(index + 1, heart(index + 1)));
    await start();
    if (chat.opened === undefined) throw new Error('no group is open');
    await chat.history.loadOlder(chat.opened);
    expect(counts()).to.deep.equal(messages.map(() => ''));
    await eventually('they are read again', () => pages.length > 2);
    expect(counts()).to.deep.equal(messages.map(() => ''));
    isReadable = true;
    await eventually('all reactions are shown', () => counts()?.[0] === '1', { within: 10_000 });
    expect(counts()).to.deep.equal(messages.map(({ id }) => `${id}`));
    expect(chat.opened.missingReactions.newest).to.equal(undefined);
  });

  it('shows the reactions that it knows from an earlier visit and from before a gap in the stream', async () => {
    messages = [message(1, heart(1)), message(2)];
    isReadable = true;
    await start();
    chat.save();
    chat.stop();
    isReadable = false;
    chat = open();
    await start();
    expect(counts(), 'after a reload').to.deep.equal(['1', '']);
    chat.opened?.forget();
    await chat.open(group.id);
    expect(counts(), 'after a gap').to.deep.equal(['1', '']);
    chat.save();
    expect(store.getItem(`plantao.seen.${me.id}.chats`)).to.contain('❤️');
  });

  it('keeps a reaction that was added after the page was read', async () => {
    messages = [message(1, heart(1))];
    await start();
    const about = { group_id: group.id, message_id: 1, user_id: 2, username: 'bruno', at: '' };
    deliver([{ ...about, kind: 'reaction', cursor: 'e1-2', emoji: '❤️', count: 2, added: true } as ChatEvent]);
    await eventually('the new reaction is shown', () => counts()?.[0] === '2');
    isReadable = true;
    await eventually('the page is read again', () => chat.opened?.missingReactions.newest === undefined, {
      within: 10_000,
    });
    expect(counts()).to.deep.equal(['2']);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import type { Chat, ChatEvent, Message } from '../../../../../src/client/index.ts';
import { Conversation } from '../../../../../src/web/home/model/messages/conversation.ts';

const ME = 1;
const group: Chat = {
  id: 9,
  name: 'Team',
  members: [],
  members_count: 0,
  direct: false,
  description: '',
  archived: false,
  shows_reads: false,
  role: 'member',
  unread: 0,
  mentions: 0,
  last_read_id: 0,
  last_message: null,
};
const cursor = (position: number) => `e1-${position}`;

function message(id: number, sender = 2, content = `m${id}`): Message {
  return { id, sender: `user ${sender}`, sender_id: sender, content, timestamp: '2026-01-01T00:00:00.000Z' };
}

function posted(position: number, one: Message): ChatEvent {
  return { cursor: cursor(position), kind: 'message', group_id: group.id, at: '', message: one };
}

function deleted(position: number, messageId: number): ChatEvent {
  return { cursor: cursor(position), kind: 'message_deleted', group_id: group.id, message_id: messageId, at: '' };
}

/** Returns what is shown: ids of stored messages and texts of pending ones. */
function shown(conversation: Conversation): (number | string)[] {
  const { window, pending } = conversation;
  return [...window.all.map(({ id }) => id), ...pending.shown.map(({ content }) => content)];
}

describe('A conversation', () => {
  let conversation: Conversation;
  beforeEach(() => {
    conversation = new Conversation(group, ME);
  });

  it('shows every message once and in order when pages and live events overlap', () => {
    conversation.apply(posted(12, message(12)));
    conversation.load({ messages: [message(10), message(11)], has_more: true, cursor: cursor(11) });
    conversation.apply(posted(11, message(11)));
    conversation.window.loadOlder({
      messages: [message(8), message(9), message(10)],
      has_more: false,
      cursor: cursor(12),
    });
    expect(shown(conversation)).to.deep.equal([8, 9, 10, 11, 12]);
    expect(conversation.window.hasOlder).to.equal(false);
  });

  it('keeps changes that are missing from a page that was read before them', () => {
    const edited: ChatEvent = {
      ...{ cursor: cursor(12), kind: 'message_edited', group_id: group.id, at: '' },
      message: { ...message(10), content: 'mended', edited_at: '2026-01-01T00:01:00.000Z' },
    };
    const other: ChatEvent = { ...edited, message: { ...message(8), content: 'mended too' } };
    const texts = () => conversation.window.all.map(({ content }) => content);
    conversation.apply(edited);
    conversation.load({ messages: [message(10), message(11)], has_more: true, cursor: cursor(11) });
    expect(texts()).to.deep.equal(['mended', 'm11']);
    conversation.apply(other);
    conversation.load({ messages: [message(10), message(11)], has_more: true, cursor: cursor(13) });
    expect(texts(), 'a page that was read after it').to.deep.equal(['m10', 'm11']);
    // The older page changes no message but its own.
    conversation.loadOlder({ messages: [message(8)], has_more: false, cursor: cursor(11) });
    expect(texts(), 'a page of a node that is behind').to.deep.equal(['mended too', 'm10', 'm11']);
  });

  it('counts the deletion of an unread message once, and not if the list of chats has counted it', () => {
    const unread = (count: number) => ({ ...group, unread: count, last_message: { ...message(12), excerpt: 'm12' } });
    conversation.updateFromList(unread(2), cursor(13), '');
    conversation.apply(deleted(13, 11));
    expect(conversation.unread, 'the list was read after the deletion').to.equal(2);
    conversation.removed(10);
    conversation.apply(deleted(14, 10));
    expect(conversation.unread, 'deleted by the user, and then heard').to.equal(1);
  });

  it('shows the new name of a user on its messages, on previews of them, and as the sender of the last one', () => {
    const preview = { id: 1, sender: 'user 2', sender_id: 2, excerpt: 'm1', deleted: false };
    const messages = [message(1), { ...message(2, 3), reply_to: preview }];
    conversation.load({ messages, has_more: false, cursor: cursor(2) });
    conversation.apply(posted(3, message(3)));
    conversation.apply({
      ...{ cursor: cursor(4), kind: 'user_renamed', group_id: group.id, at: '' },
      ...{ user_id: 2, username: 'deleted-2' },
    } as ChatEvent);
    expect(conversation.window.all.map(({ sender }) => sender)).to.deep.equal(['deleted-2', 'user 3', 'deleted-2']);
    expect(conversation.window.find(2)?.reply_to).to.deep.equal({ ...preview, sender: 'deleted-2' });
    expect(conversation.last?.sender).to.equal('deleted-2');
  });

  it('never shows a deleted message again, though an older page includes it', () => {
    conversation.load({ messages: [message(1)], has_more: true, cursor: cursor(1) });
    conversation.apply(deleted(2, 0));
    conversation.apply(deleted(3, 1));
    conversation.window.loadOlder({ messages: [message(0)], has_more: false, cursor: cursor(1) });
    expect(shown(conversation)).to.deep.equal([]);
  });

  it('ignores events that the loaded page already includes', () => {
    conversation.load({ messages: [message(3)], has_more: false, cursor: cursor(5) });
    expect(conversation.apply(posted(4, message(2)))).to.equal(undefined);
    expect(shown(conversation)).to.deep.equal([3]);
  });

  it('counts the unread messages that mention the user', () => {
    conversation = new Conversation(group, ME, (text) => text.includes('@me'));
    conversation.updateFromList({ ...group, unread: 3, mentions: 2, last_message: null }, cursor(1), '');
    expect(conversation.mentions).to.equal(2);
    conversation.apply(posted(2, message(20, 2, 'oi @me')));
    conversation.apply(posted(3, message(21, 2, 'oi')));
    expect([conversation.unread, conversation.mentions]).to.deep.equal([5, 3]);
    conversation.markRead(20);
    expect([conversation.unread, conversation.mentions]).to.deep.equal([4, 2]);
    conversation.markRead(21);
    expect([conversation.unread, conversation.mentions]).to.deep.equal([0, 0]);
  });

  it('counts only messages from other users as unread', () => {
    conversation.load({ messages: [message(1), message(2, ME), message(3)], has_more: false, cursor: cursor(3) });
    expect(conversation.apply(posted(4, message(4)))?.id).to.equal(4);
    expect(conversation.apply(posted(5, message(5, ME)))).to.equal(undefined);
    expect(conversation.unread).to.equal(1);
    expect(conversation.markRead(1)).to.equal(true);
    expect(conversation.unread).to.equal(2);
    conversation.markRead(3);
    expect([conversation.unread, conversation.markRead(2)]).to.deep.equal([1, false]);
  });

  it('shows a new message only once the messages before it are loaded', () => {
    const page = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
    conversation.load({ messages: page(90, 99), has_more: true, cursor: cursor(99) });
    conversation.load({ messages: page(10, 19), has_more: true, has_newer: true, cursor: cursor(99) });
    conversation.apply(posted(100, message(100)));
    expect(shown(conversation)).to.deep.equal(page(10, 19).map(({ id }) => id));
    expect(conversation.window.hasNewer).to.equal(true);
    conversation.window.loadNewer({ messages: page(20, 98), has_more: true, cursor: cursor(99) });
    expect(shown(conversation).at(-1)).to.equal(98);
    conversation.window.loadNewer({ messages: page(99, 99), has_more: false, cursor: cursor(99) });
    expect(shown(conversation)).to.deep.equal(page(10, 100).map(({ id }) => id));
    expect(conversation.window.hasNewer).to.equal(false);
  });

  it('reads the new messages in further pages if too many arrived to be kept', () => {
    conversation.load({ messages: [message(1)], has_more: false, has_newer: true, cursor: cursor(2) });
    for (let id = 3; id <= 600; id += 1) conversation.apply(posted(id, message(id)));
    conversation.window.loadNewer({ messages: [message(2)], has_more: false, cursor: cursor(2) });
    expect([shown(conversation), conversation.window.hasNewer]).to.deep.equal([[1, 2], true]);
    const rest = Array.from({ length: 598 }, (_, index) => message(index + 3));
    conversation.window.loadNewer({ messages: rest, has_more: false, cursor: cursor(600) });
    // The window keeps 500: the oldest ones are loaded again on demand.
    expect([shown(conversation).length, shown(conversation).at(-1)]).to.deep.equal([500, 600]);
    expect([conversation.window.hasOlder, conversation.window.hasNewer]).to.deep.equal([true, false]);
  });

  it('counts no unread messages at the end, even if too many arrived to be kept while the user had scrolled up', () => {
    conversation.load({ messages: [message(1)], has_more: false, has_newer: true, cursor: cursor(2) });
    for (let id = 2; id <= 900; id += 1) conversation.apply(posted(id, message(id)));
    expect(conversation.unread).to.equal(899);
    const newest = Array.from({ length: 50 }, (_, index) => message(index + 850));
    conversation.load({ messages: newest, has_more: true, cursor: cursor(899) });
    expect([shown(conversation).at(-1), conversation.window.hasNewer]).to.deep.equal([900, false]);
    conversation.markRead(899);
    expect(conversation.unread).to.equal(1);
    conversation.markRead(900);
    expect(conversation.unread).to.equal(0);
  });

  it('shows an edited text with the reactions that it had, and counts reactions', () => {
    conversation.load({ messages: [message(1)], has_more: false, cursor: cursor(1) });
    const base = { at: '', group_id: group.id, message_id: 1, emoji: '👍' };
    conversation.apply({ ...base, kind: 'reaction', cursor: cursor(2), user_id: 2, added: true, count: 1 });
    conversation.apply({ ...base, kind: 'reaction', cursor: cursor(3), user_id: ME, added: true, count: 2 });
    const edited = { ...message(1), content: 'better', edited_at: '2026-01-01T00:01:00.000Z' };
    conversation.apply({ kind: 'message_edited', cursor: cursor(4), at: '', group_id: group.id, message: edited });
    expect(conversation.window.find(1)).to.deep.include({
      content: 'better',
      reactions: [{ emoji: '👍', count: 2, mine: true }],
    });
    conversation.apply({ ...base, kind: 'reaction', cursor: cursor(5), user_id: ME, added: false, count: 1 });
    expect(conversation.window.find(1)?.reactions).to.deep.equal([{ emoji: '👍', count: 1, mine: false }]);
  });

  it('shows in the quotes of replies that their message was edited or deleted, whichever is read first', () => {
    const quote = { id: 5, sender: 'user 2', sender_id: 2, excerpt: 'm5', deleted: false };
    const edited = { ...message(5), content: `better ${'x'.repeat(200)}` };
    const excerpt = edited.content.slice(0, 100);
    const quotes = () => conversation.window.all.map(({ reply_to }) => [reply_to?.excerpt, reply_to?.deleted]);
    conversation.load({ messages: [{ ...message(6), reply_to: quote }], has_more: false, cursor: cursor(6) });
    conversation.apply({ kind: 'message_edited', cursor: cursor(8), at: '', group_id: group.id, message: edited });
    expect(quotes()).to.deep.equal([[excerpt, false]]);
    // Read before the edit.
    conversation.loadNewer({ messages: [{ ...message(7), reply_to: quote }], has_more: false, cursor: cursor(7) });
    expect(quotes()).to.deep.equal([
      [excerpt, false],
      [excerpt, false],
    ]);
    conversation.apply(deleted(9, 5));
    expect(quotes()).to.deep.equal([
      [null, true],
      [null, true],
    ]);
  });

  it('counts messages that the list of groups does not include yet', () => {
    const last = { id: 7, sender: 'user 2', sender_id: 2, excerpt: 'm7', timestamp: '2026-01-01T00:00:00.000Z' };
    conversation.updateFromList(
      { ...group, unread: 3, last_read_id: 4, last_message: last },
      cursor(7),
      last.timestamp,
    );
    conversation.apply(posted(7, message(7)));
    conversation.apply(posted(8, message(8)));
    expect([conversation.unread, conversation.last?.id]).to.deep.equal([4, 8]);
    conversation.apply({ kind: 'read', cursor: cursor(9), at: '', group_id: group.id, message_id: 8 });
    expect(conversation.unread).to.equal(0);
  });

  it('starts again with the newest page after a gap', () => {
    conversation.load({ messages: [message(1)], has_more: true, cursor: cursor(50) });
    conversation.forget();
    conversation.load({ messages: [message(7)], has_more: false, cursor: cursor(2) });
    conversation.apply(posted(3, message(8)));
    expect(shown(conversation)).to.deep.equal([7, 8]);
  });
});

describe('A message of the user', () => {
  let conversation: Conversation;
  const sent = { message_id: 5, timestamp: '2026-01-01T00:00:00.000Z', cursor: cursor(5) };
  beforeEach(() => {
    conversation = new Conversation(group, ME);
    conversation.load({ messages: [], has_more: false, cursor: cursor(0) });
    conversation.sending('key', { content: 'hello' });
  });

  it('is shown at once, and only once when the response arrives before the event', () => {
    expect(shown(conversation)).to.deep.equal(['hello']);
    conversation.sent('key', sent, 'ana');
    conversation.apply(posted(5, message(5, ME, 'hello')));
    expect(shown(conversation)).to.deep.equal([5]);
  });

  it('is shown only once when the event arrives before the response', () => {
    conversation.apply(posted(5, message(5, ME, 'hello')));
    expect(shown(conversation)).to.deep.equal([5]);
    conversation.sent('key', sent, 'ana');
    expect(shown(conversation)).to.deep.equal([5]);
  });

  it('is shown beside the same text that was sent from another tab', () => {
    conversation.apply(posted(4, message(4, ME, 'hello')));
    conversation.sent('key', sent, 'ana');
    expect(shown(conversation)).to.deep.equal([4, 5]);
  });

  it('is shown only once when it failed and is retried with its key', () => {
    conversation.pending.failed('key', 'no node');
    expect(conversation.pending.newest).to.deep.include({ state: 'failed' });
    expect(conversation.pending.find('key')?.content).to.equal('hello');
    conversation.sending('key', { content: 'hello' });
    conversation.sent('key', sent, 'ana');
    expect(shown(conversation)).to.deep.equal([5]);
  });

  it('stays not sent after a failure even if another device posted the same text', () => {
    conversation.apply(posted(4, message(4, ME, 'hello')));
    conversation.pending.failed('key', 'no node');
    expect(shown(conversation)).to.deep.equal([4, 'hello']);
  });

  it('is not shown if it was deleted before the response to its post arrived', () => {
    conversation.apply(posted(5, message(5, ME, 'hello')));
    conversation.apply(deleted(6, 5));
    conversation.sent('key', sent, 'ana');
    expect(shown(conversation)).to.deep.equal([]);
  });

  it('is shown until the user discards it', () => {
    conversation.pending.failed('key', 'no node');
    conversation.pending.discard('key');
    expect(shown(conversation)).to.deep.equal([]);
  });
});

describe('A conversation converges to the log', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant('post' as const) },
    { weight: 1, arbitrary: fc.constant('delete' as const) },
  );

  it('for any position of its page, and any part of the stream delivered twice (prints the seed on failure)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(30), fc.nat(30), (steps, pageAt, repeatFrom) => {
        const alive: Message[] = [];
        const events: ChatEvent[] = [];
        let page = { messages: [] as Message[], has_more: false, cursor: cursor(0) };
        steps.forEach((what, index) => {
          const position = index + 1;
          const victim = what === 'delete' ? alive.splice(alive.length >> 1, 1)[0] : undefined;
          if (victim !== undefined) events.push(deleted(position, victim.id));
          else {
            alive.push(message(position));
            events.push(posted(position, message(position)));
          }
          if (position <= pageAt) page = { messages: [...alive], has_more: false, cursor: cursor(position) };
        });
        const conversation = new Conversation(group, ME);
        conversation.load(page);
        for (const event of events) conversation.apply(event);
        for (const event of events.slice(repeatFrom)) conversation.apply(event);
        expect(shown(conversation)).to.deep.equal(alive.map(({ id }) => id));
      }),
    );
  });
});

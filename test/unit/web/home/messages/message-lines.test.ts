import { expect } from 'chai';
import type { VNode } from 'preact';
import type { Chat, ChatEvent, Message } from '../../../../../src/client/index.ts';
import type { ChatState } from '../../../../../src/web/home/model/chat-state.ts';
import { Conversation } from '../../../../../src/web/home/model/messages/conversation.ts';
import { messageLines } from '../../../../../src/web/home/view/conversation/message-lines.tsx';

const me = { id: 1, username: 'ana' };
const group: Chat = {
  ...{ id: 9, name: 'Team', members: [me], members_count: 1, direct: false, description: '', archived: false },
  ...{ shows_reads: false, role: 'member', unread: 0, mentions: 0, last_read_id: 0, last_message: null },
};
const at = (day: number, hour: number) => new Date(2026, 0, day, hour).toISOString();

function message(id: number, timestamp: string): Message {
  return { id, sender: 'bruno', sender_id: 2, content: `m${id}`, timestamp };
}

/** Returns the lines of a group with these messages in which these users joined: a kind and the key of each. */
function linesOf(messages: Message[], joined: Record<string, string>, direct = false): string[] {
  const conversation = new Conversation(group, me.id);
  conversation.load({ messages, has_more: false, cursor: 'e1-1' });
  for (const [username, time] of Object.entries(joined)) {
    const event: ChatEvent = {
      ...{ kind: 'joined', cursor: username, at: time, group_id: group.id, group: null, user_id: 3, username },
    };
    conversation.systemMessages.add(event, { ...group, direct });
  }
  return lines(conversation);
}

function lines(conversation: Conversation): string[] {
  const props = {
    chat: { me } as ChatState,
    conversation,
    actions: {} as never,
    tabStop: undefined,
    target: undefined,
  };
  return messageLines(props).map((line) => {
    const { key, props } = line as VNode<{ class?: string; isFirst?: boolean }>;
    return `${props.class ?? (props.isFirst === undefined ? 'line' : props.isFirst ? 'first' : 'next')} ${key}`;
  });
}

describe('The lines of a conversation', () => {
  it('show one heading a day, also after a line that says who joined', () => {
    const messages = [message(1, at(5, 10)), message(2, at(5, 12)), message(3, at(5, 12)), message(4, at(6, 9))];
    expect(linesOf(messages, { clara: at(5, 11), davi: at(5, 23) })).to.deep.equal([
      ...['day 2026-1-5', 'first 1', 'line clara', 'first 2', 'next 3', 'line davi'],
      ...['day 2026-1-6', 'first 4'],
    ]);
  });

  it('show the heading of a day above what happened before its first message, or on a day without messages', () => {
    expect(linesOf([message(1, at(5, 10)), message(2, at(6, 12))], { clara: at(6, 11), davi: at(7, 8) })).to.deep.equal(
      [...['day 2026-1-5', 'first 1', 'day 2026-1-6', 'line clara', 'first 2', 'day 2026-1-7', 'line davi']],
    );
  });

  it('divide the new messages from the earlier ones until the user answers, here or on another device', () => {
    const open = () => {
      const conversation = new Conversation(group, me.id);
      conversation.load({ messages: [message(1, at(5, 10)), message(2, at(5, 11))], has_more: false, cursor: 'e1-1' });
      conversation.dividerAfter = 1;
      return conversation;
    };
    const isDivided = (conversation: Conversation) => lines(conversation).includes('divider divider');
    const event = (id: number, sender_id: number, sender: string): ChatEvent => ({
      ...{ kind: 'message', cursor: 'e1-2', at: at(5, 12), group_id: group.id },
      message: { ...message(id, at(5, 12)), sender, sender_id },
    });
    const here = open();
    here.apply(event(3, 2, 'bruno'));
    expect(isDivided(here)).to.equal(true);
    here.sending('key', { content: 'an answer' });
    expect(isDivided(here)).to.equal(false);
    const elsewhere = open();
    elsewhere.apply(event(3, me.id, me.username));
    expect(isDivided(elsewhere)).to.equal(false);
  });

  it('divide the messages that arrived while the user had scrolled up, once they are loaded', () => {
    const conversation = new Conversation(group, me.id);
    const page = (id: number, has_more: boolean) => ({ messages: [message(id, at(5, id))], cursor: 'e1-9', has_more });
    conversation.updateFromList({ ...group, unread: 2, last_read_id: 2 }, 'e1-9', at(5, 4));
    conversation.load(page(4, true));
    conversation.markNew();
    expect(lines(conversation), 'the new ones begin further up').to.deep.equal(['day 2026-1-5', 'first 4']);
    conversation.loadOlder(page(3, true));
    conversation.loadOlder(page(2, false));
    const expected = ['day 2026-1-5', 'first 2', 'divider divider', 'first 3', 'first 4'];
    expect(lines(conversation)).to.deep.equal(expected);
    conversation.markRead(4);
    conversation.markNew();
    expect(lines(conversation), 'it stays').to.deep.equal(expected);
  });

  it('do not say who joined a direct chat', () => {
    const joined = { ana: at(5, 9), bruno: at(5, 9) };
    expect(linesOf([message(1, at(5, 10))], joined)).to.deep.equal(['day 2026-1-5', 'line ana', 'first 1']);
    expect(linesOf([message(1, at(5, 10))], joined, true)).to.deep.equal(['day 2026-1-5', 'first 1']);
  });
});

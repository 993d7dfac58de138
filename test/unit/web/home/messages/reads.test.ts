import { expect } from 'chai';
import { MessageWindow } from '../../../../../src/web/home/model/messages/message-window.ts';
import { Reads } from '../../../../../src/web/home/model/messages/reads.ts';

const [ana, bruno, clara] = [1, 2, 3].map((id) => ({ id, username: `user ${id}` })) as [Member, Member, Member];
type Member = { id: number; username: string };

/** A window with messages of these senders, whose ids are 10, 20, 30 and so on. */
function windowOf(...senders: Member[]): MessageWindow {
  const window = new MessageWindow();
  const messages = senders.map(({ id, username }, at) => ({
    id: (at + 1) * 10,
    sender: username,
    sender_id: id,
    content: 'x',
    timestamp: '2026-01-01T00:00:00Z',
  }));
  window.load({ messages, has_more: false, cursor: '' });
  return window;
}

describe('The members who have read', () => {
  const setUp = (window: MessageWindow) => {
    const reads = new Reads();
    const shown = () =>
      [...reads.byMessage(window, [ana, bruno, clara], ana.id)].map(([id, members]) => [
        id,
        members.map((one) => one.id),
      ]);
    return { reads, shown };
  };

  it('are shown under the last message that each has read', () => {
    const { reads, shown } = setUp(windowOf(ana, ana, ana));
    for (const [user, mark] of [[bruno, 20] as const, [clara, 25] as const, [ana, 30] as const])
      reads.set(user.id, mark);
    expect(shown()).to.deep.equal([[20, [2, 3]]]);
    reads.set(clara.id, 30);
    reads.set(bruno.id, 10);
    expect(shown(), 'a mark never moves back').to.deep.equal([
      [20, [2]],
      [30, [3]],
    ]);
  });

  it('are not shown under their own message, nor before the first loaded one', () => {
    const { reads, shown } = setUp(windowOf(ana, bruno));
    reads.set(bruno.id, 20);
    reads.set(clara.id, 5);
    expect(shown()).to.deep.equal([]);
  });

  it('are not shown under the newest loaded message if they may have read further', () => {
    const window = windowOf(ana, ana);
    window.hasNewer = true;
    const { reads, shown } = setUp(window);
    reads.set(bruno.id, 20);
    reads.set(clara.id, 40);
    expect(shown()).to.deep.equal([[20, [2]]]);
  });
});

import { expect } from 'chai';
import { Drafts, isDraft } from '../../../../src/web/home/model/storage/drafts.ts';
import { Stored } from '../../../../src/web/shared/stored.ts';
import { memoryStore } from '../../../support/pages/memory-store.ts';

const question = { id: 1, sender: 'bruno', content: 'a question' };
const own = { id: 2, sender: 'ana', content: 'my mesage' };

describe('The drafts of the chat page', () => {
  const store = memoryStore();
  /** The drafts as a page sees them that has just been opened. */
  const drafts = () => new Drafts(new Stored(() => store, 'd.', isDraft));

  it('keep the message that they reply to, which may not be loaded when the page opens', () => {
    drafts().write(7, 'an answer', question);
    expect(drafts().get(7)).to.deep.equal({ text: 'an answer', replyTo: question });
  });

  it('remain beside an edit, until it ends', () => {
    drafts().edit(7, own, 'my message');
    expect(drafts().get(7)).to.deep.equal({
      text: 'an answer',
      replyTo: question,
      edit: { message: own, text: 'my message' },
    });
    drafts().endEdit(7, 99);
    expect(drafts().get(7).edit?.text, 'the end of another edit').to.equal('my message');
    drafts().endEdit(7, own.id);
    expect(drafts().get(7)).to.deep.equal({ text: 'an answer', replyTo: question });
  });

  it('leave nothing when they are empty', () => {
    drafts().write(7, '');
    drafts().edit(7, own, '');
    drafts().endEdit(7, own.id);
    expect([drafts().get(7), store.length]).to.deep.equal([{ text: '' }, 0]);
  });
});

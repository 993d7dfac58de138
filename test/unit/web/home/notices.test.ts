import { expect } from 'chai';
import { Notices } from '../../../../src/web/home/model/notices.ts';
import { eventually } from '../../../support/eventually.ts';

describe('The notice of the chat page', () => {
  it('shows the latest event, then again the warning that still applies', async () => {
    const notices = new Notices(() => {}, 10);
    notices.show({ text: "Can't connect.", tone: 'warning' });
    notices.show({ text: 'Link copied.', tone: 'info' });
    expect(notices.current?.text).to.equal('Link copied.');
    await eventually('the warning is back', () => notices.current?.text === "Can't connect.");
    notices.withdraw();
    expect(notices.current).to.equal(undefined);
  });

  it('shows a new warning at once', () => {
    const notices = new Notices(() => {});
    notices.show({ text: 'Link copied.', tone: 'info' });
    notices.show({ text: "Can't connect.", tone: 'warning' });
    expect(notices.current?.text).to.equal("Can't connect.");
  });
});

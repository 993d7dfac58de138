import { expect } from 'chai';
import type { Sequelize } from 'sequelize';
import { ReadMarks } from '../../../../src/chat/messages/read-marks.ts';

interface MarkBinds {
  bind: { users: number[]; groups: number[]; messages: number[] };
}

const INTERVAL_MS = 50;

/** Stands for a database in which every user is a member of every group. */
const sequelize = {
  query: async (_: string, { bind: { users, groups, messages } }: MarkBinds) =>
    users.map((user, index) => ({ of_user: user, of_group: groups[index], read_to: messages[index] })),
} as unknown as Sequelize;

describe('Read marks', () => {
  it('that arrive after the interval are stored together with one that still waits', async () => {
    const marks = new ReadMarks(sequelize, (work) => work({ sequelize } as never), INTERVAL_MS);
    const mark = (messageId: number) => marks.mark({ userId: 1, groupId: 7, messageId });
    expect(await mark(1)).to.equal(1);
    const waiting = mark(2);
    // A busy event loop: the interval ends, but its timer has not fired yet.
    const end = performance.now() + INTERVAL_MS * 1.2;
    while (performance.now() < end);
    const later = mark(3);
    expect(await Promise.all([waiting, later])).to.deep.equal([3, 3]);
  });

  it('never moves a waiting mark back, and keeps the marks of other users and groups apart', async () => {
    const marks = new ReadMarks(sequelize, (work) => work({ sequelize } as never), INTERVAL_MS);
    await marks.mark({ userId: 1, groupId: 7, messageId: 1 });
    const all = [
      marks.mark({ userId: 1, groupId: 7, messageId: 9 }),
      marks.mark({ userId: 1, groupId: 7, messageId: 4 }),
      marks.mark({ userId: 2, groupId: 7, messageId: 5 }),
      marks.mark({ userId: 1, groupId: 8, messageId: 6 }),
    ];
    expect(await Promise.all(all)).to.deep.equal([9, 9, 5, 6]);
  });
});

import { expect } from 'chai';
import type { Sequelize } from 'sequelize';
import { DirectChats } from '../../../src/chat/groups/direct-chats.ts';
import type { Groups } from '../../../src/chat/groups/groups.ts';
import { NamedGroups } from '../../../src/chat/groups/named-groups.ts';
import { BlockedError } from '../../../src/database/checks/blocking.ts';
import { DatabaseUnavailableError, OutcomeUnknownError } from '../../../src/database/errors.ts';
import { afterCommit } from '../../../src/database/writes/after-commit.ts';
import { NotActiveError, type Write } from '../../../src/database/writes/fenced-write.ts';
import { errorOf } from '../../support/error-of.ts';

const fails = () => Promise.reject(new DatabaseUnavailableError('the connection was lost'));
const database = { query: fails } as unknown as Sequelize;
/** A write that commits. */
const write = (async () => ({ groupId: 1, created: true })) as unknown as Write;

describe('A request that fails after its write is committed does not report that nothing was stored', () => {
  it('if the names of the groups that a user joined or left cannot be read', async () => {
    const groups = new NamedGroups(database, write, { namesOfUser: fails } as unknown as Groups);
    const all = [groups.join(1, 'Time', { ownOnly: true, create: true }), groups.leave(1, 'Time')];
    for (const one of all) expect(await errorOf(one)).to.be.instanceOf(OutcomeUnknownError);
  });

  it('if the name of a new direct chat cannot be read', async () => {
    expect(await errorOf(new DirectChats(database, write).open(1, 2))).to.be.instanceOf(OutcomeUnknownError);
  });

  it('whatever error is reported as "nothing was stored"; other errors stay as they are', async () => {
    for (const error of [new NotActiveError(), new BlockedError([]), new DatabaseUnavailableError('away')]) {
      const found = await errorOf(afterCommit(() => Promise.reject(error), 'the account is deleted'));
      expect(found)
        .to.be.instanceOf(OutcomeUnknownError)
        .and.include({ message: 'the account is deleted', cause: error });
    }
    const bug = new TypeError('a bug');
    expect(await errorOf(afterCommit(() => Promise.reject(bug)))).to.equal(bug);
  });
});

import type { Sequelize, Transaction } from 'sequelize';
import { modelsOf } from '../../database/models.ts';
import { query } from '../../database/query.ts';
import { afterCommit } from '../../database/writes/after-commit.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { actAs } from '../act-as.ts';
import { Refused } from '../errors.ts';
import { idempotentWrite, type RequestKey } from '../idempotency/idempotent-write.ts';
import { lockEventLogForUser } from '../users/users.ts';
import { MAX_GROUPS, requireBelowCreationLimits } from './group-limits.ts';
import type { Groups } from './groups.ts';
import { joinAll } from './joining.ts';
import { requireStored } from './require-stored.ts';

/** Joins and leaves groups by name (compatible with the Python project that this one replaces). */
export class NamedGroups {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #groups: Groups;

  constructor(sequelize: Sequelize, write: Write, groups: Groups) {
    this.#sequelize = sequelize;
    this.#write = write;
    this.#groups = groups;
  }

  /**
   * Joins the oldest group of that name. If there is none, creates one unless `create` is false. With `ownOnly`, only groups that
   * the user is in count: knowing a name is not an invitation. Returns the user's current group names, even for a
   * repeated request.
   * @throws {Refused} user_not_found, group_not_found, group_full, too_many_groups, key_reused; {RateLimitedError} for too many
   * new groups in an hour; {NotActiveError}.
   */
  async join(
    userId: number,
    name: string,
    { ownOnly, create }: { ownOnly: boolean; create: boolean },
    key: RequestKey | null = null,
  ): Promise<string[]> {
    await idempotentWrite(this.#sequelize, this.#write, key, async (transaction) => {
      await lockEventLogForUser(userId, transaction);
      const isIn = ownOnly && (await this.#groups.idsNamed(name, userId, transaction)).length > 0;
      if (isIn) return;
      const isMissing = !create && (ownOnly || (await oldestNamed([name], transaction)).size === 0);
      if (isMissing) throw notFound(ownOnly ? undefined : await similarName(name, transaction));
      await actAs(userId, transaction);
      await joinAll(await groupsNamed([name], userId, ownOnly, transaction), userId, transaction);
      await requireBelowCreationLimits(userId, transaction);
    });
    return afterCommit(() => this.#groups.namesOfUser(userId));
  }

  /** Leaves every group of that name. Returns the user's group names. @throws {Refused} user_not_found; {NotActiveError}. */
  async leave(userId: number, name: string): Promise<string[]> {
    await this.#write(async (transaction) => {
      await lockEventLogForUser(userId, transaction);
      const groupId = await this.#groups.idsNamed(name, userId, transaction);
      await actAs(userId, transaction);
      await modelsOf(transaction).Membership.destroy({ where: { userId, groupId }, transaction });
    });
    return afterCommit(() => this.#groups.namesOfUser(userId));
  }

  /**
   * Replaces a user's groups with the groups of these names, in one transaction with a fixed number of statements. `ownOnly` and
   * the result are as for {@link join}. If a DBA added the user to more than {@link MAX_GROUPS} groups, the user first leaves the
   * excess in transactions of that size, each of which locks the log for a few milliseconds.
   * @throws as {@link join}, except group_not_found.
   */
  async replace(
    userId: number,
    names: readonly string[],
    ownOnly: boolean,
    key: RequestKey | null = null,
  ): Promise<string[]> {
    const leaveSome = () =>
      this.#write(async (transaction) => {
        await lockEventLogForUser(userId, transaction);
        const { Membership } = modelsOf(transaction);
        const isMore = (await Membership.findOne({ where: { userId }, offset: MAX_GROUPS, transaction })) !== null;
        return isMore ? leaveAllBut(names, userId, transaction) : 0;
      });
    const leaveExcess = async () => {
      while ((await leaveSome()) > 0);
    };
    const replace = async (transaction: Transaction) => {
      await lockEventLogForUser(userId, transaction);
      await actAs(userId, transaction);
      await leaveAllBut(names, userId, transaction);
      const kept = await namesOf(userId, transaction);
      const missing = [...new Set(names)].filter((name) => !kept.has(name));
      await joinAll(await groupsNamed(missing, userId, ownOnly, transaction), userId, transaction);
      await requireBelowCreationLimits(userId, transaction);
    };
    await idempotentWrite(this.#sequelize, this.#write, key, replace, leaveExcess);
    return afterCommit(() => this.#groups.namesOfUser(userId));
  }
}

/** Returns the refusal for a name that no group has. It names the group with a similar name: a new group would be its duplicate. */
function notFound(similar: string | undefined): Refused {
  if (similar === undefined) return new Refused('group_not_found');
  const problem = 'the name of another group differs only in case or accents';
  return new Refused('group_not_found', { details: [{ field: 'group', problem, name: similar }] });
}

/** Returns the name of the oldest group that differs from `name` in case or accents only, compared as in the search for users. */
async function similarName(name: string, transaction: Transaction): Promise<string | undefined> {
  const [found] = await query<{ name: string }>(
    transaction,
    `SELECT name FROM plantao.groups
     WHERE hashtextextended(plantao.search_name(name), 0) = hashtextextended(plantao.search_name($name), 0)
       AND plantao.search_name(name) = plantao.search_name($name) AND plantao.search_name($name) <> ''
       AND direct_low IS NULL AND deleted_at IS NULL
     ORDER BY id LIMIT 1`,
    { name },
  );
  return found?.name;
}

/** Leaves up to {@link MAX_GROUPS} groups of other names, and returns how many. */
async function leaveAllBut(names: readonly string[], userId: number, transaction: Transaction): Promise<number> {
  const left = await query(
    transaction,
    `DELETE FROM plantao.memberships WHERE user_id = $userId AND group_id IN (
       SELECT m.group_id FROM plantao.memberships m JOIN plantao.groups g ON g.id = m.group_id
       WHERE m.user_id = $userId AND g.name <> ALL ($names::text[]) ORDER BY m.group_id LIMIT $limit)
     RETURNING group_id`,
    { userId, names, limit: MAX_GROUPS },
  );
  return left.length;
}

/** Returns the names of a user's groups, within the transaction. */
async function namesOf(userId: number, transaction: Transaction): Promise<Set<string>> {
  const rows = await query<{ name: string }>(
    transaction,
    `SELECT g.name FROM plantao.memberships m JOIN plantao.groups g ON g.id = m.group_id
     WHERE m.user_id = $userId`,
    { userId },
  );
  return new Set(rows.map(({ name }) => name));
}

/** Returns the oldest group of each name, and creates those that do not exist; with `ownOnly` it creates them all. */
async function groupsNamed(
  names: readonly string[],
  creatorId: number,
  ownOnly: boolean,
  transaction: Transaction,
): Promise<number[]> {
  if (names.length === 0) return [];
  let found = ownOnly ? new Map<string, number>() : await oldestNamed(names, transaction);
  if (!ownOnly && names.some((name) => !found.has(name))) {
    // If two transactions need the same new name, one creates it and the other finds it, by a statement begun after the lock.
    await query(transaction, 'SELECT plantao.lock_group_names()');
    found = await oldestNamed(names, transaction);
  }
  const made = await modelsOf(transaction).Group.bulkCreate(
    names.filter((name) => !found.has(name)).map((name) => ({ name, creatorId })),
    { returning: true, transaction },
  );
  const ids = made.flatMap(({ id }) => id ?? []);
  await requireStored(ids.length, made.length, 'groups', transaction);
  return [...found.values(), ...ids];
}

/** Returns the oldest group of each name that exists. */
async function oldestNamed(names: readonly string[], transaction: Transaction): Promise<Map<string, number>> {
  const rows = await query<{ name: string; id: number }>(
    transaction,
    `SELECT asked.name, oldest.id FROM unnest($names::text[]) AS asked (name)
     CROSS JOIN LATERAL (SELECT id FROM plantao.groups WHERE name = asked.name AND direct_low IS NULL AND deleted_at IS NULL
                         ORDER BY id LIMIT 1) oldest`,
    { names },
  );
  return new Map(rows.map(({ name, id }) => [name, id]));
}

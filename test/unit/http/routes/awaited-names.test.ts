import { expect } from 'chai';
import { GroupOrNameAudience, UserAudience } from '../../../../src/chat/delivery/audiences.ts';
import type { Memberships } from '../../../../src/chat/delivery/membership-cache.ts';
import { type Audience, type Waiter, Waiters } from '../../../../src/events/waiters.ts';
import { groupRoutes } from '../../../../src/http/routes/groups/group-routes.ts';
import type { Call } from '../../../../src/http/routes/route.ts';
import type { Services } from '../../../../src/http/services.ts';
import { unusedServices } from '../../../support/nodes/unused-services.ts';

/** Groups that count how often one of them is read. */
class CountedGroups extends Map<number, { name: string }> {
  static reads = 0;
  override get(id: number) {
    CountedGroups.reads += 1;
    return super.get(id);
  }
  override has(id: number) {
    CountedGroups.reads += 1;
    return super.has(id);
  }
  override values() {
    CountedGroups.reads += this.size;
    return super.values();
  }
}

const membershipsOf = (userId: number, groups: readonly (readonly [id: number, name: string])[]): Memberships => ({
  userId,
  groups: new CountedGroups(groups.map(([id, name]) => [id, { name }])),
  holders: 0,
});

describe('GET /groups', () => {
  let waiters: Waiters;
  let own: Memberships;
  beforeEach(() => {
    waiters = new Waiters();
    CountedGroups.reads = 0;
  });

  const wait = (audience: Audience) => {
    const waiter: Waiter = { audience, stage() {}, flush() {} };
    waiters.add(waiter);
  };
  /** Calls the route as a user, or as anyone. */
  const groupsFor = async (userId: number | null) => {
    const given: Record<string, unknown> = { waiters, memberships: { of: async () => own } };
    const services = new Proxy(unusedServices(), {
      get: (others, name) => given[String(name)] ?? Reflect.get(others, name),
    }) as Services;
    const route = groupRoutes(services).find(({ path }) => path === '/groups');
    CountedGroups.reads = 0;
    const result = await route?.handle({ caller: { userId } } as Call<unknown>);
    return result?.body as { active_groups: string[]; count: number };
  };

  it('reads a group once, however many users wait for it', async () => {
    const groups = Array.from({ length: 100 }, (_, at) => [at + 1, `grupo ${at}`] as const);
    for (let user = 1; user <= 1000; user++) wait(new UserAudience(membershipsOf(user, groups)));
    const { active_groups, count } = await groupsFor(null);
    expect([active_groups.length, count]).to.deep.equal([100, 100]);
    expect(CountedGroups.reads).to.be.below(1000);
  });

  it('lists topics and the names of groups, also of those awaited by id, and the id of a group whose name is unknown', async () => {
    wait(new GroupOrNameAudience('um tópico', null));
    wait(new GroupOrNameAudience(5, null, 'Por número'));
    wait(new GroupOrNameAudience(6, null));
    wait(new UserAudience(membershipsOf(1, [[7, 'Vigiado']])));
    expect(await groupsFor(null)).to.deep.equal({
      active_groups: ['6', 'Por número', 'Vigiado', 'um tópico'],
      count: 4,
    });
  });

  it('lists no more than ten thousand', async () => {
    const groups = Array.from({ length: 12_000 }, (_, at) => [at + 1, `grupo ${at}`] as const);
    wait(new UserAudience(membershipsOf(1, groups)));
    const { active_groups, count } = await groupsFor(null);
    expect([active_groups.length, count]).to.deep.equal([10_000, 10_000]);
  });

  it('lets other work run while it compares a user with thousands of groups of one name', async () => {
    own = membershipsOf(
      1,
      Array.from({ length: 500 }, (_, at) => [at + 1, 'igual'] as const),
    );
    for (let user = 2; user <= 200; user++)
      wait(new GroupOrNameAudience('igual', membershipsOf(user, [[1000 + user, 'igual']])));
    let turns = 0;
    const count = () => {
      turns += 1;
      if (turns < 1000) pending = setImmediate(count);
    };
    let pending = setImmediate(count);
    expect((await groupsFor(1)).count).to.equal(0);
    clearImmediate(pending);
    expect(turns).to.be.above(5);
    wait(new GroupOrNameAudience('igual', membershipsOf(201, [[400, 'igual']])));
    expect(await groupsFor(1)).to.deep.equal({ active_groups: ['igual'], count: 1 });
  });
});

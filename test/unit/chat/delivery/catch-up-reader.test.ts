import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type pg from 'pg';
import { GroupOrNameAudience } from '../../../../src/chat/delivery/audiences.ts';
import { CatchUpReader } from '../../../../src/chat/delivery/catch-up-reader.ts';
import { Refused } from '../../../../src/chat/errors.ts';
import { EventDecoder } from '../../../../src/events/reading/event-decoder.ts';

/** A database that responds when `answer` is called, and a clock that is set by hand. */
class World {
  now = 0;
  readonly asked: string[] = [];
  #answer = () => {};
  readonly reader = new CatchUpReader(
    {
      query: async <Row extends pg.QueryResultRow>({ values }: pg.QueryConfig) => {
        const [position, , , name] = values as [number, unknown, unknown, string];
        this.asked.push(`${name} from ${position}`);
        await new Promise<void>((resolve) => {
          this.#answer = resolve;
        });
        return [
          { position: null, floor: 0, head: 100, epoch: 'e', is_too_far: false, groups_before: null },
        ] as unknown as Row[];
      },
    },
    new EventDecoder(),
    () => this.now,
  );

  client(name: string): { audience: GroupOrNameAudience; hasEnded: boolean } {
    return { audience: new GroupOrNameAudience(name, null), hasEnded: false };
  }

  async answer(): Promise<void> {
    this.#answer();
    await turn();
  }
}

describe('The catch-up reader', () => {
  it('lets audiences take turns, however many cursors one of them returns with', async () => {
    const world = new World();
    const [flood, other] = [world.client('flood'), world.client('other')];
    const all = [1, 2, 3, 4].map((position) => world.reader.read(flood, position));
    all.push(world.reader.read(other, 9));
    for (let times = 0; times < all.length; times++) await world.answer();
    await Promise.all(all);
    expect(world.asked).to.deep.equal(['flood from 1', 'flood from 2', 'other from 9', 'flood from 3', 'flood from 4']);
  });

  it('reads once for all requests of the same page', async () => {
    const world = new World();
    const all = [1, 2, 3].map(() => world.reader.read(world.client('a'), 5));
    await world.answer();
    expect(new Set(await Promise.all(all)).size).to.equal(1);
    expect(world.asked).to.have.length(1);
  });

  it('skips clients that have left, unless another requests the same page', async () => {
    const world = new World();
    const [first, gone, stays] = [world.client('first'), world.client('a'), world.client('a')];
    const all = [first, gone, stays].map((client) => world.reader.read(client, 5));
    const left = world.client('b');
    const unwanted = world.reader.read(left, 5);
    gone.hasEnded = true;
    left.hasEnded = true;
    for (let times = 0; times < 3; times++) await world.answer();
    expect((await Promise.all(all)).every((heard) => heard?.position === 100)).to.equal(true);
    expect(await unwanted).to.equal(null);
    expect(world.asked).to.deep.equal(['first from 5', 'a from 5']);
  });

  it('refuses a request that has waited too long', async () => {
    const world = new World();
    const [first, late] = ['first', 'late'].map((name) => world.reader.read(world.client(name), 5));
    const refusal = late?.catch((error) => error);
    world.now = 5001;
    await world.answer();
    expect((await first)?.position).to.equal(100);
    const error = await refusal;
    expect(error).to.be.instanceOf(Refused);
    expect((error as unknown as Refused).code).to.equal('overloaded');
    expect(world.asked).to.deep.equal(['first from 5']);
  });
});

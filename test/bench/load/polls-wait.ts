import { eventually } from '../../support/eventually.ts';
import { waitersOf } from '../common/servers.ts';

/** Resolves when this many polls wait, together, on the nodes with these ports. */
export async function untilPollsWait(ports: readonly number[], count: number): Promise<void> {
  const waiting = async () => {
    const all = await Promise.all(ports.map((port) => waitersOf({ port })));
    return all.reduce((sum, one) => sum + one, 0) >= count;
  };
  await eventually(`${count} polls wait`, waiting, { within: 30_000, every: 50 });
}

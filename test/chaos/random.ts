/** A seeded source of chance: the same seed draws the same things on every machine. */
export interface Random {
  /** From 0 up to, not including, 1. */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  /** Between two positive bounds, each order of magnitude as likely as the other. */
  spread(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** Makes the source for a seed (any whole number). The generator is mulberry32: 32 bits of state, public domain. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    spread: (low, high) => low * (high / low) ** next(),
    chance: (probability) => next() < probability,
    pick(from) {
      const one = from[Math.floor(next() * from.length)];
      if (one === undefined) throw new RangeError('there is nothing to pick from');
      return one;
    },
  };
}

import { expect } from 'chai';
import { RunLoop } from '../../../src/coordination/run-loop.ts';
import { eventually } from '../../support/eventually.ts';

describe('The run loop', () => {
  for (const part of ['tick', 'step'] as const) {
    it(`goes on after an error in its ${part}, and reports it`, async () => {
      const errors: unknown[] = [];
      let ticks = 0;
      let steps = 0;
      const bug = new Error(`a bug in the ${part}`);
      const loop = new RunLoop({
        tick() {
          ticks++;
          if (part === 'tick' && ticks === 1) throw bug;
        },
        async step() {
          steps++;
          if (part === 'step' && steps === 1) throw bug;
        },
        intervalMs: () => 1,
        onError: (error) => void errors.push(error),
      });
      loop.start();
      await eventually('it has gone on', () => ticks > 3 && steps > 3);
      await loop.end();
      expect(errors).to.deep.equal([bug]);
    });
  }
});

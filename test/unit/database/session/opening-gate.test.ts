import { Socket } from 'node:net';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { OpeningGate } from '../../../../src/database/session/opening-gate.ts';

describe('The gate for opening sessions', () => {
  let trials: { answer(): void; signal: AbortSignal }[];
  let gate: OpeningGate;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    trials = [];
    gate = new OpeningGate(
      (signal) =>
        new Promise((resolve) => {
          trials.push({ answer: resolve, signal });
        }),
    );
  });
  afterEach(() => mock.timers.reset());

  const opened = () => {
    const socket = new Socket();
    // As each opening does. A gate that no opening has passed for ten seconds holds none back.
    void gate.pass(socket);
    const opening = gate.watch(socket);
    socket.emit('connect');
    return { socket, opening };
  };
  /** Returns a function that returns true once the gate has let `socket` pass. */
  const passing = (socket = new Socket()) => {
    let hasPassed = false;
    void gate.pass(socket).then(() => {
      hasPassed = true;
    });
    return async () => {
      await turn();
      return hasPassed;
    };
  };

  it('holds openings back while one hangs, and tries less and less often, until the server responds to one of the trials', async () => {
    expect(await passing()(), 'before').to.equal(true);
    opened();
    mock.timers.tick(2000);
    const isPassed = passing();
    expect([await isPassed(), trials.length]).to.deep.equal([false, 1]);
    mock.timers.tick(6000);
    expect([await isPassed(), trials.length]).to.deep.equal([false, 2]);
    mock.timers.tick(6000);
    expect([await isPassed(), trials.length]).to.deep.equal([false, 2]);
    trials[0]?.answer();
    expect(await isPassed()).to.equal(true);
    expect(trials.map(({ signal }) => signal.aborted)).to.deep.equal([true, true]);
    expect(await passing()(), 'after').to.equal(true);
  });

  it('lets all openings pass once PostgreSQL responds to the one that hung', async () => {
    const { opening } = opened();
    mock.timers.tick(2000);
    const isPassed = passing();
    expect(await isPassed()).to.equal(false);
    opening.responded();
    expect(await isPassed()).to.equal(true);
  });

  it('holds nothing back when a connection is refused, reset or ended, or is given up soon', async () => {
    for (const end of [
      (socket: Socket) => socket.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' })),
      (socket: Socket) => socket.emit('end') && socket.destroy(),
      (socket: Socket) => socket.destroy(),
    ]) {
      const { socket } = opened();
      socket.on('error', () => {});
      end(socket);
      await turn();
      mock.timers.tick(2000);
      expect(await passing()()).to.equal(true);
    }
    gate.watch(new Socket());
    mock.timers.tick(2000);
    expect(await passing()(), 'never connected').to.equal(true);
    expect(trials).to.have.length(0);
  });

  it('releases an opening that is cancelled while it waits', async () => {
    opened();
    mock.timers.tick(2000);
    const socket = new Socket();
    const isPassed = passing(socket);
    socket.destroy();
    expect(await isPassed()).to.equal(true);
  });
});

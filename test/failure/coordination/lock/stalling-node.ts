/*
 * A node whose event loop can be stalled. Sends its URL to its parent when it serves. At a message it confirms and then does
 * nothing at all (no timer, no socket, as in a long computation) for the given milliseconds, or for ever.
 */
import pino from 'pino';
import { createNode } from '../../../../src/node/node.ts';
import { readSettings } from '../../../../src/settings.ts';
import { lockProgram } from '../../../support/nodes/node-build.ts';

/** Long enough for the test; an endless loop would outlive a test run that is killed. */
const FOR_EVER_MS = 60_000;

export type Stall = { forMs: number } | 'for ever';

const node = createNode(readSettings(process.env), { log: pino({ level: 'silent' }), lockProgram: lockProgram() });
void node.start().then(() => process.send?.(node.url));
process.on('message', (how: Stall) => {
  process.send?.('stalled', () => {
    if (how !== 'for ever') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, how.forMs);
    else for (const until = performance.now() + FOR_EVER_MS; performance.now() < until; );
  });
});
process.on('disconnect', () => process.exit());

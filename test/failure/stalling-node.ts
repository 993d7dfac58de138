/*
 * A node whose event loop can be stalled. Sends its URL to its parent when it serves; told a number, it says so and then
 * does nothing at all for so many milliseconds: no timer, no socket, as in a long computation.
 */
import pino from 'pino';
import { createNode } from '../../src/node.ts';
import { readSettings } from '../../src/settings.ts';

const node = createNode(readSettings(process.env), { log: pino({ level: 'silent' }) });
void node.start().then(() => process.send?.(node.url));
process.on('message', (ms: number) => {
  process.send?.('stalled', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms));
});
process.on('disconnect', () => process.exit());

#!/usr/bin/env node
/** `plantao`: inspects and operates a cluster, and runs its programs. `plantao help` lists the commands. */
import { dispatch } from './command/dispatch.ts';
import { processIo } from './command/io.ts';

const exit = await dispatch(process.argv.slice(2), processIo());
// A pipe whose reader is slow takes the end of the output later, and would lose it with the process.
// If the output cannot be written, the listener of io.ts exits first, with another code; the one here is for other outputs.
process.stdout.on('error', () => undefined);
process.stdout.write('', () => process.stderr.write('', () => setImmediate(() => process.exit(exit))));

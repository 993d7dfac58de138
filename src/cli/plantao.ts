#!/usr/bin/env node
/** `plantao`: inspects and operates a cluster, and runs its programs. `plantao help` lists the commands. */
import '../settings/native-driver.ts';
import { dispatch } from './command/dispatch.ts';
import { processIo } from './command/io.ts';

const exit = await dispatch(process.argv.slice(2), processIo());
// Exits once the output is written: if a pipe's reader is slow, the end of the output is still in this process.
// If it cannot be written, the listener of io.ts exits with another code. A command that prints nothing has no such listener, and
// the empty write below must not throw.
process.stdout.on('error', () => undefined);
process.stdout.write('', () => process.stderr.write('', () => setImmediate(() => process.exit(exit))));

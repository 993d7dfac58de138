#!/usr/bin/env node
/** `plantao`: inspects and operates a cluster, and runs its programs. `plantao help` lists the commands. */
import { dispatch } from './command/dispatch.ts';
import { processIo } from './command/io.ts';

const exit = await dispatch(process.argv.slice(2), processIo());
// A pipe whose reader is slow takes the end of the output later, and would lose it with the process.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exit)));

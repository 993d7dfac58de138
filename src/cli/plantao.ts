#!/usr/bin/env node
/** `plantao`: inspects and operates a cluster, and runs its programs. `plantao help` lists the commands. */
import { dispatch } from './command/dispatch.ts';
import { processIo } from './command/io.ts';

process.exit(await dispatch(process.argv.slice(2), processIo()));

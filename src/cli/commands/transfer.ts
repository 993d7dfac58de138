import { once } from 'node:events';
import { createReadStream, createWriteStream, openSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { errorMessage } from '../../error-message.ts';
import { parseCommand } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { type Query, withDatabase } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { CommandError, describeFailure, Exit } from '../command/exit.ts';
import { exportDatabase } from '../transfer/export-database.ts';
import { importFile } from '../transfer/import-file.ts';
import { Progress } from '../transfer/progress.ts';

/** Limit for each statement: the longest insert a batch of 10,000 rows, or sort a big table before they return its first rows. */
const LIMIT_MS = 10 * 60_000;

/** Returns the file's name; undefined for standard input or output, also called `-`. */
const fileOf = ([name]: readonly string[]) => (name === '-' ? undefined : name);

/** At a signal that ends the process, cleans up and exits with the code that a shell expects. Returns a function that undoes this. */
function onSignals(cleanUp: () => void): () => void {
  const end = (_name: NodeJS.Signals, number: number) => {
    cleanUp();
    process.exit(128 + number);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}

/** `plantao export` */
export const exportCommand: Command = {
  usage: `plantao export [FILE] [--without-passwords] [--database URL]

Writes users, groups, memberships, messages, reactions and edits as JSON lines to FILE (readable by you only; it is not
overwritten) or to standard output, from one snapshot, while nodes run. Tokens, hooks, invitations, stored idempotency keys,
events and cursors are not part of it: for a copy of the whole database use pg_dump.

  --without-passwords  leave the password hashes out: no user can sign in with a password
${DATABASE_USAGE}`,
  async run(args, io) {
    const options = { ...DATABASE_OPTIONS, 'without-passwords': { type: 'boolean', default: false } } as const;
    const { values, positionals } = parseCommand(args, options, ['FILE?']);
    const file = fileOf(positionals);
    // An incomplete export is useless, and the next export would refuse to overwrite it.
    let isCreated = false;
    const remove = () => isCreated && rmSync(file as string, { force: true });
    // Before the file exists: without a listener a signal ends the process at once.
    const stopListening = onSignals(remove);
    let output: Writable = process.stdout;
    try {
      if (file !== undefined) output = createWriteStream('', { fd: openSync(file, 'wx', 0o600) });
    } catch (error) {
      stopListening();
      const doesExist = error instanceof Error && 'code' in error && error.code === 'EEXIST';
      throw new CommandError(
        doesExist
          ? `${file} exists: delete it, for example if an export was killed, or name another file`
          : `${file} cannot be written: ${errorMessage(error)}`,
      );
    }
    isCreated = file !== undefined;
    const progress = new Progress((text) => io.notice(text));
    const how = { withPasswords: !values['without-passwords'], progress };
    // Without a listener an error of the disk or a closed pipe would end the process with a stack trace.
    const failure = new Promise<never>((_, reject) => {
      output.once('error', (error) => {
        reject(new CommandError(`${file ?? 'standard output'} cannot be written: ${errorMessage(error)}`));
      });
    });
    const write = async () => {
      const exported = await withDatabase(values.database, (query) => exportDatabase(query, output, how), LIMIT_MS);
      if (file !== undefined) await once(output.end(), 'close');
      return exported;
    };
    const rows = await Promise.race([write(), failure])
      .catch((error) => {
        remove();
        throw error;
      })
      .finally(stopListening);
    if (values.json && file !== undefined) io.printJson({ rows });
    else io.notice(`exported ${rows.toLocaleString('en')} rows, ${progress.rate(rows)}`);
    return Exit.OK;
  },
};

/** `plantao import` */
export const importCommand: Command = {
  usage: `plantao import [FILE] [--database URL] [--json]

Imports a file of plantao export, or standard input, into a database without users and groups, in one transaction: all of it or
nothing, so after an interruption run it again. Ids are kept, and the sequences set. Running nodes go on; they see the rows at
the end, not as new messages, and the active one then builds the search index. Needs the role that owns the schema. Each batch
is one SELECT plantao.import_rows(table, rows), and SELECT plantao.finish_import() is the end.

${DATABASE_USAGE}`,
  async run(args, io) {
    const { values, positionals } = parseCommand(args, DATABASE_OPTIONS, ['FILE?']);
    const file = fileOf(positionals);
    const input = file === undefined ? process.stdin : createReadStream(file);
    try {
      if (file !== undefined) await once(input, 'open');
      if (file !== undefined && (await stat(file)).isDirectory()) throw new Error('it is a folder');
    } catch (error) {
      throw new CommandError(`${file} cannot be read: ${errorMessage(error)}`);
    }
    const progress = new Progress((text) => io.notice(text));
    const work = (query: Query) =>
      importFile(query, input, progress).catch((error) => {
        const { exit, sentence } = describeFailure(error);
        if (exit !== Exit.UNREACHABLE) throw error;
        // It may have been lost in the middle of the commit.
        throw new CommandError(`${sentence}. Either the whole file is imported or nothing of it: run it again`, exit);
      });
    const rows = await withDatabase(values.database, work, LIMIT_MS);
    if (values.json) io.printJson({ rows });
    else io.print(`imported ${rows.toLocaleString('en')} rows, ${progress.rate(rows)}`);
    return Exit.OK;
  },
};

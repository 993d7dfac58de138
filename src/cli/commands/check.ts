import { DatabaseUnusableError, withDatabaseAdvice } from '../../database/database-advice.ts';
import { planMigrations } from '../../database/migrator.ts';
import { checkDatabase, StartCheckError } from '../../node/start-check.ts';
import { processEnvironment } from '../../settings/process-environment.ts';
import { settingsWarnings } from '../../settings/warnings.ts';
import { readSettings } from '../../settings.ts';
import { parseCommand } from '../../terminal/arguments.ts';
import { blockingSentence } from '../command/blocking-sentence.ts';
import type { Command } from '../command/command.ts';
import { type Query, withDatabase } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { describeFailure, Exit, type ExitCode } from '../command/exit.ts';
import { type Tone, toned } from '../command/table.ts';
import { pauseAlarms, serverAlarms } from '../status/alarms.ts';
import { readStatus } from '../status/read-status.ts';

/** One result of the check; an `error` prevents a node from starting or working. */
interface Finding {
  level: 'ok' | 'warning' | 'error';
  sentence: string;
}

const finding = (level: Finding['level'], sentence: string): Finding => ({ level, sentence });

const TONES: Record<Finding['level'], Tone> = { ok: 'green', warning: 'yellow', error: 'red' };

/** `plantao check` */
export const check: Command = {
  usage: `plantao check [--database URL] [--json]

Checks the settings of the environment and .env and the database, as a node does when it starts, and says what to do about
each finding. Changes nothing. Exit code 1 if a node would not start or could not work; warnings do not change it.

${DATABASE_USAGE}`,
  async run(args, io) {
    const { values } = parseCommand(args, DATABASE_OPTIONS);
    const env = processEnvironment();
    const settings = readSettings({
      ...env,
      ...(values.database && { DATABASE_URL: values.database, DATABASE_DIRECT_URL: '' }),
    });
    const { databaseDirectUrl: url } = settings;
    const findings: Finding[] = settingsWarnings(settings).map((sentence) => finding('warning', sentence));
    let exit: ExitCode = Exit.OK;
    try {
      const warnings = await withDatabaseAdvice(url, () => checkDatabase(settings));
      findings.push(...warnings.map((sentence) => finding('warning', sentence)));
      const isQueueFull = await withDatabase(url, hasFullQueue);
      // While the queue is full, the check can try LISTEN and not NOTIFY: the queue has a warning of its own.
      const tried = isQueueFull ? 'the leader lock and LISTEN' : 'the leader lock, LISTEN and NOTIFY';
      findings.push(finding('ok', `${tried} work over this connection`));
      const schema = await schemaFinding(url);
      findings.push(schema);
      // The views of an older schema may lack columns.
      if (schema.level === 'ok') findings.push(...(await withDatabase(url, databaseFindings)));
      if (findings.some(({ level }) => level === 'error')) exit = Exit.FAILED;
    } catch (error) {
      const isRefused = error instanceof DatabaseUnusableError && error.cause instanceof StartCheckError;
      const failure = describeFailure(isRefused ? error.cause : error);
      exit = failure.exit;
      findings.push(finding('error', failure.sentence));
    }
    if (values.json) io.printJson({ ok: exit === Exit.OK, findings });
    else {
      for (const { level, sentence } of findings) {
        io.print(`${toned(level.padEnd(8), TONES[level], io.hasColours)}${sentence}`);
      }
    }
    return exit;
  },
};

async function schemaFinding(url: string): Promise<Finding> {
  const missing = await planMigrations(url);
  if (missing.length === 0) return finding('ok', 'the schema is up to date');
  const names = missing.map(({ name }) => name).join(', ');
  const remedy = 'a node that owns the schema migrates it when it starts; or run `plantao migrate`';
  return finding('warning', `${missing.length} migrations are missing (${names}): ${remedy}`);
}

/** Returns true if the queue of NOTIFY is half full. Does not need the schema, as start-check.ts does not. */
async function hasFullQueue(query: Query): Promise<boolean> {
  const [row] = await query<{ full: boolean }>('SELECT pg_notification_queue_usage() >= 0.5 AS full');
  return row?.full === true;
}

async function databaseFindings(query: Query): Promise<Finding[]> {
  const status = await readStatus(query);
  const warnings = [...pauseAlarms(status), ...serverAlarms(status)];
  return [
    ...status.blocking.map((row) => finding('error', `${blockingSentence(row)} (or commit its transaction)`)),
    ...warnings.map((sentence) => finding('warning', sentence)),
  ];
}

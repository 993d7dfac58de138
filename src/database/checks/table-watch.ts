import type { Sequelize } from 'sequelize';
import { BackgroundLoop } from '../../async/background-loop.ts';
import { jittered } from '../../async/backoff.ts';
import { query } from '../query.ts';
import type { RunQuery } from './server-check.ts';

/** The first check is part of the start: it logs what a restore has left disabled. */
const FIRST_CHECK_MS = 500;
const CHECK_EVERY_MS = 30_000;
/** Maximum number of tables that one sentence names. */
const MAX_NAMED = 5;

/** A change of the tables or of their sequence by a DBA that no statement of a node notices. */
export type TableProblem = 'triggers' | 'child_tables' | 'message_ids';

/** A table or a sequence with a problem, and the statement that ends it. */
interface Finding {
  name: string;
  remedy: string;
}

interface Check {
  sql: string;
  sentence(tables: string, remedies: string): string;
}

const CHECKS: Readonly<Record<TableProblem, Check>> = {
  // A restore, or a bulk load, may leave triggers disabled, also those of foreign keys. Posts then fail; other changes do not.
  triggers: {
    sql: `
      SELECT DISTINCT format('plantao.%I', c.relname) AS name,
             format('ALTER TABLE plantao.%I ENABLE TRIGGER ALL', c.relname) AS remedy
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'plantao' AND t.tgenabled NOT IN ('O', 'A') ORDER BY 1`,
    sentence: (tables, remedies) =>
      `triggers of ${tables} are disabled: changes of rows are not notified, or not checked. ${remedies}, then restart the nodes`,
  },
  // A query of a table reads its child tables too, whose rows have no unique keys: an archive of messages shows them twice.
  child_tables: {
    sql: `
      SELECT format('%I.%I', o.nspname, c.relname) AS name,
             format('ALTER TABLE %I.%I NO INHERIT plantao.%I', o.nspname, c.relname, p.relname) AS remedy
      FROM pg_inherits i
      JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace
      JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace o ON o.oid = c.relnamespace
      WHERE n.nspname = 'plantao' AND p.relkind = 'r' ORDER BY 1`,
    sentence: (tables, remedies) =>
      `the rows of ${tables} are read as rows of the table that they inherit from, so that clients may see messages or events twice. ${remedies}`,
  },
  // Clients read messages in the order of their ids. With CACHE each session takes ids ahead, and uses them later.
  message_ids: {
    sql: `
      SELECT format('plantao.%I', c.relname) AS name,
             format('ALTER SEQUENCE plantao.%I INCREMENT 1 CACHE 1 NO CYCLE', c.relname) AS remedy
      FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
      WHERE c.oid = to_regclass('plantao.messages_id_seq') AND (s.seqcache > 1 OR s.seqincrement < 1 OR s.seqcycle)`,
    sentence: (sequences, remedies) =>
      `the sequence ${sequences} has CACHE, a negative INCREMENT or CYCLE: a message may get a lower id than an earlier one: then it is shown before it, and may count as read. ${remedies}, then restart the nodes`,
  },
};
const PROBLEMS = Object.keys(CHECKS) as TableProblem[];

/** Returns a warning for each table that has such a problem. */
export async function tableWarnings(run: RunQuery): Promise<string[]> {
  const warnings: string[] = [];
  for (const problem of PROBLEMS) {
    const found = await run<Finding>(CHECKS[problem].sql);
    warnings.push(...found.map((one) => sentenceOf(problem, [one])));
  }
  return warnings;
}

function sentenceOf(problem: TableProblem, found: readonly Finding[]): string {
  const named = found.slice(0, MAX_NAMED);
  const others = found.length > MAX_NAMED ? ` and ${found.length - MAX_NAMED} other tables` : '';
  return CHECKS[problem].sentence(
    `${named.map(({ name }) => name).join(', ')}${others}`,
    named.map(({ remedy }) => remedy).join('; '),
  );
}

/** Options of {@link TableWatch}. */
export interface TableWatchOptions {
  sequelize: Sequelize;
  /** Called at each check with a sentence for each problem; null if no table has it. */
  onChecked(problem: TableProblem, sentence: string | null): void;
  /** The interval between two checks, in milliseconds. */
  everyMs?: number | undefined;
}

/**
 * Watches whether someone disables triggers of the tables, lets tables inherit from them, or changes the sequence of message ids while
 * the node runs: nothing else would show it. A check that fails changes nothing; the next one follows.
 */
export class TableWatch {
  readonly #loop: BackgroundLoop;

  constructor({ sequelize, onChecked, everyMs = CHECK_EVERY_MS }: TableWatchOptions) {
    let isFirst = true;
    this.#loop = new BackgroundLoop({
      delayMs: () => jittered(isFirst ? Math.min(FIRST_CHECK_MS, everyMs) : everyMs),
      async round() {
        isFirst = false;
        for (const problem of PROBLEMS) {
          const found = await query<Finding>(sequelize, CHECKS[problem].sql);
          onChecked(problem, found.length === 0 ? null : sentenceOf(problem, found));
        }
      },
      onError: () => {},
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Resolves when no check is running. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }
}

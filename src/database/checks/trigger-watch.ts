import type { Sequelize } from 'sequelize';
import { BackgroundLoop } from '../../async/background-loop.ts';
import { jittered } from '../../async/backoff.ts';
import { query } from '../query.ts';
import type { RunQuery } from './server-check.ts';

/** The first check is part of the start: it logs what a restore has left disabled. */
const FIRST_CHECK_MS = 500;
const CHECK_EVERY_MS = 30_000;
/** The most tables that one sentence names. */
const MAX_NAMED = 5;

/** A restore, or a bulk load, may leave triggers disabled, also those of foreign keys. Posts then fail; other changes do not. */
const DISABLED = `
  SELECT DISTINCT format('plantao.%I', c.relname) AS name
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'plantao' AND t.tgenabled NOT IN ('O', 'A') ORDER BY 1`;

/** Returns a warning for each table that has disabled triggers. */
export async function triggerWarnings(run: RunQuery): Promise<string[]> {
  const tables = await run<{ name: string }>(DISABLED);
  return tables.map(({ name }) => sentenceOf([name]));
}

function sentenceOf(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED);
  const others = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} other tables` : '';
  const remedies = named.map((name) => `ALTER TABLE ${name} ENABLE TRIGGER ALL`).join('; ');
  return `triggers of ${named.join(', ')}${others} are disabled: changes of rows are not notified, or not checked. ${remedies}, then restart the nodes`;
}

/** Options of {@link TriggerWatch}. */
export interface TriggerWatchOptions {
  sequelize: Sequelize;
  /** Called at each check that finds disabled triggers. */
  onDisabled(sentence: string): void;
  /** Called at each check that finds none. */
  onEnabled(): void;
  /** The interval between two checks, in milliseconds. */
  everyMs?: number | undefined;
}

/**
 * Watches whether someone disables triggers while the node runs: nothing else would show it, because the nodes then hear of
 * nothing. A check that fails changes nothing; the next one follows.
 */
export class TriggerWatch {
  readonly #loop: BackgroundLoop;

  constructor({ sequelize, onDisabled, onEnabled, everyMs = CHECK_EVERY_MS }: TriggerWatchOptions) {
    let isFirst = true;
    this.#loop = new BackgroundLoop({
      delayMs: () => jittered(isFirst ? Math.min(FIRST_CHECK_MS, everyMs) : everyMs),
      async round() {
        isFirst = false;
        const tables = await query<{ name: string }>(sequelize, DISABLED);
        if (tables.length === 0) onEnabled();
        else onDisabled(sentenceOf(tables.map(({ name }) => name)));
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

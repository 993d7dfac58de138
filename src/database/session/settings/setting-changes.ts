import type pg from 'pg';
import { pinSession, type SessionSettings, SessionSettingsError, setSettings, unpinned } from './session-settings.ts';

/** A pinned setting that PostgreSQL has reported with another value, on the session with that application_name. */
export interface ChangedSetting {
  session: string;
  name: string;
  value: string;
}

/** Returns the sentence for the log. */
export function changedSettingSentence({ session, name, value }: ChangedSetting): string {
  return `${name} became ${JSON.stringify(value)} in the session ${session}: probably a trigger or a function of the database sets it. This node sets it back before its next statement; give that function a SET clause instead (ALTER FUNCTION … SET ${name} = …), whose effect ends with the function`;
}

/**
 * The pinned settings of one session that may have another value, because a DBA's trigger or function has set them. PostgreSQL reports
 * changes of some settings, at the end of the statement that made them; a change of the others makes statements fail.
 */
export class SettingChanges {
  readonly #settings: SessionSettings;
  /** The settings that PostgreSQL has last reported with another value. */
  readonly #reported = new Set<string>();
  #areAllDoubted = false;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
  }

  /** Notes the value of a setting that PostgreSQL reports. Returns true if it is a pinned setting with another value. */
  report(name: string, value: string): boolean {
    const wanted = this.#settings[name];
    const isChanged = wanted !== undefined && wanted !== value;
    if (isChanged) this.#reported.add(name);
    else this.#reported.delete(name);
    return isChanged;
  }

  /** Notes that any setting may have another value. */
  doubtAll(): void {
    this.#areAllDoubted = true;
  }

  /**
   * Returns the statements that set the settings back, or null if no setting may have changed. In a transaction (T) only those that
   * PostgreSQL has reported: the transaction may have set others itself. An aborted one (E) accepts no statement, and its rollback
   * reverts the changes.
   */
  repair(transaction: 'I' | 'T' | 'E' | null, version: number): string | null {
    if (!this.#areAllDoubted && this.#reported.size === 0) return null;
    if (transaction === 'I') return pinSession(this.#settings, version);
    if (transaction !== 'T' || this.#reported.size === 0) return null;
    return setSettings(Object.fromEntries([...this.#reported].map((name) => [name, this.#settings[name] ?? ''])));
  }

  /** Checks the reply to {@link repair}. @throws {SessionSettingsError} if a setting still has another value. */
  checkRepair(reply: unknown): void {
    const wereAllSet = Array.isArray(reply);
    const held = [reply].flat().at(-1) as pg.QueryResult<{ name: string; current_setting: string | null }>;
    const values = new Map(held.rows.map((row) => [row.name, row.current_setting]));
    const missing = wereAllSet ? unpinned(this.#settings, values) : [...this.#reported];
    if (missing.length > 0) throw new SessionSettingsError(`these settings cannot be reset: ${missing.join(', ')}`);
    if (wereAllSet) this.#areAllDoubted = false;
  }
}

import type { Sequelize } from 'sequelize';
import { query } from '../database/query.ts';
import { errorMessage } from '../error-message.ts';
import type { PublicSettings } from '../settings/public-settings.ts';

/** Options of {@link PublishedSettings}. */
export interface PublishedSettingsOptions {
  sequelize: Sequelize;
  node: string;
  /** Returns the settings in effect. */
  read(): PublicSettings;
  /** Returns the epoch. In a new epoch the row is written again: a failover or a restore may have lost it. */
  epoch(): string;
  onError(sentence: string): void;
}

/** Writes this node's settings to plantao.node_settings, for the view plantao.settings. They are for people: no part of the service depends on them. */
export class PublishedSettings {
  readonly #options: PublishedSettingsOptions;
  #written = '';
  #isWriting = false;

  constructor(options: PublishedSettingsOptions) {
    this.#options = options;
  }

  /** Writes the settings if they have changed since the last write. Never rejects: the next call retries. */
  async writeIfChanged(): Promise<void> {
    const { sequelize, node, read, epoch, onError } = this.#options;
    const settings = JSON.stringify(read());
    const state = `${epoch()} ${settings}`;
    if (state === this.#written || this.#isWriting) return;
    this.#isWriting = true;
    try {
      await query(
        sequelize,
        `WITH forgotten AS (
           DELETE FROM plantao.node_settings s
           WHERE s.node <> $node AND NOT EXISTS (SELECT FROM plantao.nodes n WHERE n.node = s.node)
         ), written AS (
           INSERT INTO plantao.node_settings AS s (node, settings) VALUES ($node, $settings::jsonb)
           ON CONFLICT (node) DO UPDATE SET settings = excluded.settings, written_at = clock_timestamp()
         )
         SELECT set_config('synchronous_commit', 'local', true)`,
        { node, settings },
      );
      this.#written = state;
    } catch (error) {
      onError(`plantao.settings does not show this node's settings: ${errorMessage(error)}`);
    } finally {
      this.#isWriting = false;
    }
  }
}

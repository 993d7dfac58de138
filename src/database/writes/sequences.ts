import type { Sequelize } from 'sequelize';
import { errorMessage } from '../../error-message.ts';
import type { Log } from '../../log/log.ts';
import { constraintOf, SqlState, sqlState } from '../errors.ts';
import { query } from '../query.ts';

interface Repaired {
  sequence: string;
  last_before: number;
  last_now: number;
}

/** The primary keys whose values come from a sequence. */
const SEQUENCE_KEYS = ['messages_pkey', 'users_pkey', 'groups_pkey'];
/** Delay of the check after a promotion, so that it does not compete with the first posts of the term. */
const DELAY_MS = 1000;

/** Returns true if a write was rolled back because its sequence returned an id that is taken, or none. */
export function isTakenId(error: unknown): boolean {
  return sqlState(error) === SqlState.SEQUENCE_EXHAUSTED || SEQUENCE_KEYS.includes(constraintOf(error) ?? '');
}

/**
 * Moves sequences past the ids that are taken (plantao.repair_sequences). Concurrent calls share one run. Only a write that met
 * a taken id waits for it, so that it delays no promotion.
 */
export class Sequences {
  readonly #sequelize: Sequelize;
  readonly #log: Log;
  #repairing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(sequelize: Sequelize, log: Log) {
    this.#sequelize = sequelize;
    this.#log = log;
  }

  /** Repairs a second later, unless {@link cancel} comes first. Until then a write that meets a taken id repairs them itself. */
  repairSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.repair(), DELAY_MS).unref();
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  /** Repairs the sequences now. Never throws: if the repair fails, the retried write reports why. */
  repair(): Promise<void> {
    this.#repairing ??= this.#repair().finally(() => {
      this.#repairing = null;
    });
    return this.#repairing;
  }

  async #repair(): Promise<void> {
    try {
      const repaired = await query<Repaired>(
        this.#sequelize,
        'SELECT sequence, last_before, last_now FROM plantao.repair_sequences()',
      );
      for (const { sequence, last_before: before, last_now: now } of repaired) {
        this.#log.warn(
          { event: 'sequence_repaired', sequence },
          `${sequence} was at ${before}, where ids are taken or none is left; it was set to ${now}`,
        );
      }
    } catch (error) {
      this.#log.warn({ event: 'sequences_not_repaired' }, `the sequences could not be checked: ${errorMessage(error)}`);
    }
  }
}

import type { Log } from './log.ts';

/** The log levels, from the most verbose to none. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** One of {@link LOG_LEVELS}. */
export type LevelName = (typeof LOG_LEVELS)[number];

/** The level of a node's log, which can be changed while the node runs. */
export class LogLevel {
  readonly #log: Log;
  /** The level to return to from debug. */
  #usual: LevelName;
  #current: LevelName;

  constructor(log: Log, configured: LevelName) {
    this.#log = log;
    this.#usual = configured;
    this.#current = configured;
  }

  get current(): LevelName {
    return this.#current;
  }

  /** Changes the level, and logs who requested it. */
  set(level: LevelName, requester: string): void {
    this.#usual = level;
    this.#change(level, requester);
  }

  /** Changes to debug, or back to the level before it: the one of LOG_LEVEL, or the last that {@link set} chose. */
  toggleDebug(requester: string): void {
    const isDebug = this.#current === 'debug';
    // With LOG_LEVEL=debug there is no level to return to.
    const back = this.#usual === 'debug' ? 'info' : this.#usual;
    this.#change(isDebug ? back : 'debug', requester);
  }

  #change(level: LevelName, requester: string): void {
    const before = this.#current;
    this.#current = level;
    const announce = () =>
      this.#log.info({ event: 'log_level' }, `the log level is now ${level} (was ${before}): ${requester}`);
    // Logged while the more verbose of the two levels is set: the other may hide it.
    const isQuieter = LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(before);
    if (isQuieter) announce();
    this.#log.level = level;
    if (!isQuieter) announce();
  }
}

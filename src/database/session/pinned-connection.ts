import type { Duplex } from 'node:stream';
import pg from 'pg';
import { DatabaseUnavailableError } from '../errors.ts';
import { pinSession, type SessionSettings, startupOptions, unpinned } from './session-settings.ts';

/** How a session is opened: fields for the driver, which never gets a URL, and the settings that are pinned. */
export interface ConnectionOptions extends pg.ClientConfig {
  host: string;
  port: number;
  user: string;
  database: string;
  /** All of SESSION_SETTINGS, and this session's own. */
  settings: SessionSettings;
  /** The URL's options, sent before ours. */
  ownOptions: string;
  /** True behind a transaction pooler: settings are pinned per transaction, since other clients share the session. */
  throughPooler: boolean;
}

/** Raised where a session cannot be given the settings that our answers depend on; the message says which. */
export class SessionSettingsError extends DatabaseUnavailableError {
  override readonly name = 'SessionSettingsError';
}

/** What the driver's connection does beside what its types tell. */
interface Wire {
  startup(parameters: Record<string, string>): void;
}

/** SQLSTATE insufficient_privilege. */
const NOT_PERMITTED = '42501';

/** What PostgreSQL says in reply to the statements that pin, and that no client has asked. */
const REPLIES = new Set(['rowDescription', 'dataRow', 'commandComplete', 'readyForQuery', 'emptyQuery']);

/**
 * The wire under one client, which lets it have the session only when all settings are pinned and read back. It stands
 * below the driver's client because each of those that we use (our own, Sequelize's and pg-listen's) makes its client by
 * itself, and takes a connection from outside.
 */
export class PinnedConnection extends pg.Connection {
  readonly #options: ConnectionOptions;
  readonly #held = new Map<string, string | null>();
  #state: 'opening' | 'pinning' | 'refused' | 'ready' = 'opening';
  #version = 0;

  constructor(options: ConnectionOptions, stream: () => Duplex) {
    const { ssl = false, sslnegotiation, keepAlive, keepAliveInitialDelayMillis } = options;
    const config = { ssl, sslNegotiation: sslnegotiation, keepAlive, keepAliveInitialDelayMillis, stream };
    super(config as pg.ConnectionConfig);
    this.#options = options;
  }

  /** What the driver would send has come from the environment in part (PGOPTIONS, PGREPLICATION, PGAPPNAME). */
  startup(): void {
    const { user = '', database = '', application_name = '', ownOptions, settings, throughPooler } = this.#options;
    const options = [ownOptions, ...(throughPooler ? [] : [startupOptions(settings)])].join(' ').trim();
    const wire = pg.Connection.prototype as unknown as Wire;
    wire.startup.call(this, { user, database, application_name, ...(options && { options }) });
  }

  override emit(event: string | symbol, ...rest: unknown[]): boolean {
    const [message] = rest;
    if (event === 'parameterStatus') this.#learnVersion(message as { parameterName: string; parameterValue: string });
    if (this.#state === 'ready') return super.emit(event, ...rest);
    if (this.#state === 'opening') {
      if (event !== 'readyForQuery' || this.#options.throughPooler) {
        if (event === 'readyForQuery') this.#state = 'ready';
        return super.emit(event, ...rest);
      }
      this.#state = 'pinning';
      this.query(pinSession(this.#options.settings, this.#version));
      return true;
    }
    if (this.#state === 'pinning') {
      if (event === 'errorMessage') return this.#refuse(refusal(message as pg.DatabaseError));
      if (event === 'dataRow') this.#hear((message as { fields: (string | null)[] }).fields);
      if (event === 'readyForQuery') return this.#finish(rest);
    }
    return REPLIES.has(String(event)) || super.emit(event, ...rest);
  }

  #learnVersion({ parameterName, parameterValue }: { parameterName: string; parameterValue: string }): void {
    if (parameterName === 'server_version') this.#version = Number.parseInt(parameterValue, 10);
  }

  #hear(fields: (string | null)[]): void {
    const [name, value] = fields;
    if (fields.length === 2 && name) this.#held.set(name, value ?? null);
  }

  #finish(ready: unknown[]): boolean {
    const missing = unpinned(this.#options.settings, this.#held);
    if (missing.length > 0) {
      return this.#refuse(new SessionSettingsError(`the session does not take the settings ${missing.join(', ')}`));
    }
    this.#state = 'ready';
    return super.emit('readyForQuery', ...ready);
  }

  #refuse(error: Error): true {
    this.#state = 'refused';
    // As if PostgreSQL had said so: a client that is being opened fails with it.
    super.emit('errorMessage', error);
    this.end();
    return true;
  }
}

function refusal(error: pg.DatabaseError): Error {
  if (error.code !== NOT_PERMITTED) return error;
  return new SessionSettingsError(
    `the database or the role has a setting that this role may not set back (${error.message}): ALTER DATABASE or ALTER ROLE … RESET it`,
    { cause: error },
  );
}

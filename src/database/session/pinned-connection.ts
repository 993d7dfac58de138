import { Socket } from 'node:net';
import pg from 'pg';
import { markRefusedOpening, SqlState } from '../errors.ts';
import type { DatabaseServer } from '../servers/server.ts';
import { NotWritableError } from '../servers/server-errors.ts';
import type { Opening, ServerChoice, Servers } from '../servers/servers.ts';
import { type Tls, tlsOptions } from '../url/database-tls.ts';
import type { OpeningGate, WatchedOpening } from './opening-gate.ts';
import {
  pinSession,
  type SessionSettings,
  SessionSettingsError,
  startupOptions,
  unpinned,
} from './settings/session-settings.ts';
import { type ChangedSetting, SettingChanges } from './settings/setting-changes.ts';

/** How a session is opened: fields for the driver, which never gets a URL, and the settings that are pinned. */
export interface PinnedConnectionOptions extends pg.ClientConfig {
  servers: Servers;
  user: string;
  database: string;
  /** Its files are read again for each session: they may have been renewed. */
  tls: Tls;
  /** All of SESSION_SETTINGS, and this session's own. */
  settings: SessionSettings;
  /** The URL's options, sent before ours. */
  ownOptions: string;
  /** True behind a transaction pooler: settings are pinned per transaction, since other clients share the session. */
  throughPooler: boolean;
  /** Called while a session is being opened, each time that the server sends something. */
  onProgress?: () => void;
  /** Called when PostgreSQL reports a pinned setting with another value. */
  onChangedSetting?: (changed: ChangedSetting) => void;
}

/** The options of one session. */
export type SessionOptions = Omit<PinnedConnectionOptions, 'servers'> & { servers: ServerChoice };

/** Members of the driver's connection that its types lack. */
interface Wire {
  _connecting: boolean;
  ssl: ReturnType<typeof tlsOptions>;
  connect(portOrPath: number | string, host?: string): void;
  startup(parameters: Record<string, string>): void;
  upgradeToSSL(host: string, reportError: (error: Error) => void): void;
}

/** A setting that the server reports. */
interface ParameterStatus {
  parameterName: string;
  parameterValue: string;
}

const WIRE = pg.Connection.prototype as unknown as Wire;

/** Messages of PostgreSQL that reply to the statements that pin the settings. No client expects them. */
const REPLIES = new Set(['rowDescription', 'dataRow', 'commandComplete', 'readyForQuery', 'emptyQuery']);

/**
 * The connection under one client. It connects to the server that accepts writes, and gives the session to the client only once
 * all settings are pinned and verified. It is a layer below the driver's client, because our own code, Sequelize and pg-listen
 * each create their own client, and each accepts a connection object.
 */
export class PinnedConnection extends pg.Connection {
  readonly #options: SessionOptions;
  readonly #held = new Map<string, string | null>();
  /** Null behind a transaction pooler, where the settings are those of one transaction. */
  readonly #changes: SettingChanges | null;
  #state: 'opening' | 'pinning' | 'refused' | 'ready' = 'opening';
  #version = 0;
  #server: DatabaseServer | null = null;
  #isStandby = false;
  /** Not null if the session must be one that accepts writes. */
  #opening: Opening | null = null;
  readonly #gateTo: (server: DatabaseServer) => OpeningGate | null;
  #watched: WatchedOpening | null = null;

  /** `gateTo` returns the gate that may delay the opening of a session to a server. */
  constructor(options: SessionOptions, stream: () => Socket, gateTo: (server: DatabaseServer) => OpeningGate | null) {
    const { ssl = false, sslnegotiation, keepAlive, keepAliveInitialDelayMillis } = options;
    const config = { ssl, sslNegotiation: sslnegotiation, keepAlive, keepAliveInitialDelayMillis, stream };
    super(config as pg.ConnectionConfig);
    this.#options = options;
    this.#gateTo = gateTo;
    this.#changes = options.throughPooler ? null : new SettingChanges(options.settings);
  }

  /** Finds the server and connects to it. The host and the port of the client are not used. */
  connect(): void {
    const { stream } = this;
    // Makes the driver close the connection with its client. Otherwise the connection would still be opened later.
    (this as unknown as Wire)._connecting = true;
    const fail = (error: Error) => {
      stream.off('close', closed);
      stream.destroy();
      super.emit('error', error);
      super.emit('end');
    };
    const closed = () => fail(stream.errored ?? new Error('the connection was closed before it was open'));
    stream.once('close', closed);
    stream.on('error', () => {});
    this.#options.servers.find().then(async (server) => {
      const gate = stream instanceof Socket ? this.#gateTo(server) : null;
      await gate?.pass(stream as Socket);
      if (stream.destroyed) return;
      stream.off('close', closed);
      this.#watched = gate?.watch(stream as Socket) ?? null;
      this.#connectTo(server);
    }, fail);
  }

  #connectTo(server: DatabaseServer): void {
    this.#server = server;
    const { address, port } = server;
    if (this.stream instanceof Socket) this.#opening = this.#options.servers.opening(this.stream, server);
    // The server has just reported that it accepts writes.
    if (this.#opening) this.#options.onProgress?.();
    if (address.startsWith('/')) WIRE.connect.call(this as unknown as Wire, `${address}/.s.PGSQL.${port}`);
    else WIRE.connect.call(this as unknown as Wire, port, address);
  }

  /** Reads the certificates as they are now, and checks the server's against the name in the URL, not against the address. */
  upgradeToSSL(address: string, reportError: (error: Error) => void): void {
    try {
      (this as unknown as Wire).ssl = tlsOptions(this.#options.tls);
    } catch (error) {
      this.stream.destroy(error as Error);
      return;
    }
    WIRE.upgradeToSSL.call(this as unknown as Wire, this.#server?.host ?? address, reportError);
  }

  /**
   * Sends our own start-up message. The one of the driver would contain values from the environment (PGOPTIONS, PGREPLICATION,
   * PGAPPNAME).
   */
  startup(): void {
    const { user = '', database = '', application_name = '', ownOptions, settings, throughPooler } = this.#options;
    const options = [ownOptions, ...(throughPooler ? [] : [startupOptions(settings)])].join(' ').trim();
    WIRE.startup.call(this as unknown as Wire, { user, database, application_name, ...(options && { options }) });
  }

  override emit(event: string | symbol, ...rest: unknown[]): boolean {
    const [message] = rest;
    if (this.#state === 'ready') {
      if (event === 'parameterStatus') this.#noteReported(message as ParameterStatus);
      return super.emit(event, ...rest);
    }
    if (isServerMessage(message)) this.#noteReceived();
    if (event === 'errorMessage') this.#noteRefused(message as pg.DatabaseError);
    if (event === 'parameterStatus') this.#learn(message as ParameterStatus);
    if (this.#state === 'opening') {
      if (event !== 'readyForQuery') return super.emit(event, ...rest);
      if (this.#isStandby && this.#opening) return this.#refuse(new NotWritableError('in recovery'));
      if (this.#options.throughPooler) return this.#becomeReady(rest);
      this.#state = 'pinning';
      this.query(pinSession(this.#options.settings, this.#version));
      return true;
    }
    if (this.#state === 'pinning') {
      if (event === 'errorMessage') return this.#refuse(settingsErrorOf(message as pg.DatabaseError));
      if (event === 'dataRow') this.#noteHeld((message as { fields: (string | null)[] }).fields);
      if (event === 'readyForQuery') return this.#finish(rest);
    }
    return REPLIES.has(String(event)) || super.emit(event, ...rest);
  }

  #learn({ parameterName, parameterValue }: ParameterStatus): void {
    if (parameterName === 'server_version') this.#version = Number.parseInt(parameterValue, 10);
    if (parameterName === 'in_hot_standby') this.#isStandby = parameterValue === 'on';
  }

  #noteReported({ parameterName: name, parameterValue: value }: ParameterStatus): void {
    const { application_name: session = '', onChangedSetting } = this.#options;
    if (this.#changes?.report(name, value)) onChangedSetting?.({ session, name, value });
  }

  /** Notes that a statement has failed, perhaps because a setting has another value. */
  doubtSettings(): void {
    this.#changes?.doubtAll();
  }

  /** Calls {@link SettingChanges.repair}. */
  repair(transaction: 'I' | 'T' | 'E' | null): string | null {
    return this.#changes?.repair(transaction, this.#version) ?? null;
  }

  /** Calls {@link SettingChanges.checkRepair}. */
  checkRepair(reply: unknown): void {
    this.#changes?.checkRepair(reply);
  }

  #noteRefused(error: pg.DatabaseError): void {
    markRefusedOpening(error);
    if (error.code !== SqlState.QUERY_CANCELED) this.#watched?.responded();
  }

  #noteReceived(): void {
    this.#opening?.received();
    this.#options.onProgress?.();
  }

  #noteHeld(fields: (string | null)[]): void {
    const [name, value] = fields;
    if (fields.length === 2 && name) this.#held.set(name, value ?? null);
  }

  #finish(ready: unknown[]): boolean {
    const missing = unpinned(this.#options.settings, this.#held);
    if (missing.length > 0) {
      return this.#refuse(new SessionSettingsError(`the session does not accept the settings ${missing.join(', ')}`));
    }
    return this.#becomeReady(ready);
  }

  #becomeReady(ready: unknown[]): boolean {
    this.#state = 'ready';
    this.#opening?.opened();
    this.#watched?.responded();
    return super.emit('readyForQuery', ...ready);
  }

  #refuse(error: Error): true {
    this.#state = 'refused';
    this.#watched?.responded();
    // Emitted as if PostgreSQL had sent it, so that the client fails to open with this error.
    super.emit('errorMessage', error);
    this.end();
    return true;
  }
}

/** Returns true for a message of the server: unlike events of the socket, each has these fields. */
function isServerMessage(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'name' in value && 'length' in value;
}

function settingsErrorOf(error: pg.DatabaseError): Error {
  if (error.code !== SqlState.INSUFFICIENT_PRIVILEGE) return error;
  return new SessionSettingsError(
    `the database or the role has a setting that this role may not reset (${error.message}): ALTER DATABASE or ALTER ROLE … RESET it`,
    { cause: error },
  );
}

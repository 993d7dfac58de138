import type { JwtRules } from './chat/auth/jwt/jwt-rules.ts';
import { databaseUrlOf } from './database/url/database-url.ts';
import type { LevelName } from './log/log-level.ts';
import { type Environment, environment } from './settings/environment.ts';
import { jwtProblems, jwtRulesOf } from './settings/jwt-settings.ts';
import { isLoopback } from './settings/loopback.ts';

/** All settings of a node, validated and typed. Times are milliseconds unless the name says otherwise. */
export interface Settings {
  /** The database for the pool; may be a transaction pooler. */
  databaseUrl: string;
  /** The database for the sessions that a node keeps open (lock, LISTEN): PostgreSQL itself, never a transaction pooler. */
  databaseDirectUrl: string;
  host: string;
  /** 0 lets the system choose a free port. */
  port: number;
  /** Null: derived from the port. */
  nodeName: string | null;
  /** The address for peers and clients; null: derived from the port. */
  nodeUrl: string | null;
  /** The nodes that are probed from the start; others are found through the database. */
  peerUrls: string[];
  /** True for a node that tries to become active as soon as it has started. */
  isActive: boolean;
  /** True for a node that requests the active role back while another node is active. */
  isPreferred: boolean;
  leaseMs: number;
  /** The authentication of clients: by the `userId` that they send, or by a token. */
  auth: 'open' | 'token';
  adminToken: string | null;
  /** The rules for JWTs of another application's users; null if JWTs are not accepted. */
  jwt: JwtRules | null;
  /** Origins whose pages may call this node, in lower case, or `*`. */
  corsOrigin: string[];
  /** Host names accepted in addition to HOST and that of NODE_URL: `*.x` for all subdomains of x, `*` for any. */
  allowedHosts: string[];
  /** The number of reverse proxies, or their addresses; null if there is none. */
  trustProxy: number | string[] | null;
  /** How long a token is valid, in hours. */
  tokenHours: number;
  /** Wrong passwords for one account from one address in 15 minutes. */
  signInTries: number;
  /** Wrong passwords for all accounts from one address in 15 minutes. */
  signInTriesOfAddress: number;
  /** Whether a standby refuses writes or forwards them to the active node. */
  standbyWrites: 'refuse' | 'forward';
  /** True if responses name the address of the active node. */
  showActiveUrl: boolean;
  /** Requests per client and minute; 0 means no limit. */
  requestsPerMinute: number;
  /** Notifications per client and minute; 0 means no limit. */
  notificationsPerMinute: number;
  /** Bytes of notifications' payloads per client and minute; 0 means no limit. */
  notificationBytesPerMinute: number;
  /** Messages per hook and minute; 0 means no limit. */
  hookPostsPerMinute: number;
  logLevel: LevelName;
  logFormat: 'json' | 'pretty' | 'auto';
  /** The maximum number of polls and streams that wait on this node. */
  maxWaiters: number;
  /** True if nodes send clients signals of typing and presence. */
  presence: boolean;
  /** The maximum number of connections of clients. */
  maxConnections: number;
  /** The maximum number of connections to the database in the pool; the sessions that a node keeps open are not counted. */
  poolSize: number;
  /** Age at which an event is removed, in hours. */
  eventRetentionHours: number;
  /** The maximum number of events in the log. */
  eventRetentionCount: number;
  /** The maximum number of bytes of payloads of notifications in the log. */
  eventRetentionBytes: number;
  /** Age at which an idempotency key is removed, in hours. */
  idempotencyRetentionHours: number;
  /** True if the database keeps the earlier texts of edited messages. */
  editHistory: boolean;
}

/** Thrown when settings are invalid; `problems` has one sentence for each. */
export class SettingsError extends Error {
  readonly problems: string[];
  constructor(problems: string[]) {
    super(`invalid settings:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

/** Overridden by DATABASE_URL. */
const DATABASE_PARTS = ['DB_USER', 'DB_PASSWORD', 'DB_HOST', 'DB_PORT', 'DB_NAME'];

/** A hundred per second: far more than a person's client sends, and a fiftieth of what a node serves. */
const REQUESTS_PER_MINUTE = 6000;
/** Ten per second: each is stored once for every group of its name. */
const NOTIFICATIONS_PER_MINUTE = 600;

/**
 * Reads a node's settings from `env`; an empty value counts as not set.
 * @throws {SettingsError} naming every invalid setting at once.
 */
export function readSettings(env: Record<string, string | undefined>): Settings {
  const given = Object.fromEntries(
    Object.entries(env).flatMap(([name, value = '']) => (value.trim() === '' ? [] : [[name, trimmed(name, value)]])),
  );
  // Overridden values are not validated: Kubernetes sets DB_PORT=tcp://… in every pod if a service is called db.
  if (given.DATABASE_URL) for (const name of DATABASE_PARTS) delete given[name];
  const checked = environment.safeParse(given);
  const problems = checked.error?.issues.map((issue) => `${issue.path[0]?.toString() ?? '?'} ${issue.message}`) ?? [];
  if (!given.DATABASE_URL && !given.DB_NAME) {
    problems.push(
      'DATABASE_URL (or DB_USER, DB_PASSWORD, DB_HOST, DB_PORT, DB_NAME) is not set: name a database, or let `plantao cluster` start one',
    );
  }
  if (checked.success) problems.push(...jwtProblems(checked.data, authOf(checked.data)));
  if (!checked.success || problems.length > 0) throw new SettingsError(problems);

  return settingsOf(checked.data);
}

/** Drops white space at both ends: `docker --env-file` keeps the CR of a file from Windows. A password may have spaces there. */
function trimmed(name: string, text: string): string {
  return name === 'DB_PASSWORD' ? text.replace(/[\r\n]+$/, '') : text.trim();
}

/** The database of a program that is not a node, such as `plantao status`. */
export type DatabaseSettings = Pick<Settings, 'databaseUrl' | 'databaseDirectUrl'>;

/** Reads only the settings that name the database; the others may be invalid or missing. @throws {SettingsError}. */
export function readDatabaseSettings(env: Record<string, string | undefined>): DatabaseSettings {
  const names = Object.keys(environment.shape).filter((name) => /^(DATABASE|DB)_/.test(name));
  const { databaseUrl, databaseDirectUrl } = readSettings(Object.fromEntries(names.map((name) => [name, env[name]])));
  return { databaseUrl, databaseDirectUrl };
}

/** Returns ADMIN_TOKEN, or null if it is not set; the other settings are not read. */
export function readAdminToken(env: Record<string, string | undefined>): string | null {
  return env.ADMIN_TOKEN?.trim() || null;
}

const authOf = ({ AUTH, HOST }: Environment) => AUTH ?? (isLoopback(HOST) ? 'open' : 'token');

function settingsOf(values: Environment): Settings {
  const databaseUrl = values.DATABASE_URL ?? urlOfParts(values);
  return {
    databaseUrl,
    databaseDirectUrl: values.DATABASE_DIRECT_URL ?? databaseUrl,
    host: values.HOST,
    port: values.PORT,
    nodeName: values.NODE_NAME ?? null,
    nodeUrl: values.NODE_URL ?? null,
    peerUrls: values.PEER_URL,
    isActive: values.IS_ACTIVE,
    isPreferred: values.PREFERRED ?? values.IS_PRIMARY ?? false,
    leaseMs: values.LEASE_MS,
    auth: authOf(values),
    adminToken: values.ADMIN_TOKEN ?? null,
    jwt: jwtRulesOf(values),
    corsOrigin: values.CORS_ORIGIN,
    allowedHosts: values.ALLOWED_HOSTS,
    trustProxy: values.TRUST_PROXY ?? null,
    standbyWrites: values.STANDBY_WRITES,
    showActiveUrl: values.SHOW_ACTIVE_URL,
    tokenHours: values.TOKEN_HOURS,
    signInTries: values.SIGN_IN_TRIES,
    signInTriesOfAddress: values.SIGN_IN_TRIES_OF_ADDRESS,
    requestsPerMinute: values.REQUESTS_PER_MINUTE ?? (isLoopback(values.HOST) ? 0 : REQUESTS_PER_MINUTE),
    notificationsPerMinute: values.NOTIFICATIONS_PER_MINUTE ?? (isLoopback(values.HOST) ? 0 : NOTIFICATIONS_PER_MINUTE),
    notificationBytesPerMinute: values.NOTIFICATION_BYTES_PER_MINUTE,
    hookPostsPerMinute: values.HOOK_POSTS_PER_MINUTE,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
    maxWaiters: values.MAX_WAITERS,
    presence: values.PRESENCE === 'on',
    maxConnections: values.MAX_CONNECTIONS,
    poolSize: values.DB_POOL_SIZE,
    eventRetentionHours: values.EVENT_RETENTION_HOURS,
    eventRetentionCount: values.EVENT_RETENTION_COUNT,
    eventRetentionBytes: values.EVENT_RETENTION_BYTES,
    idempotencyRetentionHours: values.IDEMPOTENCY_RETENTION_HOURS,
    editHistory: values.EDIT_HISTORY,
  };
}

function urlOfParts(parts: Environment): string {
  const {
    DB_HOST: host,
    DB_PORT: port,
    DB_USER: user = '',
    DB_PASSWORD: password = '',
    DB_NAME: database = '',
  } = parts;
  return databaseUrlOf({ host, port, user, password, database });
}

import type { JwtRules } from '../chat/auth/jwt/jwt-rules.ts';
import { maskUrlSecrets } from '../database/url/mask-secrets.ts';
import type { Settings } from '../settings.ts';

/** Settings by environment variable; null for one that is not set. */
export type PublicSettings = Record<string, string | null>;

/** A setting of one environment variable. */
type PlainSetting = Exclude<keyof Settings, 'jwt'>;

/** The environment variable of each setting. */
const NAMES: Record<PlainSetting, string> = {
  databaseUrl: 'DATABASE_URL',
  databaseDirectUrl: 'DATABASE_DIRECT_URL',
  host: 'HOST',
  port: 'PORT',
  nodeName: 'NODE_NAME',
  nodeUrl: 'NODE_URL',
  peerUrls: 'PEER_URL',
  isActive: 'IS_ACTIVE',
  isPreferred: 'PREFERRED',
  leaseMs: 'LEASE_MS',
  auth: 'AUTH',
  adminToken: 'ADMIN_TOKEN',
  corsOrigin: 'CORS_ORIGIN',
  allowedHosts: 'ALLOWED_HOSTS',
  trustProxy: 'TRUST_PROXY',
  tokenHours: 'TOKEN_HOURS',
  signInTries: 'SIGN_IN_TRIES',
  signInTriesOfAddress: 'SIGN_IN_TRIES_OF_ADDRESS',
  standbyWrites: 'STANDBY_WRITES',
  showActiveUrl: 'SHOW_ACTIVE_URL',
  requestsPerMinute: 'REQUESTS_PER_MINUTE',
  notificationsPerMinute: 'NOTIFICATIONS_PER_MINUTE',
  notificationBytesPerMinute: 'NOTIFICATION_BYTES_PER_MINUTE',
  hookPostsPerMinute: 'HOOK_POSTS_PER_MINUTE',
  logLevel: 'LOG_LEVEL',
  logFormat: 'LOG_FORMAT',
  maxWaiters: 'MAX_WAITERS',
  presence: 'PRESENCE',
  maxConnections: 'MAX_CONNECTIONS',
  poolSize: 'DB_POOL_SIZE',
  eventRetentionHours: 'EVENT_RETENTION_HOURS',
  eventRetentionCount: 'EVENT_RETENTION_COUNT',
  eventRetentionBytes: 'EVENT_RETENTION_BYTES',
  idempotencyRetentionHours: 'IDEMPOTENCY_RETENTION_HOURS',
  editHistory: 'EDIT_HISTORY',
};

/** Returns the settings as others may see them: passwords in URLs masked, the ADMIN_TOKEN left out. */
export function publicSettings(settings: Settings): PublicSettings {
  const names = Object.entries(NAMES) as [PlainSetting, string][];
  const plain = names.map(([key, name]) => [name, publicValue(key, settings)]);
  return { ...Object.fromEntries(plain), ...publicJwtSettings(settings.jwt) };
}

function publicJwtSettings(jwt: JwtRules | null): PublicSettings {
  const keys: { url?: string; publicKey?: object } = jwt?.keys ?? {};
  return {
    JWT_JWKS_URL: keys.url === undefined ? null : maskUrlSecrets(keys.url),
    // Public, and long.
    JWT_PUBLIC_KEY: keys.publicKey === undefined ? null : '(set)',
    JWT_ISSUER: jwt?.issuer ?? null,
    JWT_AUDIENCE: jwt?.audience.join(',') ?? null,
    JWT_NAME_CLAIM: jwt?.nameClaim ?? null,
    JWT_ALGORITHMS: jwt?.algorithms.join(',') ?? null,
  };
}

function publicValue(key: PlainSetting, settings: Settings): string | null {
  const value = settings[key];
  if (key === 'adminToken') return value === null ? null : '(set)';
  if (key === 'presence') return value ? 'on' : 'off';
  if (value === null) return null;
  const text = Array.isArray(value) ? value.map(maskUrlSecrets).join(',') : String(value);
  return key === 'databaseUrl' || key === 'databaseDirectUrl' || key === 'nodeUrl' ? maskUrlSecrets(text) : text;
}

import { z } from 'zod';
import { isDatabaseHost } from '../database/url/database-hosts.ts';
import { LOG_LEVELS } from '../log/log-level.ts';
import { jwtEnvironment } from './jwt-settings.ts';
import {
  flag,
  hostPattern,
  httpUrl,
  list,
  listenAddress,
  origin,
  postgresUrl,
  proxies,
  whole,
} from './setting-types.ts';

/** The environment variables with their defaults; `.env.example` explains them. */
export const environment = z.object({
  DATABASE_URL: postgresUrl.optional(),
  DATABASE_DIRECT_URL: postgresUrl.optional(),
  DB_USER: z.string().optional(),
  DB_PASSWORD: z.string().optional(),
  DB_HOST: z
    .string()
    .refine(isDatabaseHost, 'must be the name or address of a host, without port, or the folder of a socket')
    .default('localhost'),
  // Also accepts what Kubernetes sets for a service called db: tcp://10.43.0.1:5432.
  DB_PORT: z
    .string()
    .transform((text) => text.replace(/^tcp:\/\/.*:/, ''))
    .pipe(whole(1, 65_535))
    .default(5432),
  DB_NAME: z.string().optional(),
  DB_POOL_SIZE: whole(2, 500).default(10),
  HOST: listenAddress.default('127.0.0.1'),
  PORT: whole(0, 65_535).default(8080),
  NODE_NAME: z
    .string()
    .regex(/^[\w.-]{1,40}$/, 'must be 1 to 40 letters, digits, dots, dashes or underscores')
    .optional(),
  NODE_URL: httpUrl.optional(),
  PEER_URL: z.string().transform(list).pipe(z.array(httpUrl)).default([]),
  IS_ACTIVE: flag.default(true),
  PREFERRED: flag.optional(),
  // The name of PREFERRED in the Python project that this one replaces.
  IS_PRIMARY: flag.optional(),
  LEASE_MS: whole(300, 60_000).default(2000),
  AUTH: z.enum(['open', 'token'], 'must be open or token').optional(),
  ADMIN_TOKEN: z
    .string()
    // Only what an Authorization header can carry: anything else would never match.
    .regex(/^[\x21-\x7e]{16,512}$/, 'must have 16 to 512 printable characters without spaces')
    .optional(),
  ...jwtEnvironment,
  CORS_ORIGIN: z.string().transform(list).pipe(z.array(origin)).default([]),
  ALLOWED_HOSTS: z.string().transform(list).pipe(z.array(hostPattern)).default([]),
  TRUST_PROXY: proxies.optional(),
  STANDBY_WRITES: z.enum(['refuse', 'forward'], 'must be refuse or forward').default('refuse'),
  SHOW_ACTIVE_URL: flag.default(true),
  TOKEN_HOURS: whole(1, 87_600).default(720),
  SIGN_IN_TRIES: whole(1, 1_000_000).default(10),
  SIGN_IN_TRIES_OF_ADDRESS: whole(1, 1_000_000).default(100),
  REQUESTS_PER_MINUTE: whole(0, 100_000_000).optional(),
  NOTIFICATIONS_PER_MINUTE: whole(0, 100_000_000).optional(),
  NOTIFICATION_BYTES_PER_MINUTE: whole(0, 1_000_000_000_000).default(60_000_000),
  HOOK_POSTS_PER_MINUTE: whole(0, 100_000_000).default(120),
  LOG_LEVEL: z.enum(LOG_LEVELS, 'must be a level from trace to silent').default('info'),
  LOG_FORMAT: z.enum(['json', 'pretty', 'auto'], 'must be json, pretty or auto').default('auto'),
  MAX_WAITERS: whole(1, 1_000_000).default(20_000),
  MAX_CONNECTIONS: whole(10, 1_000_000).default(25_000),
  EVENT_RETENTION_HOURS: whole(1, 87_600).default(168),
  EVENT_RETENTION_COUNT: whole(1000, 1_000_000_000).default(10_000_000),
  EVENT_RETENTION_BYTES: whole(1_000_000, 1_000_000_000_000).default(1_000_000_000),
  IDEMPOTENCY_RETENTION_HOURS: whole(1, 8760).default(24),
  EDIT_HISTORY: flag.default(false),
  PRESENCE: z.enum(['on', 'off'], 'must be on or off').default('on'),
});

/** The values of the environment variables, each valid by itself. */
export type Environment = z.output<typeof environment>;

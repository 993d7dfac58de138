import { errorMessage } from '../error-message.ts';
import { UnsupportedServerError } from './checks/server-check.ts';
import { causes, isRaised, SqlState, sqlState } from './errors.ts';
import { MigrationError } from './migrator.ts';
import { SessionSettingsError } from './session/settings/session-settings.ts';
import { describeDatabase } from './url/database-url.ts';

/** The remedy for a transaction pooler, as a sentence. */
export const DIRECT =
  'It goes through a transaction pooler: set DATABASE_DIRECT_URL to PostgreSQL itself (DATABASE_URL may stay as it is)';

/** Further advice for PgBouncer in session mode, where a node can also set its settings after it has connected. */
const SESSION_MODE =
  'If it gives each client a session of its own, add "options" to its ignore_startup_parameters instead';

/** Thrown when the database cannot be used. The message names it and the settings, never the password. */
export class DatabaseUnusableError extends Error {
  override readonly name = 'DatabaseUnusableError';
}

const PARTS = 'DATABASE_URL, or DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME';

/** The remedy, by SQLSTATE. The server's own message, which precedes it, may be in any language. */
const ADVICE: Record<string, string> = {
  '28P01': `check the password in ${PARTS}`,
  '28000': `check the user in ${PARTS}, and pg_hba.conf`,
  '3D000': `create the database, or check its name in ${PARTS}`,
  '42501': 'this role lacks a privilege: GRANT it (CONNECT and, for the first start, CREATE ON DATABASE)',
  '53300':
    'all connections of PostgreSQL are taken, or all that the database or role may have: raise max_connections or CONNECTION LIMIT, or lower DB_POOL_SIZE. A superuser can still connect; SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC names the holders',
  '25006':
    'name the primary in DATABASE_URL; or, if this is the primary, ALTER SYSTEM RESET default_transaction_read_only and reload its configuration',
  '55000':
    'ALTER DATABASE … ALLOW_CONNECTIONS true lets sessions in again, unless this is a template, such as template0: name another database then',
  '58P01':
    'PostgreSQL cannot read a file of its own, or a file that a setting of the server, the database or the role names, such as session_preload_libraries: correct the setting; see the log of PostgreSQL',
  '57P03': 'PostgreSQL accepts no sessions now (it is starting, stopping or recovering): start again when it does',
  '42704': 'Plantão needs PostgreSQL 14 or newer',
};

const UNTRUSTED =
  'name the file with the CA certificate, or with the self-signed certificate of the server, as sslrootcert in DATABASE_URL; sslmode=require encrypts without checking the certificate';

/** The remedy where TLS fails, by the code of the error. */
const TLS_ADVICE: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_HAS_EXPIRED: "renew the server's certificate, and reload its configuration",
  ERR_TLS_CERT_ALTNAME_INVALID:
    'use a name of the certificate as host in DATABASE_URL (hostaddr may give the address); sslmode=verify-ca does not compare the name',
};

/** SQLSTATEs without further advice: a running node only has to wait, or the error's own message is enough. */
const TEMPORARY = new Set(['57P03', '42704', '55000']);
/** The remedy for a missing privilege of a running node, whose error names the object. */
const GRANT_AGAIN = "GRANT it to this node's role (SELECT on a view of pg_catalog, GRANT plantao_service for the rest)";

/** Returns what to do about an error while a node runs, to follow the error's own message; empty if it is not known. */
export function adviceOn(error: unknown): string {
  const state = sqlState(error) ?? '';
  if (state === SqlState.INSUFFICIENT_PRIVILEGE) return isRaised(error) ? '' : `: ${GRANT_AGAIN}`;
  const advice = TEMPORARY.has(state) ? undefined : ADVICE[state];
  if (advice === undefined) return '';
  return state.startsWith('28') ? `: ${advice}, and restart the node if it has another one` : `: ${advice}`;
}

/**
 * Runs `work`, which is the first use of the database at `url`.
 * @throws {DatabaseUnusableError} a sentence for the DBA, when it fails; it or a {@link MigrationError} is thrown unchanged.
 */
export async function withDatabaseAdvice<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MigrationError || error instanceof DatabaseUnusableError) throw error;
    throw new DatabaseUnusableError(`the database ${describeDatabase(url)} cannot be used${because(error)}`, {
      cause: error,
    });
  }
}

/** Returns the codes of an error and of its causes, e.g. ECONNREFUSED of a socket. */
function socketCodes(error: unknown): string[] {
  const codes = (causes(error) as { code?: unknown }[]).map(({ code }) => code);
  return codes.filter((code): code is string => typeof code === 'string');
}

function because(error: unknown): string {
  const reason = errorMessage(error);
  if (error instanceof UnsupportedServerError || error instanceof SessionSettingsError) return `: ${reason}`;
  // PgBouncer's reply to settings of the session.
  if (reason.includes('unsupported startup parameter')) return ` (${reason}). ${DIRECT}. ${SESSION_MODE}`;
  if (reason.includes(DIRECT)) return `: ${reason}`;
  return ` (${reason}): ${ADVICE[sqlState(error) ?? ''] ?? adviceWithoutReply(error)}`;
}

function adviceWithoutReply(error: unknown): string {
  const check = `check ${PARTS}`;
  const [message, codes] = [errorMessage(error), socketCodes(error)];
  const tls = codes.map((code) => TLS_ADVICE[code]).find((advice) => advice !== undefined);
  if (tls !== undefined) return tls;
  // These errors of the driver have no code.
  if (message.includes('does not support SSL')) return 'switch ssl on in PostgreSQL, or use sslmode=disable';
  if (codes.includes('ECONNREFUSED')) return `${check}; is PostgreSQL running there?`;
  if (codes.includes('EMFILE'))
    return 'the system lets this process open too few files: raise the limit (ulimit -n, LimitNOFILE)';
  const isLate = message === 'timeout expired' || codes.includes('ETIMEDOUT');
  return isLate ? `${check}; PostgreSQL may be frozen or overloaded, or a firewall drops the packets` : check;
}

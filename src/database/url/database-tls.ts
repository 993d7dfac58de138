/** The TLS settings of a session: libpq's `sslmode` and related parameters, for the driver. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { DatabaseUrlError } from './database-url-error.ts';

/** The TLS parameters of a database URL, unparsed. */
export interface TlsSettings {
  mode: string | undefined;
  ssl: string | undefined;
  rootCertificate: string | undefined;
  certificate: string | undefined;
  key: string | undefined;
  negotiation: string | undefined;
}

/** Files are named here and read when a session is opened, so that a renewed certificate is used. */
export interface Tls {
  mode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  rootCertificate: string | null;
  certificate: string | null;
  key: string | null;
  negotiation: 'postgres' | 'direct';
}

export const UNENCRYPTED: Tls = {
  mode: 'disable',
  rootCertificate: null,
  certificate: null,
  key: null,
  negotiation: 'postgres',
};

/** The mode for each value of `ssl`, the parameter of other drivers. */
const BY_SSL: Record<string, Tls['mode']> = {
  true: 'verify-full',
  '1': 'verify-full',
  false: 'disable',
  '0': 'disable',
  'no-verify': 'require',
};
const BY_SSLMODE: Record<string, Tls['mode']> = {
  disable: 'disable',
  require: 'require',
  'no-verify': 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
};

/**
 * Returns the TLS settings that the parameters name.
 * @throws {DatabaseUrlError} when the driver does not support the parameters, or they contradict each other.
 */
export function readTls(given: TlsSettings): Tls {
  const named = given.mode === undefined ? readMode(BY_SSL, 'ssl', given.ssl) : null;
  const mode = named ?? readMode(BY_SSLMODE, 'sslmode', given.mode) ?? null;
  const { negotiation = 'postgres' } = given;
  if (negotiation !== 'postgres' && negotiation !== 'direct') {
    throw new DatabaseUrlError(`has sslnegotiation=${negotiation}: use postgres or direct`);
  }
  const hasTlsSettings =
    given.rootCertificate !== undefined || given.certificate !== undefined || negotiation === 'direct';
  if (mode === null && hasTlsSettings)
    throw new DatabaseUrlError('has settings for TLS and no sslmode: add sslmode=verify-full');
  if (mode === null || mode === 'disable') return UNENCRYPTED;
  if ((given.certificate === undefined) !== (given.key === undefined)) {
    throw new DatabaseUrlError('has one of sslcert and sslkey: give both or neither');
  }
  // As in libpq, a root certificate implies that the server's certificate is verified.
  const hasOwnRoot = given.rootCertificate !== undefined && given.rootCertificate !== 'system';
  if (mode === 'verify-ca' && !hasOwnRoot) {
    throw new DatabaseUrlError('has sslmode=verify-ca and no sslrootcert: name the file with the CA certificate');
  }
  return {
    mode: mode === 'require' && hasOwnRoot ? 'verify-ca' : mode,
    rootCertificate: hasOwnRoot ? (given.rootCertificate ?? null) : null,
    certificate: given.certificate ?? null,
    key: given.key ?? null,
    negotiation,
  };
}

function readMode(modes: Record<string, Tls['mode']>, name: string, value: string | undefined): Tls['mode'] | null {
  if (value === undefined) return null;
  const mode = modes[value.toLowerCase()];
  if (mode !== undefined) return mode;
  // Prefer and allow are refused too: with them an attacker on the network could turn encryption off.
  throw new DatabaseUrlError(`has ${name}=${value}, which is not supported: use ${Object.keys(modes).join(', ')}`);
}

/** Returns the driver's options. @throws when a file cannot be read. */
export function tlsOptions(tls: Tls): false | ConnectionOptions {
  if (tls.mode === 'disable') return false;
  return {
    ...(tls.rootCertificate !== null && { ca: readCertificate('sslrootcert', tls.rootCertificate) }),
    ...(tls.certificate !== null && { cert: readCertificate('sslcert', tls.certificate) }),
    ...(tls.key !== null && { key: readCertificate('sslkey', tls.key) }),
    rejectUnauthorized: tls.mode !== 'require',
    ...(tls.mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  };
}

function readCertificate(parameter: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`the database URL names a file in ${parameter} that cannot be read: ${file}`, { cause: error });
  }
}

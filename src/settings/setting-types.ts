/** The types of settings: each parses the text of an environment variable and says what is wrong with it. */
import { isIP, isIPv6 } from 'node:net';
import { z } from 'zod';
import { isDatabaseHost } from '../database/url/database-hosts.ts';
import { parseDatabaseUrl } from '../database/url/database-url.ts';
import { DatabaseUrlError } from '../database/url/database-url-error.ts';

/** A boolean. */
export const flag = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', 'false', '1', '0', 'yes', 'no'], 'must be true or false'))
  .transform((text) => text === 'true' || text === '1' || text === 'yes');
/** A whole number within limits. */
export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);
const isUrl = (text: string, ...protocols: string[]) => {
  try {
    return protocols.includes(new URL(text).protocol);
  } catch {
    return false;
  }
};
/** An http(s) URL without user and password. */
export const urlWithoutUser = z
  .string()
  .trim()
  .refine((text) => {
    if (!isUrl(text, 'http:', 'https:')) return false;
    const { username, password } = new URL(text);
    return username === '' && password === '';
  }, 'must be an http(s) URL without user and password');
/**
 * The URL of a node, normalised and without a slash at the end: paths are appended, and a node must not have two addresses.
 * Everyone who reads /health sees it, so it contains no password.
 */
export const httpUrl = urlWithoutUser
  .refine((text) => !/[?#]/.test(text), 'must be a URL without ? and #')
  .transform((text) => new URL(text).href.replace(/\/+$/, ''));
/** An address to listen on, or a name that resolves to one; an IPv6 address with or without brackets. */
export const listenAddress = z
  .string()
  .transform((text) => text.replace(/^\[(.*)\]$/, '$1'))
  .refine(
    (text) => isDatabaseHost(text) && !text.startsWith('/') && (isIP(text) !== 0 || !/^\d+(\.\d+){3}$/.test(text)),
    'must be an address of this machine or its name, without a port, or 0.0.0.0 for all addresses',
  );
/** A database URL in the syntax of libpq. */
export const postgresUrl = z.string().superRefine((text, context) => {
  try {
    parseDatabaseUrl(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof DatabaseUrlError ? error.message : String(error) });
  }
});
/** Splits a value at commas. */
export const list = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** Values of Express's "trust proxy", except `true`, which would let clients choose their own address. */
const isProxy = (text: string) => {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', bits, more] = text.split('/');
  const maxBits = isIPv6(address) ? 128 : 32;
  return (
    isIP(address) !== 0 &&
    more === undefined &&
    // /0 would trust every address: clients could choose their own address, as with `true`.
    (bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && +bits <= maxBits))
  );
};
/** The number of reverse proxies, or their addresses and subnets. */
export const proxies = z
  .string()
  .transform((text) => (/^[1-9]$/.test(text.trim()) ? Number(text) : list(text)))
  .refine(
    (value) => typeof value === 'number' || value.every(isProxy),
    'must be the number of proxies in front (1 to 9), or their addresses or subnets, separated by commas',
  );

/**
 * Scheme, host and port, without a path. A browser never sends an origin with a user name, or with the `*` that some servers
 * use for any name.
 */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@*\s]+$/;
/** An origin as browsers send it: without the port that the scheme implies, and with an international name in ASCII. */
export const origin = z
  .string()
  .transform((text) => text.toLowerCase().replace(/\/$/, ''))
  .refine(
    (text) => text === '*' || (ORIGIN.test(text) && URL.canParse(text)),
    'must be origins such as https://chat.example, without a path, separated by commas, or *',
  )
  // For other schemes, such as that of an app, the URL parser returns no origin.
  .transform((text) => (isUrl(text, 'http:', 'https:') ? new URL(text).origin : text));
/** A host name, an address, or `*.` and a domain. */
export const hostPattern = z
  .string()
  .toLowerCase()
  .refine(
    (text) => text === '*' || isIPv6(text) || /^(?:\*\.)?[a-z0-9_-][a-z0-9._-]*$/.test(text),
    'must be names or addresses of hosts, without ports, separated by commas; *.example.org for all its subdomains',
  );

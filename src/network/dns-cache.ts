/**
 * Caches the addresses of host names. The system gives two threads to all look-ups of a process. If a DNS server does not respond, the
 * look-up of a name keeps its thread for half a minute. Peers whose names cannot be looked up would otherwise take both, and this node could
 * no longer open a session to PostgreSQL.
 */
import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { withTimeout } from '../async/with-timeout.ts';

/** How long a look-up of a known name may take; after that its last addresses are used. */
const MAX_WAIT_MS = 250;
/** More names than a node uses. */
const MAX_KNOWN = 1000;

type Resolve = (name: string) => Promise<LookupAddress[]>;

const resolveBySystem: Resolve = (name) => promisify(lookup)(name, { all: true, verbatim: true });

/** Looks up host names, never the same one twice at once, and keeps the addresses that it found. */
export class DnsCache {
  readonly #concurrency: number;
  readonly #resolve: Resolve;
  /** The look-ups that run or wait. */
  readonly #pending = new Map<string, Promise<LookupAddress[]>>();
  readonly #waiting: (() => void)[] = [];
  /** The addresses that each name had last. */
  readonly #known = new Map<string, LookupAddress[]>();
  #running = 0;

  /** `concurrency` is how many names are looked up at the same time. */
  constructor(concurrency = Number.POSITIVE_INFINITY, resolve = resolveBySystem) {
    this.#concurrency = concurrency;
    this.#resolve = resolve;
  }

  /**
   * Returns the addresses of a name; the last known ones if the DNS does not respond.
   * @throws the system's error if the name does not exist, or is not known and cannot be looked up.
   */
  find(name: string): Promise<LookupAddress[]> {
    const found = this.#lookUp(name);
    const known = this.#known.get(name);
    return known ? withTimeout(MAX_WAIT_MS, found, () => known) : found;
  }

  /** Calls {@link find}, in the form that the option `lookup` of a socket or an agent requires. */
  readonly lookup: LookupFunction = (name, { all, family }, callback) => {
    this.find(name).then(
      (addresses) => {
        const version = family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : family;
        const usable = version ? addresses.filter((address) => address.family === version) : addresses;
        const [first] = usable;
        if (!first) callback(Object.assign(new Error(`${name} has no such address`), { code: 'ENOTFOUND' }), '');
        else if (all) callback(null, usable);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, ''),
    );
  };

  #lookUp(name: string): Promise<LookupAddress[]> {
    const pending = this.#pending.get(name);
    if (pending) return pending;
    const found = this.#inTurn(name).finally(() => this.#pending.delete(name));
    this.#pending.set(name, found);
    return found;
  }

  async #inTurn(name: string): Promise<LookupAddress[]> {
    if (this.#running >= this.#concurrency) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      const addresses = await this.#resolve(name);
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(name, addresses);
      return addresses;
    } catch (error) {
      const known = this.#known.get(name);
      if (known && isTemporary(error)) return known;
      this.#known.delete(name);
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}

/** Returns true if the DNS did not respond, or failed for the moment. */
const isTemporary = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EAI_AGAIN';

/** The host names of PostgreSQL's servers. */
export const databaseDns = new DnsCache();

/** All other names, one at a time: that leaves a thread for those of PostgreSQL's servers. */
export const otherDns = new DnsCache(1);

import net from 'node:net';
import pg from 'pg';

// Ids and positions are bigint in SQL and stay below 2^53 by the checks on every request.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** What a session is for; the last part of its application_name. */
export type SessionPart = 'lock' | 'listen' | 'log' | 'backlog' | 'writer' | 'tokens' | 'pool' | 'migrate';

/** `plantao:<node>:<part>`, what a DBA sees in pg_stat_activity. PostgreSQL keeps 63 bytes of it. */
export function applicationName(node: string, part: SessionPart): string {
  return `plantao:${node}:${part}`;
}

/**
 * How long any session may take to be opened, in milliseconds: five times there and back, over a way that takes half a
 * second each way, or with a SYN that was lost twice (it is sent again after one and three seconds).
 */
export const CONNECT_LIMIT_MS = 5000;

/**
 * Connection options with the limits that pg lacks by default: opening has a deadline, TCP keepalive is on, and every
 * statement ends on the server too (`statementLimitMs`), so that a lost client leaves nothing running for long.
 */
export function connectionOptions(
  url: string,
  applicationName: string,
  statementLimitMs: number,
  settings: Record<string, string | number> = {},
): pg.ClientConfig {
  const session = {
    statement_timeout: statementLimitMs,
    idle_in_transaction_session_timeout: statementLimitMs,
    // The write fence reads with a snapshot younger than itself (assert_term), whatever the role's default is.
    default_transaction_isolation: 'read\\ committed',
    // On by default where PostgreSQL was built with LLVM (Debian, the managed ones) and not in the embedded one. Our
    // statements take a millisecond; the planner guesses more of a young table, and compiling one took 230 to 460 ms.
    jit: 'off',
    ...settings,
  };
  const own = withoutParameters(url);
  return {
    connectionString: own.url,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    options: [own.options, ...Object.entries(session).map(([name, value]) => `-c ${name}=${value}`)].join(' ').trim(),
  };
}

/** pg lets a URL's `?options=` and `?application_name=` replace ours, and with them would go the lease. */
function withoutParameters(url: string): { url: string; options: string } {
  const own = new URL(url);
  const options = own.searchParams.get('options') ?? '';
  for (const name of ['options', 'application_name']) own.searchParams.delete(name);
  return { url: own.toString(), options };
}

/** The sockets under a group of pg clients, kept so that a half-open one can be destroyed: `end()` alone waits for it. */
export class Sockets {
  readonly #open = new Set<net.Socket>();

  /** For `stream` of a pg.ClientConfig. */
  readonly open = (): net.Socket => {
    const socket = new net.Socket();
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }
}

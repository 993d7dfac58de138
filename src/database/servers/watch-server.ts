import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { INSTANCE } from './instance.ts';
import type { DatabaseServer } from './server.ts';
import { NotWritableError } from './server-errors.ts';
import type { WatchServer } from './server-search.ts';

/** Interval between two checks of whether a standby was promoted. A check takes less than a millisecond. */
const INTERVAL_MS = 10;

/** Options of {@link watchServer}. */
export interface WatchServerOptions {
  /** False if a server whose transactions are read-only by default is accepted too. */
  requiresReadWrite: boolean;
  /** Creates a client that connects to `server` only; `onSocket` gets its socket. */
  open: (server: DatabaseServer, onSocket: (socket: Socket) => void) => pg.Client;
}

interface State extends pg.QueryResultRow {
  isInRecovery: boolean;
  isReadOnly: boolean;
  instance: string;
  timeline: number;
}

/** Watches a server over one session that stays open while the server is a standby, so that its promotion is seen at once. */
export function watchServer({ requiresReadWrite, open }: WatchServerOptions): WatchServer {
  return async (server, signal, refuse) => {
    let socket: Socket | null = null;
    const client = open(server, (created) => {
      // A search alone does not keep the process running.
      socket = created.unref();
    });
    client.on('error', () => {});
    const destroy = () => socket?.destroy();
    signal.addEventListener('abort', destroy, { once: true });
    try {
      await client.connect();
      for (;;) {
        const { rows } = await client.query<State>(
          `SELECT pg_catalog.pg_is_in_recovery() AS "isInRecovery",
                  pg_catalog.current_setting('default_transaction_read_only') = 'on' AS "isReadOnly",
                  ${INSTANCE} AS instance,
                  -- The same as plantao.timeline(), which this database may lack. A standby writes no timeline.
                  CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN ('x' || pg_catalog.left(
                    pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::integer END AS timeline`,
        );
        const [state] = rows;
        if (state?.isInRecovery) refuse(new NotWritableError('in recovery'));
        else if (state?.isReadOnly && requiresReadWrite) refuse(new NotWritableError('read-only'));
        else if (state) return { instance: state.instance, timeline: state.timeline };
        await sleep(INTERVAL_MS, undefined, { signal, ref: false });
      }
    } finally {
      signal.removeEventListener('abort', destroy);
      // Gracefully if possible, by force if the server does not respond.
      void client.end().catch(() => {});
      setTimeout(destroy, 200).unref();
    }
  };
}

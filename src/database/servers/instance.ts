import type pg from 'pg';

/** In SQL: when the server was started, to the microsecond. Two sessions with the same time are with the same server. */
export const INSTANCE = "pg_catalog.extract('epoch', pg_catalog.pg_postmaster_start_time())::text";

/** Reads with which server a session is. */
export const READ_INSTANCE: pg.QueryConfig & { text: string } = { text: `SELECT ${INSTANCE} AS instance` };

/** The reply to {@link READ_INSTANCE}. */
export interface InstanceRow extends pg.QueryResultRow {
  instance: string;
}

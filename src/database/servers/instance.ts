import type pg from 'pg';

/** In SQL: when the server was started, to the microsecond. Two sessions that read the same time are connected to the same server. */
export const INSTANCE = "pg_catalog.extract('epoch', pg_catalog.pg_postmaster_start_time())::text";

/** Reads which database of which server a session is connected to. */
export const READ_INSTANCE: pg.QueryConfig & { text: string } = {
  text: `SELECT pg_catalog.concat_ws('/', ${INSTANCE}, pg_catalog.current_database()) AS instance`,
};

/** The reply to {@link READ_INSTANCE}. */
export interface InstanceRow extends pg.QueryResultRow {
  instance: string;
}

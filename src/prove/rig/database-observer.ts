import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { connectionOptions } from '../../database/session/connection.ts';
import { DatabaseSession } from '../../database/session/database-session.ts';
import type { RunHistory } from '../history/run-history.ts';

/** How often the newest term is read, ms. */
const POLL_MS = 100;
const PAGE = 5000;
/** The application_name of its session. */
const NAME = 'plantao-prove:-:observer';
const QUERY_LIMIT_MS = 30_000;
/** Reading the newest term takes a millisecond. */
const POLL_LIMIT_MS = 5000;

/**
 * A trigger that records for each stored message which node's session stored it and which term was open in that
 * transaction. The fence must keep the term open until the transaction ends: that is what the run checks.
 */
const RECORDING_TRIGGER = `
  CREATE SCHEMA plantao_prove;
  CREATE TABLE plantao_prove.stored (message_id bigint, term bigint, application text);
  CREATE FUNCTION plantao_prove.record_stored() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO plantao_prove.stored
    SELECT id, (SELECT max(term) FROM plantao.leader_terms WHERE ended_at IS NULL), current_setting('application_name')
    FROM changed;
    RETURN NULL;
  END $$;
  CREATE TRIGGER prove_record_stored AFTER INSERT ON plantao.messages
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao_prove.record_stored()`;

interface StoredRow {
  id: number;
  group_id: number;
  content: string;
  position: number | null;
  term: number | null;
  application: string | null;
}

/** Observes the database directly, on a connection that no fault affects. */
export class DatabaseObserver {
  readonly #url: string;
  readonly #history: RunHistory;
  #session: DatabaseSession | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #observation: Promise<void> = Promise.resolve();
  #stopped = false;
  #term = 0;
  #activeNode: string | null = null;
  #respondedAt = performance.now();

  constructor(url: string, history: RunHistory) {
    this.#url = url;
    this.#history = history;
  }

  /** The newest observed term, 0 before the first. */
  get term(): number {
    return this.#term;
  }

  /** The node that holds the newest observed term. */
  get activeNode(): string | null {
    return this.#activeNode;
  }

  /** For how long the database has not responded, ms. */
  get silentMs(): number {
    return performance.now() - this.#respondedAt;
  }

  /** Creates the recording trigger and begins to observe the terms. */
  async start(): Promise<void> {
    await this.query(RECORDING_TRIGGER);
    this.#observation = this.#observe();
  }

  /** Runs a query after the previous ones. Throws the driver's errors; the next query then reconnects. */
  async query<Row extends object>(sql: string, values: unknown[] = [], limitMs = QUERY_LIMIT_MS): Promise<Row[]> {
    const rows = this.#queue.then(() => this.#run<Row & pg.QueryResultRow>(sql, values, limitMs));
    this.#queue = rows.catch(() => undefined);
    return rows;
  }

  async #run<Row extends pg.QueryResultRow>(text: string, values: unknown[], limitMs: number): Promise<Row[]> {
    if (!this.#session?.isOpen)
      this.#session = await DatabaseSession.open(connectionOptions(this.#url, NAME, QUERY_LIMIT_MS));
    const rows = await this.#session.query<Row>({ text, values }, limitMs + 500);
    this.#respondedAt = performance.now();
    return rows;
  }

  async #observe(): Promise<void> {
    while (!this.#stopped) {
      await this.#poll().catch(() => undefined);
      await sleep(POLL_MS);
    }
  }

  async #poll(): Promise<void> {
    const [row] = await this.query<{ term: number; node: string }>(
      'SELECT term, node FROM plantao.leader_terms ORDER BY term DESC LIMIT 1',
      [],
      POLL_LIMIT_MS,
    );
    const term = row?.term ?? 0;
    const owner = row?.node ?? null;
    if (term === this.#term && owner === this.#activeNode) return;
    this.#term = term;
    this.#activeNode = owner;
    this.#history.record({ op: 'term', type: 'ok', process: 'observer', node: owner, term });
  }

  /** Returns the position of the newest message in the event log. */
  async head(): Promise<number> {
    const [row] = await this.query<{ head: number | null }>(
      "SELECT max(position) AS head FROM plantao.events WHERE kind = 'message'",
    );
    return row?.head ?? 0;
  }

  /** Records every term and every message of the database in the history, in the order of ids. */
  async recordTables(): Promise<void> {
    const terms = await this.query<{ term: number; node: string }>(
      'SELECT term, node FROM plantao.leader_terms ORDER BY term',
    );
    for (const { term, node } of terms) {
      this.#history.record({ op: 'term', type: 'ok', process: 'table', node, term });
    }
    const epochs = await this.query<{ epoch: string; after: number }>(
      'SELECT epoch, after_position AS after FROM plantao.epochs ORDER BY number',
    );
    for (const { epoch, after } of epochs) {
      const line = { op: 'epoch', type: 'ok', process: 'table', node: null, term: null } as const;
      this.#history.record({ ...line, epoch, after });
    }
    for (let after = 0; ; ) {
      const rows = await this.query<StoredRow>(
        `SELECT m.id, m.group_id, m.content, e.position, s.term, s.application
         FROM (SELECT * FROM plantao.messages WHERE id > $1 ORDER BY id LIMIT ${PAGE}) m
         LEFT JOIN plantao.events e ON e.message_id = m.id AND e.kind = 'message' AND e.group_id = m.group_id
         LEFT JOIN plantao_prove.stored s ON s.message_id = m.id
         ORDER BY m.id`,
        [after],
      );
      for (const row of rows) this.#record(row);
      const last = rows.at(-1);
      if (!last) return;
      after = last.id;
    }
  }

  #record({ id, group_id, content, position, term, application }: StoredRow): void {
    this.#history.record({
      op: 'stored',
      type: 'ok',
      process: 'table',
      value: content,
      group: group_id,
      message: id,
      position: position ?? -1,
      term,
      // plantao:<node>:<part>; any other writer appears with its whole application_name.
      node: application === null ? null : (/^plantao:(.+):\w+$/.exec(application)?.[1] ?? application),
    });
  }

  /** Stops observing and closes the connection. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#observation;
    await this.#queue;
    await this.#session?.close();
    this.#session = null;
  }
}

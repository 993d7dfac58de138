import type pg from 'pg';
import type { Clock } from '../../async/clock.ts';
import { SqlState, sqlState } from '../../database/errors.ts';
import type { DatabaseSession } from '../../database/session/database-session.ts';
import type { Log } from '../../log/log.ts';
import type { OpenedTerm } from './lock-statements.ts';

/** Options of {@link openTerm}. */
export interface TermOpening {
  /** For each statement, in milliseconds. */
  limitMs: number;
  log: Pick<Log, 'warn'>;
  clock: Clock;
}

const MAX_TRIES = 3;

/**
 * Opens a term on the session that holds the leader lock. If an open transaction of the previous term blocks the fence, ends its
 * session, logs that, and retries. Returns the term, and when the statement that opened it was sent.
 * @throws the server's error if it refused to open a term; {SessionLostError}.
 */
export async function openTerm(
  session: DatabaseSession,
  query: pg.QueryConfig,
  { limitMs, log, clock }: TermOpening,
): Promise<OpenedTerm & { sentAt: number }> {
  for (let tries = 1; ; tries++) {
    const sentAt = clock();
    try {
      const [row] = await session.query<{ term: number; token: number }>(query, limitMs);
      if (!row) throw new Error('open_term returned no term');
      return { number: row.term, token: row.token, sentAt };
    } catch (error) {
      if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE || tries === MAX_TRIES) throw error;
      await endLastTerm(session, limitMs, log);
    }
  }
}

interface EndedSession {
  pid: number;
  application_name: string;
  running_for_ms: number;
  ended: boolean;
}

async function endLastTerm(session: DatabaseSession, limitMs: number, log: Pick<Log, 'warn'>): Promise<void> {
  const sessions = await session.query<EndedSession>(
    {
      text: `SELECT pid, application_name, ended, round(extract(epoch FROM running_for) * 1000)::int AS running_for_ms
             FROM plantao.end_last_term_sessions()`,
    },
    limitMs,
  );
  for (const { pid, application_name: name, running_for_ms: ms, ended } of sessions) {
    const done = ended ? 'ended' : 'is not allowed to end';
    log.warn(
      { event: 'last_term_ended', session: name },
      `${done} ${name} (server process ${pid}): its transaction, open for ${ms} ms, blocked the new term`,
    );
  }
}

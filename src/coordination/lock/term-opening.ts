import type pg from 'pg';
import { SqlState, sqlState } from '../../database/errors.ts';
import type { Session } from '../../database/session/session.ts';
import type { Log } from '../../log.ts';
import type { Clock } from '../clock.ts';

/** What plantao.leader_history keeps of a promotion. */
export interface Promotion {
  reason: string;
  /** For how long nobody has been seen on duty, in milliseconds: when a last one that died was last alive. */
  unseenMs: number;
}

/** How a term is opened. */
export interface TermOpening {
  /** For each statement, in milliseconds. */
  limitMs: number;
  log: Pick<Log, 'warn'>;
  clock: Clock;
}

const MOST_TRIES = 3;

/** Prepares the plans of open_term in a session, and changes nothing. */
export const WARM_UP_TERM: pg.QueryConfig = { name: 'warm_up_term', text: 'SELECT plantao.warm_up_term()' };

/** Returns the statement that opens a term for `node`. */
export function openTermQuery(node: string, url: string, { reason, unseenMs }: Promotion): pg.QueryConfig {
  const values = [node, url, reason, unseenMs];
  return { name: 'open', text: 'SELECT plantao.open_term($1, $2, $3, $4) AS term', values };
}

/**
 * Opens a term on the session that has the leader lock. Where an open transaction of the last term stands in the fence,
 * ends that one's session, says so, and tries again. Answers the term, and when the question was asked that was answered.
 * @throws the server's error where it would not open one; {SessionLostError}.
 */
export async function openTerm(
  session: Session,
  query: pg.QueryConfig,
  { limitMs, log, clock }: TermOpening,
): Promise<{ term: number; askedAt: number }> {
  for (let tries = 1; ; tries++) {
    const askedAt = clock();
    try {
      const [row] = await session.query<{ term: number }>(query, limitMs);
      if (!row) throw new Error('open_term gave no term');
      return { term: row.term, askedAt };
    } catch (error) {
      if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE || tries === MOST_TRIES) throw error;
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

async function endLastTerm(session: Session, limitMs: number, log: Pick<Log, 'warn'>): Promise<void> {
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
      `${done} ${name} (server process ${pid}): its transaction, open for ${ms} ms, stood in the way of the new term`,
    );
  }
}

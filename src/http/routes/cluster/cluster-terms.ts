import type { Sequelize } from 'sequelize';
import { z } from 'zod';
import { query } from '../../../database/query.ts';

/** One term in a response. */
export const termRow = z.object({
  term: z.number(),
  node: z.string(),
  url: z.string(),
  reason: z.string(),
  started_at: z.iso.datetime(),
  ended_at: z.iso.datetime().nullable(),
  end_reason: z.string().nullable(),
  end_cause: z.string().nullable(),
  asked_by: z.string().nullable(),
  on_duty_ms: z.number(),
  gap_ms: z.number().nullable(),
});

/** Reads the newest terms from plantao.leader_history, newest first. Reads one more than it returns, for the gap before the oldest one. */
export function readTerms(sequelize: Sequelize, options: { limit: number; hours?: number }): Promise<object[]> {
  return query(
    sequelize,
    `SELECT * FROM (
       SELECT term, node, url, reason, started_at, ended_at, end_reason, end_cause, asked_by,
              plantao.ms_between(started_at, coalesce(ended_at, clock_timestamp())) AS on_duty_ms,
              plantao.ms_between(lead(ended_at) OVER (ORDER BY term DESC), started_at) AS gap_ms
       FROM (SELECT term, node, url, reason, started_at, ended_at, end_reason, end_cause, asked_by
             FROM plantao.leader_history LIMIT $limit + 1) h) t
     WHERE coalesce(ended_at > clock_timestamp() - $hours * interval '1 hour', true)
     ORDER BY term DESC LIMIT $limit`,
    { limit: options.limit, hours: options.hours ?? 1_000_000 },
  );
}

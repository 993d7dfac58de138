import { z } from 'zod';
import { query } from '../../../database/query.ts';
import { count, nothing } from '../../contract/request-schemas.ts';
import { pauseReason } from '../../contract/text-schemas.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';
import { requesterOf } from './requester.ts';

/** The same limit as in plantao.pause(). */
const MAX_MINUTES = 24 * 60;
/** What plantao.resume() returns if there was a pause. */
const PAUSE_ENDED = 'failover is possible again';

const pauseInput = z.object({
  minutes: count(1, MAX_MINUTES, 30).describe('How long the pause lasts at most'),
  reason: pauseReason.nullish().describe('The reason, which is shown wherever the pause is shown'),
});

/** The response to POST /pause. */
const pauseResponse = z.object({ message: z.string(), paused_until: z.iso.datetime() });

/** The response to POST /resume. */
const resumeResponse = z.object({
  message: z.string(),
  was_paused: z.boolean().describe('Whether there was a pause to end'),
});

/**
 * `/pause` and `/resume`: the functions plantao.pause() and plantao.resume(). Every node serves them: while no node is active, the
 * end of the pause is what makes one active.
 */
export function pauseRoutes({ sequelize, authMode }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/pause',
      servedBy: 'every node',
      requires: 'admin',
      summary: 'Pauses failover for maintenance: until it ends, no other node becomes active',
      description: 'It ends by itself after `minutes`. A second call replaces the first. Repeating it is safe',
      input: pauseInput,
      responseBody: pauseResponse,
      responseExample: { message: 'failover is paused' },
      async handle({ input: { minutes, reason = null }, request }) {
        const pause = { minutes, reason: reason || null, by: requesterOf(request, authMode).name };
        await query(sequelize, 'SELECT plantao.pause(make_interval(mins => $minutes), $reason, $by)', pause);
        const [row] = await query<{ until: Date | null }>(
          sequelize,
          'SELECT max(until) AS until FROM plantao.current_pause',
        );
        const until = row?.until ?? new Date();
        return { body: { message: 'failover is paused', paused_until: until.toISOString() } };
      },
    }),
    route({
      method: 'post',
      path: '/resume',
      servedBy: 'every node',
      requires: 'admin',
      summary: 'Ends the pause of failover',
      description: 'If no node is active, one becomes active at once. Repeating it is safe',
      input: nothing,
      responseBody: resumeResponse,
      responseExample: { message: PAUSE_ENDED, was_paused: true },
      async handle({ request }) {
        const by = requesterOf(request, authMode).name;
        const [row] = await query<{ message: string }>(sequelize, 'SELECT plantao.resume($by) AS message', { by });
        const message = row?.message ?? '';
        return { body: { message, was_paused: message === PAUSE_ENDED } };
      },
    }),
  ];
}

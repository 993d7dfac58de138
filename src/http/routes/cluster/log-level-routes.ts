import { z } from 'zod';
import { LOG_LEVELS } from '../../../log/log-level.ts';
import { clientAddressOf } from '../../request/checks/client-address.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

const level = z.enum(LOG_LEVELS, 'must be a level from trace to silent');

/** The response to POST /log-level. */
export const logLevelResponse = z.object({
  level: level.describe('The level of the log from now on'),
  previous_level: level.describe('The level until now'),
});

/** `/log-level`: how much this node logs. */
export function logLevelRoutes({ logLevel }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/log-level',
      servedBy: 'every node',
      requires: 'admin',
      summary: 'Changes how much this node logs, until it restarts',
      description:
        'After a restart, LOG_LEVEL applies again. With debug the node logs every request. The signal SIGUSR2 changes to debug and back. plantao.settings shows the level of each node. Repeating it is safe',
      input: z.object({ level }),
      responseBody: logLevelResponse,
      handle({ input, request }) {
        const previous = logLevel.current;
        logLevel.set(input.level, `requested by HTTP client ${clientAddressOf(request)}`);
        return { body: { level: logLevel.current, previous_level: previous } };
      },
    }),
  ];
}

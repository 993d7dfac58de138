import type { Request, Response } from 'express';
import type { Log } from '../../log/log.ts';
import { requestIdOf } from './request-id.ts';
import { RequestLifetime } from './request-lifetime.ts';

/** Returns a path without the token of a hook: logs are read by others than the hook's owner. The query is not part of it. */
export const withoutSecrets = (path: string) => path.replace(/^(\/+hooks\/).*/i, '$1…');

/** Logs a request when it is over, at the level debug: method, path, status and time, never the query or the body. */
export function logAtEnd(log: Log, request: Request, response: Response): void {
  const { method, path } = request;
  const lifetime = RequestLifetime.of(response);
  lifetime.onOver(() => {
    const outcome = response.headersSent ? String(response.statusCode) : 'closed by the client';
    const fields = { event: 'request', request_id: requestIdOf(request), ms: Math.round(lifetime.ageMs) };
    log.debug(fields, `${method} ${withoutSecrets(path)}: ${outcome}`);
  });
}

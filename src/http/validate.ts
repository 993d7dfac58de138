import type { Request } from 'express';
import type { z } from 'zod';
import { HttpError } from './errors.ts';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * What a request says, as one object: the JSON body, over it the query (GET and DELETE only), over it the path. The
 * seed's clients send a JSON body on GET; the query wins where both say it.
 * @throws {HttpError} 415 for a body that is not JSON, 400 for one that is no object.
 */
export function inputOf(request: Request): Record<string, unknown> {
  const body: unknown = request.body;
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (hasBody && body === undefined) {
    throw new HttpError(
      415,
      'unsupported_media_type',
      'the body must be JSON: send the header Content-Type: application/json',
    );
  }
  if (body !== undefined && !isRecord(body)) {
    throw new HttpError(400, 'invalid_request', 'the body must be a JSON object');
  }
  const query = request.method === 'POST' ? {} : request.query;
  return { ...body, ...query, ...request.params };
}

/** Checks `input` against a schema. @throws {HttpError} 400 invalid_request with one entry a field. */
export function check<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const checked = schema.safeParse(input);
  if (checked.success) return checked.data;
  const details = checked.error.issues.map((issue) => ({
    field: issue.path.join('.') || 'body',
    problem: issue.message,
  }));
  const first = details[0];
  throw new HttpError(400, 'invalid_request', `${first?.field ?? 'request'}: ${first?.problem ?? 'invalid'}`, {
    details,
  });
}

import type { Request } from 'express';
import { z } from 'zod';
import { isJsonObject } from '../../text/json-object.ts';
import { MAX_DETAILS } from '../contract/text-schemas.ts';
import { HttpError } from '../http-error.ts';
import { queryOf, Repeated } from './query.ts';

/** A URL has ASCII only; Node passes other bytes on as if they were Latin-1. */
const NOT_ASCII = /[^\0-\x7f]/;

/** Returns the field names of a request schema. @throws if it is not an object schema. */
export function fieldNames(input: z.ZodType): ReadonlySet<string> {
  if (!(input instanceof z.ZodObject)) throw new Error('a request schema must be an object');
  return new Set(Object.keys(input.shape));
}

/** Returns true for methods whose fields come in the body and the path only. */
const takesBodyOnly = (method: string) => method === 'POST' || method === 'PATCH';

/**
 * Returns the fields of a request as one object: those of the JSON body, overridden by the query (GET and DELETE only),
 * overridden by the path. A JSON body on GET is accepted because compatible clients send one.
 * @throws {HttpError} 415 for a body that is not JSON, 400 for one that is not an object and for a URL that is not ASCII.
 */
export function inputOf(request: Request, names: ReadonlySet<string>): Record<string, unknown> {
  if (NOT_ASCII.test(request.url)) throw new HttpError('invalid_request', 'the URL must be percent-encoded UTF-8');
  const body: unknown = request.body;
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (hasBody && body === undefined) {
    throw new HttpError(
      'unsupported_media_type',
      'the body must be JSON in UTF-8: send the header Content-Type: application/json',
    );
  }
  if (body !== undefined && !isJsonObject(body)) {
    throw new HttpError('invalid_request', 'the body must be a JSON object');
  }
  const input: Record<string, unknown> = {};
  for (const name of names) if (body !== undefined && Object.hasOwn(body, name)) input[name] = body[name];
  return Object.assign(input, takesBodyOnly(request.method) ? {} : queryOf(request.url, names), request.params);
}

/** Validates the fields of a request against its schema. @throws {HttpError} 400 invalid_request with an entry for each field. */
export function validate<Schema extends z.ZodType>(schema: Schema, input: Record<string, unknown>): z.output<Schema> {
  const checked = schema.safeParse(input);
  if (checked.success) return checked.data;
  const details = checked.error.issues.slice(0, MAX_DETAILS).map((issue) => ({
    field: issue.path.join('.') || 'body',
    problem: input[String(issue.path[0])] instanceof Repeated ? 'must be given only once' : issue.message,
  }));
  const first = details[0];
  throw new HttpError('invalid_request', `${first?.field ?? 'request'}: ${first?.problem ?? 'invalid'}`, {
    details,
  });
}

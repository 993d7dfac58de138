/** The responses of the operations in the OpenAPI document. */

import { codesOf } from '../contract/error-codes.ts';
import { type JsonSchema, responseSchemaOf, schemaNameOf } from '../contract/json-schema.ts';
import type { ErrorStatus, Route } from '../routes/route.ts';
import { addSchema, capital } from './document-schemas.ts';
import { exampleOf } from './examples.ts';

/** The meaning of each error status for any operation; the error codes are appended. */
const errors: Record<number, string> = {
  400: 'The request is invalid.',
  401: 'The caller is not authenticated.',
  403: 'The caller is not allowed to do this.',
  404: 'The request names something that does not exist.',
  409: 'The request conflicts with the current state.',
  410: 'The cursor has expired, and `reason` says why, or the hook was revoked.',
  413: 'The body is too large.',
  415: 'The body is not JSON in UTF-8.',
  421: 'The header Host is not a name of this node.',
  429: 'A limit was reached.',
  431: 'The URL and the headers are too large.',
  503: 'This node cannot serve the request now: retry, or use another node.',
};
const retryAfter = {
  'Retry-After': { description: 'Seconds until a retry makes sense.', schema: { type: 'integer', minimum: 1 } },
};
const pollHeaders = {
  Cursor: { description: 'The position to continue from.', schema: { type: 'string' } },
  'Ephemeral-Cursor': {
    description: 'Only if signals were requested: send it as `ephemeral` with the next poll.',
    required: false,
    schema: { type: 'string' },
  },
};

/** Returns the responses to which the refusals of operations refer. */
export const errorResponses = (): JsonSchema =>
  Object.fromEntries(Object.keys(errors).map((status) => [`Refused${status}`, errorResponseOf(Number(status))]));

const errorResponseOf = (status: number): JsonSchema => ({
  description: `${errors[status]} Codes: ${codesOf(status)
    .map((code) => `\`${code}\``)
    .join(', ')}.`,
  ...(status === 429 || status === 503 ? { headers: retryAfter } : status === 401 ? { headers: authenticate } : {}),
  content: {
    'application/json': {
      schema: { $ref: '#/components/schemas/Error' },
      example: { error: 'a sentence for people', code: codesOf(status)[0] },
    },
  },
});
const authenticate = { 'WWW-Authenticate': { description: 'The scheme, Bearer.', schema: { type: 'string' } } };

/** Returns the responses of an operation. Adds the schemas of their bodies to `schemas`. */
export const responsesOf = (
  route: Route,
  path: string,
  operationId: string,
  schemas: JsonSchema,
): Record<string, JsonSchema> => ({
  ...successesOf(route, path, operationId, schemas),
  ...refusalsOf(route, path),
});

function successesOf(route: Route, path: string, operationId: string, schemas: JsonSchema): Record<string, JsonSchema> {
  const { responseBody, responseExample, content, hasPage = false, status = 200, alsoStatuses = [] } = route;
  const name = (responseBody && schemaNameOf(responseBody)) ?? `${capital(operationId)}Response`;
  const schema = responseBody ? { $ref: addSchema(responseSchemaOf(responseBody), name, schemas) } : {};
  const type = content ?? 'application/json';
  const body = {
    [type]: responseBody
      ? { schema, example: { ...(exampleOf(schema, schemas) as object), ...responseExample } }
      : {
          schema: type === 'application/json' ? { type: 'object' } : { type: 'string' },
          ...(type === 'text/event-stream' && { example: streamExample(schemas) }),
        },
    ...(hasPage && { 'text/html': { schema: { type: 'string' } } }),
  };
  const responses: Record<string, JsonSchema> = {};
  const headers = route.waits && responseBody ? { headers: pollHeaders } : null;
  for (const one of [status, ...alsoStatuses]) {
    const description = one < 400 ? 'Success.' : 'The same body, with a negative result.';
    responses[one] = { description, content: body, ...headers };
  }
  if (headers) {
    responses[204] = { description: 'No event within the timeout: continue from the header `Cursor`.', ...headers };
  }
  if (hasPage || (content && content !== 'text/event-stream'))
    responses[304] = { description: 'The version of If-None-Match is current.' };
  if (path === '/') responses[302] = { description: 'Redirects a browser to the chat page.' };
  return responses;
}

/** Returns the beginning of a stream: the position from which it continues, and one event. */
function streamExample(schemas: JsonSchema): string {
  const { oneOf: [first] = [] } = schemas.Event as { oneOf?: JsonSchema[] };
  const event = exampleOf(first ?? {}, schemas) as { kind: string; cursor: string };
  return `retry: 1000\nid: 1f6a4b2c90de-1041\n\nid: ${event.cursor}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
}

function refusalsOf(route: Route, path: string): Record<string, JsonSchema> {
  const statuses = new Set<ErrorStatus | number>([400, 403, 413, 415, 421, 429, 431, ...(route.errorStatuses ?? [])]);
  if (route.requires !== 'anyone') statuses.add(401);
  if (route.servedBy !== 'every node') statuses.add(503);
  if (path.startsWith('/cluster')) statuses.add(503);
  for (const status of [route.status ?? 200, ...(route.alsoStatuses ?? [])]) statuses.delete(status);
  return Object.fromEntries(
    [...statuses].sort().map((status) => [String(status), { $ref: `#/components/responses/Refused${status}` }]),
  );
}

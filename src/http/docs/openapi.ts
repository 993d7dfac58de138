/** The OpenAPI 3.1 document, made of the same definitions that check the requests: it cannot say what is not so. */

import type { Refusal, Route } from '../routes/route.ts';
import { type Field, fieldsOf, type JsonSchema, responseSchemaOf, schemaNameOf } from './json-schema.ts';
import { event, refusal } from './response-schemas.ts';

/** An OpenAPI document; its parts are JSON. */
export type OpenApi = Record<string, unknown> & { paths: Record<string, Record<string, Operation>> };

/** One operation of the document. */
export interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  security: JsonSchema[];
  parameters: Parameter[];
  requestBody?: JsonSchema;
  responses: Record<string, JsonSchema>;
}

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description?: string;
  schema: JsonSchema;
}

const sentences: Record<number, string> = {
  400: 'The request is wrong (`invalid_json`, `invalid_request`); `details` has an entry for each wrong field.',
  401: 'No token, or one that is unknown, expired or revoked; for /login a wrong name or password (`unauthenticated`).',
  403: 'Not yours to do (`forbidden`), only members may (`not_a_member`), or asked by a page of another origin that CORS_ORIGIN does not name (`foreign_origin`).',
  404: 'There is no such thing (`user_not_found`, `group_not_found`, `message_not_found`, `unknown_node`).',
  409: 'It does not fit what is there (`username_taken`, `key_reused`, `group_full`, `too_many_groups`, `no_standby`, `already_active`).',
  410: '`cursor_expired`: read GET /chats and GET /messages anew and go on from the cursor that they give.',
  413: 'The body is too large (`too_large`).',
  415: 'The body is not JSON in UTF-8 (`unsupported_media_type`).',
  421: 'The header Host is no name of this node (`misdirected_request`): see ALLOWED_HOSTS.',
  429: 'Too often (`too_many_requests`); `Retry-After` says in how many seconds it is worth while again.',
  431: 'Address and headers together are beyond 16 KiB (`headers_too_large`).',
  503: 'Not now, or not here (`not_active` with `active_url`, `not_alive`, `no_successor`, `overloaded`, `unavailable`, `blocked` by another transaction, `outcome_unknown`); try again after `Retry-After` seconds.',
};
const retryAfter = { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } } };
const cursorHeader = { Cursor: { description: 'Where to go on.', schema: { type: 'string' } } };

/** Makes the document of the routes. `authMode` decides whether a token is asked for. */
export function openApiOf(routes: readonly Route[], options: { version: string; authMode: 'open' | 'token' }): OpenApi {
  const schemas: JsonSchema = {};
  const paths: OpenApi['paths'] = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operationOf(route, path, options.authMode, schemas) };
  }
  named(responseSchemaOf(refusal), 'Error', schemas);
  named(responseSchemaOf(event), 'Event', schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Plantão',
      version: options.version,
      description:
        'A highly available chat. Ask any node: reads and polls are served by all, writes by the active, whose address a 503 names. GET parameters may also come as a JSON body, and ids as text.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1))),
      responses: Object.fromEntries(
        Object.keys(sentences).map((status) => [`Refused${status}`, refusalOf(Number(status))]),
      ),
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'From /login or /register.' } },
    },
  };
}

const refusalOf = (status: number): JsonSchema => ({
  description: sentences[status],
  ...(status === 429 || status === 503 ? { headers: retryAfter } : status === 401 ? { headers: authenticate } : {}),
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
});
const authenticate = { 'WWW-Authenticate': { schema: { type: 'string' } } };

function operationOf(route: Route, path: string, authMode: 'open' | 'token', schemas: JsonSchema): Operation {
  const fields = fieldsOf(route.input);
  const inPath = fields.filter(({ name }) => path.includes(`{${name}}`));
  const rest = fields.filter((field) => !inPath.includes(field));
  const takesBody = route.method === 'post' || route.method === 'patch';
  const who = route.requires === 'user' ? [] : [`Where AUTH=token: for ${whose[route.requires]}.`];
  return {
    operationId: idOf(route.method, path),
    summary: route.summary,
    ...(who.length > 0 ? { description: who.join(' ') } : {}),
    tags: [route.serves],
    security: route.requires === 'anyone' || authMode === 'open' ? [{}] : [{ token: [] }],
    parameters: [
      ...inPath.map((field) => parameterOf(field, 'path')),
      ...(takesBody ? [] : rest.map((field) => parameterOf(field, 'query'))),
      ...Object.entries(route.headers ?? {}).map(([name, description]) => headerOf(name, description)),
    ],
    ...(takesBody && rest.length > 0 ? { requestBody: bodyOf(rest) } : {}),
    responses: { ...successesOf(route, path, schemas), ...refusalsOf(route, path) },
  };
}

const whose = {
  anyone: 'anybody',
  admin: 'the holder of ADMIN_TOKEN',
  'user or admin': 'users and the holder of ADMIN_TOKEN',
};

const parameterOf = ({ name, required, schema }: Field, place: 'path' | 'query'): Parameter => ({
  name,
  in: place,
  required: required || place === 'path',
  schema,
});
const headerOf = (name: string, description: string): Parameter => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string', minLength: 1, maxLength: 255 },
});

function bodyOf(fields: Field[]): JsonSchema {
  const required = fields.filter((field) => field.required).map(({ name }) => name);
  const properties = Object.fromEntries(fields.map(({ name, schema }) => [name, schema]));
  const schema = { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
  return { required: required.length > 0, content: { 'application/json': { schema } } };
}

function successesOf(route: Route, path: string, schemas: JsonSchema): Record<string, JsonSchema> {
  const { answer, content, status = 200, also = [] } = route;
  const name = (answer && schemaNameOf(answer)) ?? `${capital(idOf(route.method, path))}Answer`;
  const schema = answer ? { $ref: named(responseSchemaOf(answer), name, schemas) } : {};
  const type = content ?? 'application/json';
  const body = { [type]: { schema: answer || type === 'application/json' ? schema : { type: 'string' } } };
  const responses: Record<string, JsonSchema> = {};
  for (const one of [status, ...also]) {
    responses[one] = { description: one < 400 ? 'Done.' : 'The same, and the answer is no.', content: body };
  }
  if (route.waits && answer)
    responses[204] = {
      description: 'Nothing new in this time, or nothing could be read in it: go on from `Cursor`.',
      headers: cursorHeader,
    };
  if (content && content !== 'text/event-stream')
    responses[304] = { description: 'What If-None-Match names is the newest.' };
  if (path === '/') responses[302] = { description: 'A browser is sent to the chat page.' };
  return responses;
}

function refusalsOf(route: Route, path: string): Record<string, JsonSchema> {
  const statuses = new Set<Refusal | number>([400, 403, 413, 415, 421, 429, 431, ...(route.refusals ?? [])]);
  if (route.requires !== 'anyone') statuses.add(401);
  if (route.serves !== 'control') statuses.add(503);
  if (path === '/cluster') statuses.add(503);
  for (const status of [route.status ?? 200, ...(route.also ?? [])]) statuses.delete(status);
  return Object.fromEntries(
    [...statuses].sort().map((status) => [String(status), { $ref: `#/components/responses/Refused${status}` }]),
  );
}

/** Puts a schema among the document's, with all that it refers to; answers the reference. */
function named(json: JsonSchema, name: string, schemas: JsonSchema): string {
  const { $defs = {}, ...own } = json as { $defs?: Record<string, JsonSchema> } & JsonSchema;
  for (const [part, schema] of Object.entries($defs)) schemas[part] = pointed(schema);
  // A schema that is but a reference to its own name, or has that name, is the one already among them.
  if (!('$ref' in own)) schemas[name] = pointed(own);
  return `#/components/schemas/${name}`;
}

/** With its references into the document instead of into itself. */
function pointed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'id' || typeof (value as JsonSchema).id !== 'string');
  return Object.fromEntries(
    entries.map(([key, one]) =>
      key === '$ref' && typeof one === 'string'
        ? [key, one.replace('#/$defs/', '#/components/schemas/')]
        : [key, pointed(one)],
    ),
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** `get /user/{id}/groups` becomes getUserIdGroups. */
function idOf(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method + words.map(capital).join('') + (words.length === 0 ? 'Root' : '');
}

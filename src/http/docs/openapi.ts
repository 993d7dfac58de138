/** The OpenAPI 3.1 document, derived from the definitions that validate the requests, so that both agree. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { event } from '../contract/event-schemas.ts';
import { type Field, fieldsOf, type JsonSchema, responseSchemaOf } from '../contract/json-schema.ts';
import { errorResponse } from '../contract/response-schemas.ts';
import type { Requirement } from '../request/checks/authentication.ts';
import { KEY_SCHEMA } from '../request/idempotency-key.ts';
import type { Route, ServedBy } from '../routes/route.ts';
import { addSchema, capital, described, nameEventKinds } from './document-schemas.ts';
import { exampleOf } from './examples.ts';
import { fieldText } from './field-texts.ts';
import { GUIDE, TAGS, tagOf } from './guide.ts';
import { errorResponses, responsesOf } from './operation-responses.ts';

/** An OpenAPI document; its parts are JSON. */
export type OpenApi = Record<string, unknown> & { paths: Record<string, Record<string, OpenApiOperation>> };

/** One operation of the document. */
export interface OpenApiOperation {
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
  example?: unknown;
  schema: JsonSchema;
}

const token = {
  type: 'http',
  scheme: 'bearer',
  description:
    'A token of POST /login or /register, the ADMIN_TOKEN, or a JWT of the application that JWT_ISSUER names.',
};

/** `authMode` decides whether operations need a token, or a field that names the caller. */
type Options = { version: string; authMode: 'open' | 'token' };

/** Returns the document of the routes. Other work runs between two operations, because the whole document takes a tenth of a second. */
export async function openApiOf(routes: readonly Route[], options: Options): Promise<OpenApi> {
  const schemas: JsonSchema = {};
  // First, because the examples of operations contain events.
  addSchema(responseSchemaOf(event), 'Event', schemas);
  const paths: OpenApi['paths'] = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operationOf(route, path, options.authMode, schemas) };
    await nextTurn();
  }
  addSchema(responseSchemaOf(errorResponse), 'Error', schemas);
  nameEventKinds(schemas);
  const used = new Set(routes.map(({ path }) => tagOf(path)));
  const tags = TAGS.filter(([name]) => used.has(name));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Plantão',
      version: options.version,
      description: GUIDE,
      contact: { name: 'The operator of this service' },
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'This node.' }],
    tags: tags.map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1))),
      responses: errorResponses(),
      // With AUTH=open no operation uses it, and linters warn of unused components.
      ...(options.authMode === 'token' && { securitySchemes: { token } }),
    },
  };
}

function operationOf(route: Route, path: string, authMode: Options['authMode'], schemas: JsonSchema): OpenApiOperation {
  const fields = fieldsOf(route.input).map((field) => ({
    ...field,
    required: field.required || (authMode === 'open' && field.requiredWhenOpen),
  }));
  const inPath = fields.filter(({ name }) => path.includes(`{${name}}`));
  const rest = fields.filter((field) => !inPath.includes(field));
  const takesBody = route.method === 'post' || route.method === 'patch';
  const operationId = idOf(route.method, path);
  return {
    operationId,
    summary: route.summary,
    description: `${sentencesOf(route)} ${callers[route.requires]} ${nodes[route.servedBy]}`,
    tags: [tagOf(route.path)],
    security: route.requires === 'anyone' || authMode === 'open' ? [{}] : [{ token: [] }],
    parameters: [
      ...inPath.map((field) => parameterOf(field, 'path')),
      ...(takesBody ? [] : rest.map((field) => parameterOf(field, 'query'))),
      ...(route.headers ?? []).map(headerOf),
    ],
    ...(takesBody && rest.length > 0 ? { requestBody: bodyOf(rest, route.takesText === true) } : {}),
    responses: responsesOf(route, path, operationId, schemas),
  };
}

const sentencesOf = ({ summary, description }: Route) =>
  description === undefined ? `${summary}.` : `${summary}. ${description}.`;

const callers: Record<Requirement, string> = {
  anyone: 'Needs no token.',
  user: 'With AUTH=token it needs a user’s token.',
  admin: 'With AUTH=token it needs the ADMIN_TOKEN.',
  'user or admin': 'With AUTH=token it needs a user’s token or the ADMIN_TOKEN.',
};
const nodes: Record<ServedBy, string> = {
  'every node': 'Every node serves it.',
  'every node in service': 'Every node in service serves it.',
  'active node': 'The active node serves it; see Writes and failover.',
};

function parameterOf({ name, required, schema }: Field, place: 'path' | 'query'): Parameter {
  const { description, ...rest } = described(name, schema);
  return {
    name,
    in: place,
    required: required || place === 'path',
    description: String(description),
    example: exampleOf(schema, {}, name),
    schema: rest,
  };
}
const headerOf = (name: string): Parameter => ({
  name,
  in: 'header',
  required: false,
  description: `${fieldText(name)}.`,
  example: exampleOf({ type: 'string' }, {}, name),
  schema: name === 'Idempotency-Key' ? KEY_SCHEMA : { type: 'string', minLength: 1, maxLength: 255 },
});

function bodyOf(fields: Field[], takesText: boolean): JsonSchema {
  const required = fields.filter((field) => field.required).map(({ name }) => name);
  const properties = Object.fromEntries(fields.map(({ name, schema }) => [name, described(name, schema)]));
  const schema = { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
  const example = exampleOf({ ...schema, properties: pick(properties, required) }, {});
  const [only] = takesText ? Object.entries(properties) : [];
  const text = only && { 'text/plain': { schema: only[1], example: exampleOf(only[1], {}, only[0]) } };
  return { required: required.length > 0, content: { 'application/json': { schema, example }, ...text } };
}

const pick = (properties: Record<string, JsonSchema>, names: readonly string[]) =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => names.length === 0 || names.includes(name)));

/** Returns the id of an operation: getUserIdGroups for `get /user/{id}/groups`. */
function idOf(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method + words.map(capital).join('') + (words.length === 0 ? 'Root' : '');
}

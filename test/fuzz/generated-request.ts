import fc from 'fast-check';
import type { ApiOperation, Contract } from '../support/network/contract.ts';
import {
  hostileText,
  hostileValue,
  longRun,
  type MalformedBody,
  malformedBody,
  unexpectedKey,
  unusualHeaders,
} from './hostile.ts';

/** A value that is resolved when the request is sent: the n-th (modulo) of those in the model. */
export interface ModelReference {
  reference: 'user' | 'group' | 'message' | 'username' | 'groupName' | 'cursor' | 'hook' | 'hookToken';
  at: number;
}

/** A generated request. */
export interface GeneratedRequest {
  method: string;
  /** As in the OpenAPI document, with `{name}` for a parameter. */
  path: string;
  /** Sent instead of `path` with its values. The document may then not define the response. */
  rawPath: string | null;
  pathValues: Record<string, unknown>;
  query: [name: string, value: unknown][];
  /** Null for none. */
  body: Record<string, unknown> | null;
  /** Overrides `body`. */
  malformedBody: MalformedBody | null;
  headers: Record<string, string>;
}

type Schema = Record<string, unknown>;

const referenceTo = (reference: ModelReference['reference']) =>
  fc.nat({ max: 1000 }).map((at): ModelReference => ({ reference, at }));

/** The kind of value that each field of the document refers to. */
const REFERENCE_BY_FIELD: Record<string, ModelReference['reference']> = {
  userId: 'user',
  user_id: 'user',
  creatorId: 'user',
  id: 'user',
  groupId: 'group',
  messageId: 'message',
  replyTo: 'message',
  around: 'message',
  otherUserId: 'user',
  before: 'message',
  after: 'message',
  username: 'username',
  group: 'groupName',
  groupName: 'groupName',
  cursor: 'cursor',
  hookId: 'hook',
  hookToken: 'hookToken',
};

/** Generates a valid value for a field, mostly one that exists in the model. */
function validValue(name: string, schema: Schema): fc.Arbitrary<unknown> {
  const kind = REFERENCE_BY_FIELD[name];
  const fresh = valueOfSchema(name, schema);
  return kind ? fc.oneof({ weight: 5, arbitrary: referenceTo(kind) }, { weight: 1, arbitrary: fresh }) : fresh;
}

function valueOfSchema(name: string, schema: Schema): fc.Arbitrary<unknown> {
  const number = (key: string, otherwise: number) => Number(schema[key] ?? otherwise);
  if (name === 'timeout') return fc.constantFrom(0, 0, 0, '0', 0.001);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  switch (schema.type) {
    case 'boolean':
      return fc.boolean();
    case 'object':
      return fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
    case 'integer':
      return fc.integer({ min: number('minimum', 0), max: number('maximum', 1000) });
    case 'number':
      return fc.double({ min: number('minimum', 0), max: number('maximum', 1000), noNaN: true });
    case 'array':
      return fc.array(itemOfArray(name, schema), { maxLength: 6 });
    case 'string': {
      const most = Math.min(number('maxLength', 100), 60);
      return fc.string({ unit: 'grapheme', minLength: Math.min(number('minLength', 0), most), maxLength: most });
    }
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function itemOfArray(name: string, schema: Schema): fc.Arbitrary<unknown> {
  if (name === 'members') return referenceTo('username');
  return name === 'groups' ? referenceTo('groupName') : valueOfSchema('', (schema.items ?? {}) as Schema);
}

/** Generates requests for one operation: valid ones, and ones with one or more mutations. */
function requestsFor(method: string, path: string, operation: ApiOperation): fc.Arbitrary<GeneratedRequest> {
  const bodySchema = operation.requestBody?.content['application/json']?.schema as
    | { properties?: Record<string, Schema>; required?: string[] }
    | undefined;
  const fieldsAt = (place: string) => operation.parameters.filter((one) => one.in === place);
  const valuesOf = (fields: { name: string; required: boolean; schema: Schema }[]) =>
    fc.record(Object.fromEntries(fields.map(({ name, schema }) => [name, validValue(name, schema)])), {
      requiredKeys: fields.filter(({ required }) => required).map(({ name }) => name),
    }) as fc.Arbitrary<Record<string, unknown>>;
  const inBody = Object.entries(bodySchema?.properties ?? {}).map(([name, schema]) => ({
    name,
    schema,
    required: bodySchema?.required?.includes(name) ?? false,
  }));
  const plain = fc.record({
    method: fc.constant(method),
    path: fc.constant(path),
    rawPath: fc.constant(null),
    pathValues: valuesOf(fieldsAt('path')),
    query: valuesOf(fieldsAt('query')).map((values) => Object.entries(values)),
    body: bodySchema ? valuesOf(inBody) : fc.constant(null),
    malformedBody: fc.constant(null),
    headers: fc.constant({}),
  }) as fc.Arbitrary<GeneratedRequest>;
  const names = [...fieldsAt('query'), ...inBody].map(({ name }) => name);
  return fc.oneof(
    { weight: 5, arbitrary: plain },
    {
      weight: 6,
      arbitrary: fc.tuple(plain, fc.array(mutationOf(names), { minLength: 1, maxLength: 3 })).map(withMutations),
    },
  );
}

type Mutation = (request: GeneratedRequest) => GeneratedRequest;
const withMutations = ([request, mutations]: [GeneratedRequest, Mutation[]]) =>
  mutations.reduce((at, mutate) => mutate(at), request);

function mutationOf(names: string[]): fc.Arbitrary<Mutation> {
  const name = names.length > 0 ? fc.constantFrom(...names) : unexpectedKey;
  return fc.oneof(...fieldMutations(name), ...requestMutations());
}

interface WeightedMutation {
  weight: number;
  arbitrary: fc.Arbitrary<Mutation>;
}

/** A mutation that changes a request by a value of an arbitrary. */
function mutation<T>(
  weight: number,
  values: fc.Arbitrary<T>,
  change: (at: GeneratedRequest, value: T) => GeneratedRequest,
): WeightedMutation {
  return {
    weight,
    arbitrary: values.map(
      (value): Mutation =>
        (at) =>
          change(at, value),
    ),
  };
}

/** Mutations of one field of the query or the body. */
function fieldMutations(name: fc.Arbitrary<string>): WeightedMutation[] {
  const set = (at: GeneratedRequest, [key, value]: [string, unknown]) => setField(at, key, value);
  return [
    mutation(6, fc.tuple(name, hostileValue), set),
    mutation(3, fc.tuple(name, longRun), set),
    mutation(2, name, removeField),
    mutation(1, fc.tuple(unexpectedKey, hostileValue), set),
    mutation(1, fc.tuple(name, hostileText), (at, [key, value]) => ({
      ...at,
      query: [...at.query, [key, value], [`${key}[]`, 1]],
    })),
  ];
}

/** Mutations of the other parts of a request. */
function requestMutations(): WeightedMutation[] {
  const methods = ['PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'POST', 'DELETE', 'GET'];
  return [
    mutation(1, malformedBody, (at, broken) => ({ ...at, malformedBody: broken })),
    mutation(1, unusualHeaders, (at, headers) => ({ ...at, headers: { ...at.headers, ...headers } })),
    mutation(1, fc.tuple(fc.constantFrom('group', 'id', 'file'), hostileValue), (at, [key, value]) => ({
      ...at,
      pathValues: key in at.pathValues ? { ...at.pathValues, [key]: value } : at.pathValues,
    })),
    mutation(1, fc.constantFrom(...methods), (at, method) => ({ ...at, method })),
    mutation(1, unusualPath, (at, rawPath) => ({ ...at, rawPath })),
  ];
}

const unusualPath = fc.oneof(
  fc.constantFrom(
    '/%',
    '/%00',
    '/%ff',
    '/notify/%',
    '/notify/%00',
    '/notify/%ed%a0%80',
    '/notify/..%2f',
    '//',
    '//messages',
    '/messages/',
    '/MESSAGES',
  ),
  fc.constantFrom(
    '/user/0/groups',
    '/user/x/groups',
    '/user/1e3/groups',
    '/user/1/groups/%00',
    '/assets/..%2f..%2fpackage.json',
    '/?%',
    '/chats?%=%',
    '/chats?userId[a]=1',
  ),
  fc.integer({ min: 100, max: 9000 }).map((length) => `/${'x'.repeat(length)}`),
  fc.integer({ min: 1, max: 300 }).map((length) => `/users?${'a=1&'.repeat(length)}`),
);

const setField = (at: GeneratedRequest, key: string, value: unknown): GeneratedRequest =>
  at.body === null
    ? { ...at, query: [...at.query.filter(([name]) => name !== key), [key, value]] }
    : { ...at, body: withKey(at.body, key, value) };

/** Sets an own property, even for the key `__proto__`. */
function withKey(body: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> {
  const copy = { ...body };
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

const removeField = (at: GeneratedRequest, key: string): GeneratedRequest => ({
  ...at,
  query: at.query.filter(([name]) => name !== key),
  body: at.body && Object.fromEntries(Object.entries(at.body).filter(([name]) => name !== key)),
});

/** Each of these takes much of a node's time, or changes the state of the node itself. */
const RARE = new Set([
  'POST /register',
  'POST /login',
  'GET /home',
  'GET /docs',
  'GET /openapi.json',
  'GET /metrics',
  'DELETE /tokens',
]);
const FREQUENT = /messages|group|chat|subscribe|notify/;

/** Generates requests for every operation of the document except those in `without`. */
export function requestsForAll(contract: Contract, without: ReadonlySet<string>): fc.Arbitrary<GeneratedRequest> {
  const operations = contract.operations.filter(([method, path]) => !without.has(`${method} ${path}`));
  return fc.oneof(
    ...operations.map(([method, path, operation]) => {
      const key = `${method} ${path}`;
      const weight = RARE.has(key) ? 1 : FREQUENT.test(path) ? 12 : 4;
      return { weight, arbitrary: requestsFor(method, path, operation) };
    }),
  );
}

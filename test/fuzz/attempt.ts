import fc from 'fast-check';
import type { ApiOperation, Contract } from '../support/contract.ts';
import {
  type BrokenBody,
  brokenBody,
  hostileText,
  hostileValue,
  longRun,
  strangeHeaders,
  strangeKey,
} from './hostile.ts';

/** An id that is only known when the request is made: the n-th (modulo) of those that the model has. */
export interface Drawn {
  drawn: 'user' | 'group' | 'message' | 'username' | 'groupName' | 'cursor';
  at: number;
}

/** One request, as it was made up. */
export interface Attempt {
  method: string;
  /** As in the document, with `{name}` for a parameter. */
  path: string;
  /** Sent in place of what the path comes to; nothing of the document then says what is to be answered. */
  rawPath: string | null;
  inPath: Record<string, unknown>;
  query: [name: string, value: unknown][];
  /** Null: none. */
  body: Record<string, unknown> | null;
  /** Wins over `body`. */
  brokenBody: BrokenBody | null;
  headers: Record<string, string>;
}

type Schema = Record<string, unknown>;

const draw = (drawn: Drawn['drawn']) => fc.nat({ max: 1000 }).map((at): Drawn => ({ drawn, at }));

/** What the names of the document's fields stand for. */
const MEANING: Record<string, Drawn['drawn']> = {
  userId: 'user',
  user_id: 'user',
  creatorId: 'user',
  id: 'user',
  groupId: 'group',
  messageId: 'message',
  before: 'message',
  after: 'message',
  username: 'username',
  group: 'groupName',
  groupName: 'groupName',
  cursor: 'cursor',
};

/** A value as the document asks for, mostly one that means something. */
function fitting(name: string, schema: Schema): fc.Arbitrary<unknown> {
  const meaning = MEANING[name];
  const fresh = freshOf(name, schema);
  return meaning ? fc.oneof({ weight: 5, arbitrary: draw(meaning) }, { weight: 1, arbitrary: fresh }) : fresh;
}

function freshOf(name: string, schema: Schema): fc.Arbitrary<unknown> {
  const number = (key: string, otherwise: number) => Number(schema[key] ?? otherwise);
  if (name === 'timeout') return fc.constantFrom(0, 0, 0, '0', 0.001);
  switch (schema.type) {
    case 'integer':
      return fc.integer({ min: number('minimum', 0), max: number('maximum', 1000) });
    case 'number':
      return fc.double({ min: number('minimum', 0), max: number('maximum', 1000), noNaN: true });
    case 'array':
      return fc.array(itemOf(name, schema), { maxLength: 6 });
    case 'string': {
      const most = Math.min(number('maxLength', 100), 60);
      return fc.string({ unit: 'grapheme', minLength: Math.min(number('minLength', 0), most), maxLength: most });
    }
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function itemOf(name: string, schema: Schema): fc.Arbitrary<unknown> {
  if (name === 'members') return draw('username');
  return name === 'groups' ? draw('groupName') : freshOf('', (schema.items ?? {}) as Schema);
}

/** Attempts at one operation: as it should be, and wrong in one way or several. */
function attemptsAt(method: string, path: string, operation: ApiOperation): fc.Arbitrary<Attempt> {
  const bodySchema = operation.requestBody?.content['application/json']?.schema as
    | { properties?: Record<string, Schema>; required?: string[] }
    | undefined;
  const fieldsAt = (place: string) => operation.parameters.filter((one) => one.in === place);
  const valuesOf = (fields: { name: string; required: boolean; schema: Schema }[]) =>
    fc.record(Object.fromEntries(fields.map(({ name, schema }) => [name, fitting(name, schema)])), {
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
    inPath: valuesOf(fieldsAt('path')),
    query: valuesOf(fieldsAt('query')).map((values) => Object.entries(values)),
    body: bodySchema ? valuesOf(inBody) : fc.constant(null),
    brokenBody: fc.constant(null),
    headers: fc.constant({}),
  }) as fc.Arbitrary<Attempt>;
  const names = [...fieldsAt('query'), ...inBody].map(({ name }) => name);
  return fc.oneof(
    { weight: 5, arbitrary: plain },
    { weight: 6, arbitrary: fc.tuple(plain, fc.array(faultIn(names), { minLength: 1, maxLength: 3 })).map(withFaults) },
  );
}

type Fault = (attempt: Attempt) => Attempt;
const withFaults = ([attempt, faults]: [Attempt, Fault[]]) => faults.reduce((at, fault) => fault(at), attempt);

function faultIn(names: string[]): fc.Arbitrary<Fault> {
  const name = names.length > 0 ? fc.constantFrom(...names) : strangeKey;
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(name, hostileValue).map(
        ([key, value]): Fault =>
          (at) =>
            put(at, key, value),
      ),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(name, longRun).map(
        ([key, value]): Fault =>
          (at) =>
            put(at, key, value),
      ),
    },
    {
      weight: 2,
      arbitrary: name.map(
        (key): Fault =>
          (at) =>
            drop(at, key),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(strangeKey, hostileValue).map(
        ([key, value]): Fault =>
          (at) =>
            put(at, key, value),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(name, hostileText).map(
        ([key, value]): Fault =>
          (at) => ({ ...at, query: [...at.query, [key, value], [`${key}[]`, 1]] }),
      ),
    },
    {
      weight: 1,
      arbitrary: brokenBody.map(
        (broken): Fault =>
          (at) => ({ ...at, brokenBody: broken }),
      ),
    },
    {
      weight: 1,
      arbitrary: strangeHeaders.map(
        (headers): Fault =>
          (at) => ({ ...at, headers: { ...at.headers, ...headers } }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom('group', 'id', 'file'), hostileValue).map(
        ([key, value]): Fault =>
          (at) => ({ ...at, inPath: key in at.inPath ? { ...at.inPath, [key]: value } : at.inPath }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND', 'POST', 'DELETE', 'GET').map(
        (method): Fault =>
          (at) => ({ ...at, method }),
      ),
    },
    {
      weight: 1,
      arbitrary: strangePath.map(
        (rawPath): Fault =>
          (at) => ({ ...at, rawPath }),
      ),
    },
  );
}

const strangePath = fc.oneof(
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

const put = (at: Attempt, key: string, value: unknown): Attempt =>
  at.body === null
    ? { ...at, query: [...at.query.filter(([name]) => name !== key), [key, value]] }
    : { ...at, body: withKey(at.body, key, value) };

/** As own property, also where the key is `__proto__`. */
function withKey(body: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> {
  const copy = { ...body };
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

const drop = (at: Attempt, key: string): Attempt => ({
  ...at,
  query: at.query.filter(([name]) => name !== key),
  body: at.body && Object.fromEntries(Object.entries(at.body).filter(([name]) => name !== key)),
});

/** Takes most of a node's time, each of them; or changes what the node itself is. */
const SELDOM = new Set([
  'POST /register',
  'POST /login',
  'GET /home',
  'GET /docs',
  'GET /openapi.json',
  'GET /metrics',
  'DELETE /tokens',
]);
const OFTEN = /messages|group|chat|subscribe|notify/;

/** Attempts at every operation of the document but those in `without`. */
export function attemptsAtAll(contract: Contract, without: ReadonlySet<string>): fc.Arbitrary<Attempt> {
  const operations = contract.operations.filter(([method, path]) => !without.has(`${method} ${path}`));
  return fc.oneof(
    ...operations.map(([method, path, operation]) => {
      const key = `${method} ${path}`;
      const weight = SELDOM.has(key) ? 1 : OFTEN.test(path) ? 12 : 4;
      return { weight, arbitrary: attemptsAt(method, path, operation) };
    }),
  );
}

import { Validator } from '@seriousme/openapi-schema-validator';
import { expect } from 'chai';
import type { JsonSchema } from '../../../../src/http/contract/json-schema.ts';
import { FIELDS } from '../../../../src/http/docs/field-texts.ts';
import { type ApiDocument, Contract, expectAsDocumented } from '../../../support/network/contract.ts';
import {
  bearer,
  get,
  type HttpCallOptions,
  type HttpResponse,
  type JsonObject,
  request,
} from '../../../support/network/http.ts';
import type { Person } from '../../../support/network/people.ts';
import { useOneNode } from '../../../support/nodes/one-node.ts';

const ADMIN_TOKEN = 'the-administrators-own-token';
/** These routes need a second node, or never end. Other tests cover them. */
const ELSEWHERE = new Set(['POST /switchover', 'GET /replica', 'GET /events']);

describe('The OpenAPI document', function () {
  this.timeout(60_000);
  const { node, people } = useOneNode({ AUTH: 'token', ADMIN_TOKEN });
  let contract: Contract;
  let ana: Person;
  let bruno: Person;
  let groupId: number;

  before(async () => {
    contract = await Contract.of(node.url);
    [ana, bruno] = [await people.newUser(), await people.newUser()];
    groupId = await people.group('Grupo Geral', [ana]);
  });

  /** Returns the schemas of an operation's parameters by name. */
  const parameterSchemas = (path: string, method: 'post' | 'delete') =>
    Object.fromEntries(
      (contract.document.paths[path]?.[method]?.parameters ?? []).map(({ name, schema }) => [name, schema]),
    ) as Record<string, JsonSchema>;

  it('is valid OpenAPI 3.1 according to a public validator, which rejects a broken one', async () => {
    const { text } = await get(`${node.url}/openapi.json`);
    expect(await new Validator().validate(JSON.parse(text))).to.deep.equal({ valid: true });
    const broken = JSON.parse(text);
    delete broken.paths['/messages'].get.responses;
    broken.paths['/messages'].get.parameters[0].in = 'nowhere';
    expect((await new Validator().validate(broken)).valid).to.equal(false);
  });

  it('has unique operation ids and no dangling reference', async () => {
    const ids = contract.operations.map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).to.equal(ids.length);
    const { text, body } = await get<ApiDocument>(`${node.url}/openapi.json`);
    for (const [, kind, name] of text.matchAll(/"#\/components\/(schemas|responses)\/(\w+)"/g)) {
      expect(body.components[kind as 'schemas'], `${kind}/${name}`).to.have.property(name ?? '');
    }
  });

  it('describes every operation, parameter and field, with examples that are valid', () => {
    const fields = new Set<string>();
    const collect = (value: unknown) => {
      if (typeof value !== 'object' || value === null) return;
      const { properties, ...rest } = value as { properties?: Record<string, { description?: string; $ref?: string }> };
      for (const [name, field] of Object.entries(properties ?? {})) {
        if (field.$ref === undefined && field.description === `${name.replaceAll('_', ' ')}.`) fields.add(name);
        collect(field);
      }
      Object.values(rest).forEach(collect);
    };
    collect(contract.document.components.schemas);
    const { tags } = contract.document as unknown as { tags: { name: string }[] };
    for (const [method, path, operation] of contract.operations) {
      const where = `${method} ${path}`;
      const { description, parameters, requestBody } = operation as typeof operation & { description?: string };
      expect(description, where).to.be.a('string').with.length.above(operation.operationId.length);
      expect(
        tags.map(({ name }) => name),
        where,
      ).to.include((operation as unknown as { tags: string[] }).tags[0]);
      for (const { name } of parameters) if (!(name in FIELDS)) fields.add(name);
      collect(requestBody);
      const example = (requestBody?.content['application/json'] as { example?: unknown } | undefined)?.example;
      if (requestBody) expect(example, where).to.be.an('object');
    }
    expect([...fields], 'fields without an entry in field-texts.ts').to.deep.equal([]);
  });

  it('has examples that a client could receive, and no placeholder', () => {
    for (const [method, path, { responses }] of contract.operations) {
      const { example } = (responses['200']?.content?.['application/json'] ?? {}) as { example?: unknown };
      expect(JSON.stringify(example ?? null), `${method} ${path}`).not.to.match(/[:[]"text"/);
    }
    const exampleOf = (path: string) => {
      const { content } = contract.document.paths[path]?.get?.responses['200'] ?? {};
      return (content?.['application/json'] as unknown as { example: Record<string, JsonObject[]> }).example;
    };
    expect(exampleOf('/group-events').events?.map(({ kind }) => kind)).to.deep.equal(['joined']);
    expect(exampleOf('/hooks').hooks?.[0]?.sender).to.match(/^🪝 .+ #\d+$/u);
    const { sessionId } = parameterSchemas('/sessions', 'delete');
    expect(exampleOf('/sessions').sessions?.[0]?.id).to.match(new RegExp(String(sessionId?.pattern)));
  });

  it('documents which Idempotency-Key is accepted', async () => {
    const { 'Idempotency-Key': key } = parameterSchemas('/messages', 'post');
    const pattern = new RegExp(String(key?.pattern));
    for (const value of ['5f0c', 'a b', 'a,b:{}', '"q"']) {
      const call = { ...bearer(ana.token), body: { groupId, content: 'Oi' } };
      const { status } = await request('POST', `${node.url}/messages`, {
        ...call,
        headers: { ...call.headers, 'idempotency-key': value },
      });
      expect(status === 200, value).to.equal(pattern.test(value));
    }
  });

  it('lists every error code with its meaning, and names the kinds of events by a discriminator', () => {
    const { Error: error, Event: event } = contract.document.components.schemas as Record<string, JsonSchema>;
    const { code, reason } = error?.properties as Record<string, { enum: string[] }>;
    expect(code?.enum).to.include.members(['not_active', 'cursor_expired', 'key_reused', 'outcome_unknown']);
    expect(reason?.enum).to.deep.equal(['retention', 'history', 'ahead', 'too_far']);
    const { propertyName, mapping } = event?.discriminator as { propertyName: string; mapping: Record<string, string> };
    expect(propertyName).to.equal('kind');
    expect(Object.keys(mapping)).to.include.members(['message', 'message_deleted', 'joined', 'left', 'notification']);
  });

  it('documents the limits that requests are checked against', () => {
    const { parameters } = contract.document.paths['/messages']?.get ?? { parameters: [] };
    expect(parameters.map(({ name, required, schema }) => [name, required, schema])).to.deep.equal([
      ['groupId', true, { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }],
      ['limit', false, { type: 'integer', minimum: 1, maximum: 500, default: 100 }],
      ['before', false, { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }],
      ['after', false, { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }],
      ['around', false, { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }],
      ['userId', false, { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }],
    ]);
    const { requestBody } = contract.document.paths['/register']?.post ?? {};
    expect(requestBody?.content['application/json']?.schema).to.deep.equal({
      type: 'object',
      properties: {
        username: { type: 'string', minLength: 1, maxLength: 64, pattern: '\\S', description: 'The username.' },
        password: { type: 'string', minLength: 8, maxLength: 256, format: 'password', description: 'The password.' },
      },
      required: ['username', 'password'],
    });
  });

  it('describes the responses and errors of every route, without undocumented fields', async () => {
    const seen = new Set<string>();
    const ask = async (method: string, path: string, url: string, call: HttpCallOptions = {}, expected?: number) => {
      const response = await request(method, `${node.url}${url}`, call);
      expectAsDocumented(contract, method, path, response);
      if (expected !== undefined) expect(response.status, `${method} ${url}: ${response.text}`).to.equal(expected);
      if (url !== '/notify/all') expectAsInExample(method, path, response);
      seen.add(`${method} ${path} ${response.status}`);
      return response;
    };
    /** The sentence of the example is the one that the route returns. */
    const expectAsInExample = (method: string, path: string, { status, body }: HttpResponse<JsonObject>) => {
      const { content } = contract.document.paths[path]?.[method.toLowerCase()]?.responses[status] ?? {};
      const { example } = (content?.['application/json'] ?? {}) as { example?: Record<string, unknown> };
      if (typeof body?.message === 'string') expect(body.message, `${method} ${path}`).to.equal(example?.message);
      if (path === '/fall' || path === '/revive') expect(body.status, path).to.equal(example?.status);
    };
    const [a, b, admin] = [bearer(ana.token), bearer(bruno.token), bearer(ADMIN_TOKEN)];

    for (const path of ['/', '/health', '/liveness', '/readiness', '/primary', '/cluster', '/metrics']) {
      await ask('GET', path, path, {}, 200);
    }
    const asBrowser = (etag = '') => ({ headers: { accept: 'text/html', 'if-none-match': etag } });
    await ask('GET', '/', '/', asBrowser(), 302);
    const { headers } = await ask('GET', '/cluster', '/cluster', asBrowser(), 200);
    await ask('GET', '/cluster', '/cluster', asBrowser(headers.etag), 304);
    const pages = ['/home', '/docs', '/openapi.json', '/manifest.webmanifest', '/service-worker.js'];
    for (const path of pages) await ask('GET', path, path, {}, 200);
    for (const path of ['/cluster/timeline', '/cluster/activity']) await ask('GET', path, path, {}, 200);
    await ask('GET', '/cluster/blocking', '/cluster/blocking', admin, 200);
    await ask('GET', '/cluster/blocking', '/cluster/blocking', b, 403);
    await ask('GET', '/assets/{file}', '/assets/home.js', {}, 200);
    await ask('GET', '/assets/{file}', '/assets/../../etc/passwd', {}, 404).catch(() => {});
    await ask('GET', '/', '/', { headers: { accept: 'text/html' } }, 302);
    await ask('GET', '/replica', '/replica', {}, 503);
    await ask('POST', '/switchover', '/switchover', { ...admin, body: {} }, 409);
    await ask('POST', '/switchover', '/switchover', { ...admin, body: { to: 'nowhere' } }, 404);
    await ask('POST', '/fall', '/fall', b, 403);
    const credentials = { username: 'carla', password: 'correct horse' };
    await ask('POST', '/register', '/register', { body: credentials }, 201);
    await ask('POST', '/register', '/register', { body: credentials }, 409);
    await ask('POST', '/register', '/register', { body: 'x', headers: { 'content-type': 'text/plain' } }, 415);
    await ask('POST', '/login', '/login', { body: credentials }, 200);
    await ask('POST', '/login', '/login', { body: { ...credentials, password: 'battery staple' } }, 401);
    await ask('POST', '/login', '/login', { body: '{"username":' }, 400);
    await ask('GET', '/users', '/users?username=ana', a, 200);
    await ask('GET', '/users', '/users', {}, 401);
    await ask('GET', '/chats', `/chats?userId=${ana.id}`, a, 200);
    await ask('GET', '/chats', `/chats?userId=${ana.id}`, b, 403);
    await ask('GET', '/chats', '/chats?userId=x', a, 400);
    const group = { groupName: 'Novo', creatorId: ana.id, members: [bruno.username, 'nobody'] };
    await ask('POST', '/create-chat', '/create-chat', { ...a, body: group }, 200);
    await ask('GET', '/group-users', `/group-users?groupId=${groupId}`, a, 200);
    await ask('POST', '/group-users', '/group-users', { ...a, body: { groupId, userId: bruno.id } }, 200);
    await ask('GET', '/group-events', `/group-events?groupId=${groupId}`, a, 200);
    await ask('GET', '/group-events', `/group-events?groupId=${2 ** 40}`, a, 403);
    await ask('POST', '/group-users', '/group-users', { ...a, body: { groupId, userId: 2 ** 40 } }, 404);
    await ask('GET', '/groups', '/groups', a, 200);

    const post = { ...a, body: { userId: ana.id, groupId, content: 'Olá' } };
    const keyed = { ...post, headers: { ...a.headers, 'idempotency-key': 'one' } };
    const { body: posted } = await ask('POST', '/messages', '/messages', keyed, 200);
    await ask('POST', '/messages', '/messages', { ...keyed, body: { ...post.body, content: 'outra' } }, 409);
    await ask('POST', '/messages', '/messages', { ...post, body: { ...post.body, content: 'x'.repeat(200_000) } }, 413);
    await ask('GET', '/messages', `/messages?groupId=${groupId}`, a, 200);
    const cursor = (await ask('GET', '/chats', `/chats?userId=${bruno.id}`, b, 200)).body.cursor;
    await ask('POST', '/notify/{group}', '/notify/Grupo%20Geral', { ...a, body: { payload: { n: [1] } } }, 200);
    await ask('POST', '/notify/{group}', '/notify/all', { ...admin, body: { payload: null } }, 200);
    for (const method of ['POST', 'DELETE']) {
      await ask(method, '/reactions', '/reactions', { ...a, body: { messageId: posted.message_id, emoji: '👍' } }, 200);
    }
    await ask('POST', '/reactions', '/reactions', { ...a, body: { messageId: 2 ** 40, emoji: '👍' } }, 404);
    const rich = { groupId, content: 'Sim', replyTo: posted.message_id, meta: { link: 'https://example.org' } };
    await ask('POST', '/messages', '/messages', { ...a, body: rich }, 200);
    await ask('POST', '/messages', '/messages', { ...a, body: { ...rich, replyTo: 2 ** 40 } }, 404);
    await ask('POST', '/reactions', '/reactions', { ...a, body: { messageId: posted.message_id, emoji: '❤️' } }, 200);
    await ask('GET', '/messages', `/messages?groupId=${groupId}`, a, 200);
    const own = (await ask('POST', '/create-chat', '/create-chat', { ...a, body: group }, 200)).body.group_id;
    await ask('PATCH', '/groups', '/groups', { ...a, body: { groupId: own, name: 'Outro', archived: true } }, 200);
    await ask('PATCH', '/groups', '/groups', { ...b, body: { groupId: own, archived: false } }, 403);
    const late = { groupId: own, content: 'tarde' };
    await ask('POST', '/messages', '/messages', { ...a, body: late }, 409);
    const admin2 = { groupId: own, userId: bruno.id, role: 'admin' };
    await ask('PATCH', '/group-users', '/group-users', { ...a, body: admin2 }, 200);
    const stepDown = { groupId: own, userId: ana.id, role: 'member' };
    await ask('PATCH', '/group-users', '/group-users', { ...a, body: stepDown }, 409);
    const { body: invitation } = await ask(
      'POST',
      '/invitations',
      '/invitations',
      { ...a, body: { groupId: own } },
      201,
    );
    const accept = { token: invitation.token };
    await ask('GET', '/invitations', `/invitations?groupId=${own}`, a, 200);
    await ask('POST', '/invitations/check', '/invitations/check', { body: accept }, 200);
    await ask('POST', '/invitations/check', '/invitations/check', { body: { token: 'x' } }, 404);
    await ask('POST', '/invitations/accept', '/invitations/accept', { ...b, body: accept }, 200);
    await ask('POST', '/invitations/accept', '/invitations/accept', { ...b, body: { token: 'x' } }, 404);
    await ask('DELETE', '/invitations', '/invitations', { ...a, body: { groupId: own } }, 200);
    const { body: made } = await ask('POST', '/hooks', '/hooks', { ...a, body: { groupId, name: 'Backup' } }, 201);
    await ask('GET', '/hooks', `/hooks?groupId=${groupId}`, a, 200);
    await ask('POST', '/hooks/{hookToken}', `/hooks/${made.token}`, { body: { content: 'Olá' } }, 200);
    await ask('POST', '/hooks/{hookToken}', '/hooks/wrong', { body: { content: 'Olá' } }, 404);
    await ask('GET', '/messages', `/messages?groupId=${groupId}`, a, 200);
    const hookId = (made.hook as { id: number }).id;
    await ask('DELETE', '/hooks', '/hooks', { ...a, body: { hookId } }, 200);
    await ask('DELETE', '/hooks', '/hooks', { ...a, body: { hookId } }, 404);
    await ask('POST', '/hooks/{hookToken}', `/hooks/${made.token}`, { body: { content: 'Olá' } }, 410);
    await ask('DELETE', '/groups', '/groups', { ...a, body: { groupId: own } }, 200);
    await ask('POST', '/direct', '/direct', { ...a, body: { otherUserId: bruno.id } }, 200);
    await ask('POST', '/direct', '/direct', { ...a, body: { otherUserId: 2 ** 40 } }, 404);
    await ask('POST', '/read', '/read', { ...a, body: { groupId, messageId: 2 ** 40 } }, 200);
    await ask('POST', '/read', '/read', { ...a, body: { groupId: 2 ** 40, messageId: 1 } }, 403);
    await ask('GET', '/read', `/read?groupId=${groupId}`, a, 200);
    await ask('GET', '/read', `/read?groupId=${2 ** 40}`, a, 403);
    await ask('GET', '/sync', '/sync', a, 200);
    await ask('POST', '/typing', '/typing', { ...a, body: { groupId } }, 200);
    await ask('POST', '/typing', '/typing', { ...a, body: { groupId: 2 ** 40 } }, 403);
    await ask('GET', '/presence', `/presence?groupId=${groupId}`, a, 200);
    await ask('GET', '/search', '/search?q=ol', a, 200);
    await ask('GET', '/search', '/search?q=%CC%81', a, 400);
    await ask('GET', '/search', `/search?q=ol&groupId=${2 ** 40}`, a, 403);
    const edit = { messageId: posted.message_id, content: 'Olá!' };
    await ask('PATCH', '/messages', '/messages', { ...a, body: edit }, 200);
    await ask('PATCH', '/messages', '/messages', { ...b, body: edit }, 403);
    await ask('DELETE', '/messages', `/messages?messageId=${posted.message_id}`, a, 200);
    await ask('DELETE', '/messages', `/messages?messageId=${posted.message_id}`, a, 404);
    await ask('DELETE', '/group-users', `/group-users?groupId=${groupId}&userId=${bruno.id}`, b, 200);
    for (const [path, query] of [
      ['/subscribe/user', `user_id=${ana.id}`],
      ['/subscribe/status', `groupId=${groupId}`],
    ] as const) {
      // A cursor from before the notifications returns every event in one response.
      const heard = await ask('GET', path, `${path}?${query}&timeout=0&cursor=${cursor}`, a, 200);
      expect((heard.body.events as unknown[]).length).to.be.above(2);
      await ask('GET', path, `${path}?${query}&timeout=0`, a, 204);
      await ask('GET', path, `${path}?${query}&cursor=000000000000-1`, a, 410);
      await ask('GET', path, `${path}?${query}&cursor=nonsense`, a, 400);
    }
    for (const [method, path, body] of [
      ['POST', '/user/{id}/groups', { groups: ['Um', 'Grupo Geral'] }],
      ['GET', '/user/{id}/groups', undefined],
      ['POST', '/user/{id}/groups/{group}', undefined],
      ['DELETE', '/user/{id}/groups/{group}', undefined],
    ] as const) {
      const url = path.replace('{id}', String(ana.id)).replace('{group}', 'Dois');
      await ask(method, path, url, { ...a, ...(body ? { body } : {}) }, 200);
      await ask(method, path, url, { ...b, ...(body ? { body } : {}) }, 403);
    }
    const newcomer = { username: 'davi', password: 'correct horse' };
    const { body: davi } = await ask('POST', '/register', '/register', { body: newcomer }, 201);
    const d = bearer(String(davi.token));
    await ask('GET', '/me', '/me', d, 200);
    await ask('PATCH', '/me', '/me', { ...d, body: { username: 'davi lima' } }, 200);
    await ask('PATCH', '/me', '/me', { ...d, body: { username: ana.username } }, 409);
    const change = { oldPassword: 'correct horse', password: 'battery staple' };
    const { body: changed } = await ask('POST', '/password', '/password', { ...d, body: change }, 200);
    const e = bearer(String(changed.token));
    await ask('POST', '/password', '/password', { ...e, body: change }, 401);
    await ask('GET', '/sessions', '/sessions', e, 200);
    await ask('POST', '/login', '/login', { body: { ...newcomer, username: 'davi lima', password: 'battery staple' } });
    const { body: listed } = await ask('GET', '/sessions', '/sessions', e, 200);
    const [latest] = listed.sessions as { id: string }[];
    await ask('DELETE', '/sessions', '/sessions', { ...e, body: { sessionId: latest?.id } }, 200);
    await ask('DELETE', '/sessions', '/sessions', { ...e, body: { sessionId: latest?.id } }, 404);
    await ask('POST', '/delete-account', '/delete-account', { ...e, body: { password: 'battery staple' } }, 200);
    await ask('DELETE', '/tokens', '/tokens', { ...admin, body: { userId: bruno.id } }, 200);
    await ask('POST', '/logout', '/logout', a, 200);
    await ask('POST', '/pause', '/pause', { ...admin, body: { minutes: 1, reason: 'new disk' } }, 200);
    await ask('POST', '/resume', '/resume', { ...admin, body: {} }, 200);
    await ask('POST', '/log-level', '/log-level', { ...admin, body: { level: 'debug' } }, 200);
    await ask('POST', '/log-level', '/log-level', { ...admin, body: { level: 'info' } }, 200);
    await ask('POST', '/fall', '/fall', admin, 200);
    await ask('GET', '/health', '/health', {}, 503);
    await ask('GET', '/users', '/users', admin, 503);
    await ask('POST', '/revive', '/revive', admin, 200);

    const succeeded = new Set([...seen].filter((one) => /20\d$/.test(one)).map((one) => one.replace(/ \d+$/, '')));
    const missing = contract.operations
      .map(([method, path]) => `${method} ${path}`)
      .filter((one) => !succeeded.has(one) && !ELSEWHERE.has(one));
    expect(missing, 'operations whose success was not looked at').to.deep.equal([]);
  });
});

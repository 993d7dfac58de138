import { eventually } from '../eventually.ts';
import { localNode } from '../nodes/two-nodes.ts';
import { withSession } from '../postgres/with-session.ts';
import { freePort } from './free-port.ts';
import { get, type HttpCallOptions, request } from './http.ts';

/**
 * Settings that end or refuse all statements of the DBA. A DBA resets them, so they are tested with the responses to clients and
 * not with the views.
 */
const DBA_OPTIONS = [
  'statement_timeout=0',
  'lock_timeout=0',
  'idle_session_timeout=0',
  'idle_in_transaction_session_timeout=0',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

const DBA_SETTINGS = { transaction_timeout: '0', restrict_nonsystem_relation_kind: '' };

/** Each view with the columns that have the same values after the same calls. */
const VIEWS = [
  `SELECT node, role, term, is_primary, extract(epoch FROM now() - started_at) BETWEEN 0 AND 600 AS young
   FROM plantao.cluster_status`,
  'SELECT term, node, reason, end_reason, handed_to, started_at > now() - interval $$1 hour$$ AS young FROM plantao.leader_history',
  'SELECT application_name, backend_start IS NOT NULL AS known FROM plantao.lock_holder',
  'SELECT group_id, name, members, last_message_id, last_sender FROM plantao.group_activity ORDER BY group_id',
  'SELECT first_position, head, events, removed FROM plantao.event_log_status',
  `SELECT position, kind, group_id, group_name, topic, user_id, username, message_id, sender, content, payload
   FROM plantao.event_feed ORDER BY position`,
  'SELECT username, username_key, password_hash IS NULL AS open FROM plantao.users ORDER BY id',
  'SELECT sender_id, key, group_id, content_hash = sha256(convert_to($$com chave \\$$, $$UTF8$$)) AS same FROM plantao.idempotency_keys',
];

/**
 * Starts a node on an empty, migrated database and returns its responses to one call of each kind, the contents of the
 * views afterwards, and the warnings and errors that it logged: the same text unless something outside changed a response.
 * Times, tokens, the id of the cluster and the random name of the epoch are left out.
 */
export async function canonicalResponses(databaseUrl: string, dbaUrl = databaseUrl): Promise<string[]> {
  const port = String(await freePort());
  const node = localNode({ DATABASE_URL: databaseUrl, PORT: port, NODE_NAME: 'node-a', DB_POOL_SIZE: '2' });
  const responses: string[] = [];
  const say = (text: string) => void responses.push(normalised(text));
  const call = async (method: string, path: string, how: HttpCallOptions = {}) => {
    const { status, text, headers, body } = await request(method, `${node.url}${path}`, how);
    say(`${method} ${path}: ${status} ${text} ${headers.cursor ?? ''}`);
    return { body, cursor: String(headers.cursor ?? body?.cursor ?? '') };
  };
  const untilActive = async (term: number) =>
    eventually(`it is active in term ${term}`, async () => {
      const { body } = await get(`${node.url}/health`);
      return body.active === true && body.term === term;
    });
  try {
    await node.start();
    await untilActive(1);
    await callEachRoute(node.url, call);
    await call('POST', '/fall');
    await call('POST', '/revive');
    await untilActive(2);
    await call('POST', '/messages', { body: { userId: 1, groupId: 1, content: 'no segundo mandato' } });
    for (const line of await viewsAs(dbaUrl)) say(line);
  } finally {
    await node.stop();
  }
  // The node warns of synchronous_commit because writes that bypass the nodes may be lost; it changes no response.
  const logged = node.entries.filter(({ level, msg }) => level >= 40 && !msg.startsWith('synchronous_commit is off'));
  for (const { msg } of logged) say(`logged: ${msg}`);
  return responses;
}

type Send = (
  method: string,
  path: string,
  how?: HttpCallOptions,
) => Promise<{ body: Record<string, unknown>; cursor: string }>;

async function callEachRoute(url: string, call: Send): Promise<void> {
  const keyed = { headers: { 'idempotency-key': 'chave-1' } };
  const message = { userId: 1, groupId: 1, content: 'Olá \\ "mundo" ção 🙂' };
  await call('POST', '/login', { body: { username: 'Ana  Ção' } });
  await call('POST', '/login', { body: { username: 'ana ção' } });
  await call('POST', '/register', { body: { username: "bruno o'brien \\", password: 'correct horse' } });
  await call('POST', '/login', { body: { username: "bruno o'brien \\", password: 'wrong' } });
  await call('POST', '/login', { body: { username: "bruno o'brien \\", password: 'correct horse' } });
  const group = { groupName: 'Grupo \\ "Geral"', creatorId: 1, members: ["bruno o'brien \\", 'ninguém', 'ANA ÇÃO'] };
  await call('POST', '/create-chat', { body: group });
  const { cursor } = await call('GET', '/messages?groupId=1');
  await call('POST', '/messages', { body: message });
  await call('POST', '/messages', { body: { ...message, content: 'com chave \\' }, ...keyed });
  await call('POST', '/messages', { body: { ...message, content: 'com chave \\' }, ...keyed });
  await call('POST', '/messages', { body: { ...message, content: 'outro texto' }, ...keyed });
  await call('POST', '/messages', { body: { ...message, groupId: 99 } });
  await call('GET', '/messages?groupId=1');
  await call('GET', '/messages?groupId=1&limit=1');
  await call('GET', '/messages?groupId=1&after=1');
  await call('DELETE', '/messages?messageId=1');
  await call('POST', '/notify/t\u00f3pico', { body: { payload: { a: [1.5, null, '\\'], data: '2026-01-02' } } });
  await call('POST', '/notify/all', { body: {} });
  await call('POST', '/user/2/groups', { body: { groups: ['Novo', 'Outro'] } });
  await call('GET', '/user/2/groups');
  await call('DELETE', '/user/2/groups/Outro');
  await call('POST', '/group-users', { body: { groupId: 2, userId: 1 } });
  await call('DELETE', '/group-users', { body: { groupId: 2, userId: 1 } });
  await call('GET', '/group-users?groupId=1');
  await call('GET', '/chats?userId=1');
  const { cursor: head } = await call('GET', '/chats?userId=2');
  await call('GET', '/users?username=a');
  await call('GET', '/users?username=%5C');
  // A node reads the log shortly after it is written.
  await eventually('the node has read all of it', async () => {
    const { body } = await get(`${url}/subscribe/user?user_id=2&timeout=0&cursor=${cursor}`);
    return body?.cursor === head;
  });
  await call('GET', `/subscribe/status?groupId=1&timeout=0&cursor=${cursor}`);
  await call('GET', `/subscribe/user?user_id=2&timeout=0&cursor=${cursor}`);
  await call('GET', `/subscribe/status?group=t%C3%B3pico&timeout=0&cursor=${cursor}`);
  await call('GET', `/subscribe/status?group=nenhum&timeout=0&cursor=${head}`);
  await call('GET', `/subscribe/status?groupId=1&timeout=0&cursor=${cursor.replace(/\d+$/, '999')}`);
}

async function viewsAs(databaseUrl: string): Promise<string[]> {
  const config = { connectionString: databaseUrl, application_name: 'a DBA', options: DBA_OPTIONS };
  return withSession(config, async (client) => {
    // Some versions do not know them, so they cannot be options.
    for (const [name, value] of Object.entries(DBA_SETTINGS)) {
      const known = 'WHERE pg_catalog.current_setting($1, true) IS NOT NULL';
      await client.query(`SELECT pg_catalog.set_config($1, $2, false) ${known}`, [name, value]);
    }
    const lines: string[] = [];
    for (const text of VIEWS) lines.push(JSON.stringify((await client.query(text)).rows));
    return lines;
  });
}

function normalised(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .replaceAll(/\b[0-9a-f]{12}-(\d+)\b/g, '<epoch>-$1')
    .replaceAll(/"token":"[^"]+"/g, '"token":"<token>"')
    .replaceAll(/"cluster":"[^"]+","epoch":"[^"]+"/g, '"cluster":"<cluster>","epoch":"<epoch>"')
    .replaceAll(/localhost:\d+/g, '<address>');
}

import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../support/eventually.ts';
import { get, type JsonObject, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls } from '../chat-calls.ts';
import { StreamReader } from '../delivery/streams/stream-reader.ts';

const ANA = 1;
const BRUNO = 2;

describe('Typing and presence', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const { on, newGroup, send } = chatCalls(nodes);
  const streams: StreamReader[] = [];
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close();
  });
  const open = async (url: string, userId: number, more = '') => {
    const stream = new StreamReader(`${url}/events?userId=${userId}${more}`);
    streams.push(stream);
    await eventually('the stream has begun', () => stream.lastId !== '');
    return stream;
  };
  const signalsOf = (stream: StreamReader): JsonObject[] =>
    stream.events.filter(({ type }) => type === 'ephemeral').map(({ data }) => JSON.parse(data));
  const typingIn = (groupId: number) => ({ kind: 'typing', group_id: groupId, user_id: BRUNO, ttl_ms: 6000 });
  const type = (url: string, groupId: number, userId = BRUNO) => post(`${url}/typing`, { groupId, userId });
  const head = async () => (await sql.query('SELECT head FROM plantao.log_bounds')).rows[0].head;

  it('reach the streams of other members on every node, whichever node the typing user calls, and are in no log', async () => {
    const before = await head();
    for (const from of [nodes.standby, nodes.active]) {
      const group = await newGroup('Digitando lá', ['bruno_orm']);
      const [here, there] = [await open(nodes.active.url, ANA), await open(nodes.standby.url, ANA)];
      const own = await open(nodes.active.url, BRUNO);
      const quiet = await open(nodes.active.url, ANA, '&ephemeral=0');
      const response = await type(from.url, group);
      expect([response.status, response.body]).to.deep.equal([
        200,
        { message: 'typing', group_id: group, ttl_ms: 6000 },
      ]);
      const isTyping = (stream: StreamReader) => signalsOf(stream).some((one) => one.group_id === group);
      await eventually('both hear it', () => isTyping(here) && isTyping(there));
      expect(signalsOf(here).filter(({ kind }) => kind === 'typing')).to.deep.equal([typingIn(group)]);
      expect(isTyping(own) || isTyping(quiet), 'not for oneself, and not where it is switched off').to.equal(false);
      const frame = here.text.split('\n\n').find((one) => one.includes('event: ephemeral')) ?? '';
      expect(frame, 'it moves no cursor').to.not.contain('id:');
      await send(group, 'depois');
      await eventually('the stream goes on', () => here.text.includes('depois'));
    }
    const { rows } = await sql.query('SELECT DISTINCT kind FROM plantao.events WHERE position > $1 ORDER BY kind', [
      before,
    ]);
    expect(rows.map(({ kind }) => kind)).to.deep.equal(['joined', 'message']);
  });

  it('end a poll that requests them, and no other', async () => {
    const groupId = await newGroup('Consultas', ['bruno_orm']);
    const { cursor } = (await get<{ cursor: string }>(on(`/messages?groupId=${groupId}`))).body;
    const poll = (more: string) =>
      get<JsonObject>(`${nodes.standby.url}/subscribe/${more}&cursor=${cursor}&timeout=20`);
    // Users of the test before go offline meanwhile, which ends such a poll too.
    const untilTyping = async (path: string) => {
      for (let signalCursor = '1'; ; ) {
        const response = await poll(`${path}&ephemeral=${signalCursor}`);
        const signals = (response.body?.ephemeral ?? []) as JsonObject[];
        if (response.status !== 200 || signals.some(({ kind }) => kind === 'typing')) return response;
        signalCursor = String(response.headers['ephemeral-cursor']);
      }
    };
    const asking = [untilTyping('user?user_id=1'), untilTyping(`status?groupId=${groupId}`)];
    const other = poll('user?user_id=1');
    await eventually('they wait', async () => {
      const { text } = await get(`${nodes.standby.url}/metrics`);
      return /^plantao_waiters 3$/m.test(text);
    });
    await type(nodes.active.url, groupId);
    for (const { status, body } of await Promise.all(asking)) {
      expect(status).to.equal(200);
      expect(body.events).to.deep.equal([]);
      expect(body.ephemeral).to.deep.include(typingIn(groupId));
    }
    await send(groupId, 'acordem');
    const { body } = await other;
    expect(body.events).to.have.length(1);
    expect(body).to.not.have.property('ephemeral');
  });

  it('give a poll what arrived since the one before, on the same node', async () => {
    const stream = await open(nodes.standby.url, ANA);
    const poll = (groupId: number, more: string) =>
      get<JsonObject>(`${nodes.standby.url}/subscribe/status?groupId=${groupId}&timeout=0&${more}`);
    // A slow machine needs more than the two seconds for which signals are kept.
    const isReceived = async () => {
      const groupId = await newGroup('Entre duas consultas', ['bruno_orm']);
      const first = await poll(groupId, 'ephemeral=1');
      const signalCursor = String(first.headers['ephemeral-cursor']);
      expect(signalCursor).to.match(/^[0-9a-f]{12}-\d+$/);
      await type(nodes.active.url, groupId);
      await eventually('it has arrived', () => signalsOf(stream).some((one) => one.group_id === groupId));
      const second = await poll(groupId, `cursor=${first.headers.cursor}&ephemeral=${signalCursor}`);
      if (second.status === 204) return false;
      expect(second.body.ephemeral).to.deep.include(typingIn(groupId));
      const third = await poll(groupId, `ephemeral=${second.headers['ephemeral-cursor']}`);
      expect(third.body?.ephemeral ?? [], 'once').to.not.deep.include(typingIn(groupId));
      return true;
    };
    await eventually('a signal between two polls arrives with the second', isReceived, { within: 40_000 });
    expect((await poll(1, 'ephemeral=2')).status).to.equal(400);
  });

  it('refuse users who are not members, and users who type too fast', async () => {
    const groupId = await newGroup('Só da Ana');
    const refused = await type(nodes.standby.url, groupId);
    expect([refused.status, refused.body.code]).to.deep.equal([403, 'not_a_member']);
    const missing = await type(nodes.standby.url, 2 ** 50);
    expect([missing.status, missing.body.code]).to.deep.equal([404, 'group_not_found']);
    const nobody = await type(nodes.standby.url, groupId, 2 ** 50);
    expect([nobody.status, nobody.body.code]).to.deep.equal([404, 'user_not_found']);
    const codes = new Set<number>();
    for (let tries = 0; tries < 40; tries++) codes.add((await type(nodes.standby.url, groupId, ANA)).status);
    expect([...codes]).to.deep.equal([200, 429]);
  });

  it('show the users connected to any node, notify the others of changes, and take a user offline after the last stream', async () => {
    const groupId = await newGroup('Presença', ['bruno_orm']);
    const online = async (url: string) =>
      (await get<JsonObject>(`${url}/presence?groupId=${groupId}`)).body.online_users;
    const watching = await open(nodes.active.url, ANA);
    for (const { url } of [nodes.active, nodes.standby]) {
      await eventually('Ana is online, and Bruno no longer', async () => String(await online(url)) === '1', {
        within: 25_000,
      });
    }
    const bruno = await open(nodes.standby.url, BRUNO);
    for (const { url } of [nodes.active, nodes.standby]) {
      await eventually('both are online', async () => String(await online(url)) === '1,2', { within: 10_000 });
    }
    const seen = () => signalsOf(watching).filter(({ kind }) => kind === 'presence');
    await eventually('Ana is notified that Bruno came', () => seen().length > 0, { within: 10_000 });
    expect(seen().at(-1)).to.deep.equal({ kind: 'presence', user_id: BRUNO, online: true });
    for (const path of ['chats', 'sync']) {
      const { body } = await get<JsonObject>(`${nodes.active.url}/${path}?userId=1`);
      expect(body.online_users, `GET /${path}`).to.have.members([ANA, BRUNO]);
    }
    bruno.close();
    await eventually('Ana is notified that Bruno went', () => seen().at(-1)?.online === false, { within: 25_000 });
    await eventually('he is offline on the other node', async () => String(await online(nodes.active.url)) === '1');
  });

  it('ignore forged and replayed notifications of other sessions', async () => {
    const groupId = await newGroup('Falsos', ['bruno_orm']);
    const stream = await open(nodes.active.url, ANA);
    const listener = new pg.Client(nodes.database.url);
    const replayed: string[] = [];
    listener.on('notification', ({ payload }) => void replayed.push(payload ?? ''));
    await listener.connect();
    await listener.query('LISTEN plantao_signals');
    await type(nodes.standby.url, groupId);
    await eventually('the true one arrives', () => signalsOf(stream).some(({ kind }) => kind === 'typing'));
    await listener.end();
    expect(replayed).to.not.deep.equal([]);
    for (const payload of replayed) expect(payload, 'no other program can read it').to.not.contain('typing');
    const forged = JSON.stringify({
      from: 'x',
      number: 9e15,
      typing: [
        [groupId, ANA],
        [groupId, BRUNO],
      ],
    });
    const hostile = [forged, Buffer.from(forged).toString('base64'), '', '{', 'x'.repeat(7000), '[]', 'null', '1e999'];
    for (const payload of [...hostile, ...replayed])
      await sql.query("SELECT pg_notify('plantao_signals', $1)", [payload]);
    const { message_id } = await send(groupId, 'depois dos falsos');
    await eventually('the node goes on', () => stream.text.includes(`"id":${message_id},`));
    expect(signalsOf(stream).filter(({ kind }) => kind === 'typing')).to.deep.equal([typingIn(groupId)]);
  });
});

describe('Typing and presence with PRESENCE=off', () => {
  const nodes = useTwoNodes({ PRESENCE: 'off' });

  it('are refused, and nodes neither listen nor send', async () => {
    const typing = await post(`${nodes.active.url}/typing`, { groupId: 1, userId: 1 });
    const presence = await get<JsonObject>(`${nodes.standby.url}/presence?groupId=1`);
    for (const { status, body } of [typing, presence]) expect([status, body.code]).to.deep.equal([404, 'switched_off']);
    const chats = await get<JsonObject>(`${nodes.active.url}/chats?userId=1`);
    expect(chats.body).to.not.have.property('online_users');
    const { rows } = await nodes.sql.query(
      "SELECT FROM pg_stat_activity WHERE application_name LIKE '%:signals' AND datname = current_database()",
    );
    expect(rows).to.have.length(0);
  });
});

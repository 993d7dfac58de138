import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, type JsonObject, post, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls, expectMissing } from '../chat-calls.ts';

interface Chat extends JsonObject {
  id: number;
  unread: number;
  mentions: number;
  last_read_id: number;
  last_message: JsonObject | null;
}

describe('Read marks', () => {
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const { on, both, newGroup, send } = chatCalls(nodes);
  const read = (groupId: number, messageId: unknown, userId = 2) => post(on('/read'), { groupId, messageId, userId });
  const chatsOf = async (userId: number, url = nodes.active.url) =>
    (await get<{ chats: Chat[] }>(`${url}/chats?userId=${userId}`)).body.chats;
  const chatOf = async (userId: number, groupId: number) => (await chatsOf(userId)).find(({ id }) => id === groupId);
  const userEvents = async (userId: number, cursor: unknown, url: string) => {
    const path = `/subscribe/user?user_id=${userId}&cursor=${cursor}&timeout=5`;
    return (await get<{ events: JsonObject[] }>(url + path)).body.events;
  };
  /** Returns the events of user 1 up to one, which a node may read later than those before it. */
  const eventsTo = (isLast: (event: JsonObject) => boolean, cursor: unknown, url: string) =>
    eventually('the last event is delivered', async () => {
      const events = await userEvents(1, cursor, url);
      return isLast(events.at(-1) ?? {}) && events;
    });
  const cursorOf = async (userId: number) => (await get(on(`/chats?userId=${userId}`))).body.cursor;
  const newChat = (name: string) => newGroup(name, ['bruno_orm']);
  const fill = (groupId: number, most: number, text = 'm') =>
    sql.query(
      'INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, 1, $3 || n FROM generate_series(1, $2::int) n',
      [groupId, most, text],
    );

  it('count the messages that others have sent since', async () => {
    const groupId = await newChat('Contagem');
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 0, last_message: null });
    const ids: unknown[] = [];
    for (const text of ['um', 'dois', 'três']) ids.push((await send(groupId, text)).message_id);
    await send(groupId, 'meu', 2);
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 3 });
    expect((await read(groupId, ids[1])).body).to.deep.equal({ group_id: groupId, last_read_id: ids[1] });
    const chat = await chatOf(2, groupId);
    expect(chat).to.deep.include({ unread: 1, last_read_id: ids[1] });
    expect(chat?.last_message).to.deep.include({ sender: 'bruno_orm', sender_id: 2, excerpt: 'meu' });
    expect(chat?.last_message?.timestamp).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await chatOf(1, groupId), 'of another member').to.deep.include({ unread: 1 });
  });

  it('count the unread messages that mention the user, without accents too, but none that mention a longer name', async () => {
    const name = 'João Ninguém';
    const { user_id: userId } = (await post(on('/login'), { username: name })).body as { user_id: number };
    const groupId = await newGroup('Menções', [name, 'bruno_orm']);
    const first = await send(groupId, 'oi @João Ninguém');
    for (const text of [
      'e @JOÃO NINGUÉM!',
      '@joao  ninguem, vem',
      '(@João Ninguém): sim',
      '@João Ninguémzinho não',
      'eu@João Ninguém não',
      'João Ninguém não',
    ])
      await send(groupId, text);
    await send(groupId, 'meu @João Ninguém', userId);
    expect(await chatOf(userId, groupId)).to.deep.include({ unread: 7, mentions: 4 });
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 8, mentions: 0 });
    await read(groupId, first.message_id, userId);
    expect(await chatOf(userId, groupId)).to.deep.include({ unread: 6, mentions: 3 });
  });

  it('count no mention of a name that consists only of marks, which a search ignores', async () => {
    for (const name of ['ــ', '\u0301', '\u20dd']) {
      const { user_id: userId } = (await post(on('/login'), { username: name })).body as { user_id: number };
      const groupId = await newGroup('Marcas', [name, 'bruno_orm']);
      for (const text of ['um @ sozinho', '@', '@bruno_orm']) await send(groupId, text);
      expect(await chatOf(userId, groupId), escape(name)).to.deep.include({ unread: 3, mentions: 0 });
    }
  });

  it('look for mentions in the newest hundred unread messages with an @', async () => {
    const groupId = await newChat('Muito texto');
    await send(groupId, 'antes: @bruno_orm');
    await fill(groupId, 100);
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 101, mentions: 1 });
    await fill(groupId, 100, '@');
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 201, mentions: 0 });
    await send(groupId, 'agora: @bruno_orm');
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 202, mentions: 1 });
  });

  it('never move back, nor beyond the newest message, over HTTP or in SQL', async () => {
    const groupId = await newChat('Só adiante');
    const { message_id: first } = await send(groupId, 'um');
    const { message_id: last } = await send(groupId, 'dois');
    expect((await read(groupId, 2 ** 50)).body.last_read_id).to.equal(last);
    expect((await read(groupId, first)).body.last_read_id).to.equal(last);
    await sql.query('UPDATE plantao.memberships SET last_read_id = 1 WHERE group_id = $1 AND user_id = 2', [groupId]);
    expect(await chatOf(2, groupId)).to.deep.include({ last_read_id: last });
    await send(groupId, 'três');
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 1 });
  });

  it('are bounded and can be upserted in SQL', async () => {
    const groupId = await newChat('Em SQL');
    const { message_id: first } = await send(groupId, 'um');
    const { message_id: last } = await send(groupId, 'dois');
    const upsert = `INSERT INTO plantao.memberships (group_id, user_id, last_read_id) VALUES ($1, 2, $2)
      ON CONFLICT (group_id, user_id) DO UPDATE SET last_read_id = excluded.last_read_id`;
    await sql.query(upsert, [groupId, first]);
    expect(await chatOf(2, groupId)).to.deep.include({ last_read_id: first, unread: 1 });
    const update = 'UPDATE plantao.memberships SET last_read_id = $2 WHERE group_id = $1 AND user_id = 2';
    await sql.query(update, [groupId, Number.MAX_SAFE_INTEGER]);
    expect(await chatOf(2, groupId)).to.deep.include({ last_read_id: last, unread: 0 });
    await sql.query('DELETE FROM plantao.memberships WHERE group_id = $1 AND user_id = 2', [groupId]);
    await sql.query(upsert, [groupId, Number.MAX_SAFE_INTEGER]);
    expect(await chatOf(2, groupId), 'of a new member').to.deep.include({ last_read_id: last });
    await send(groupId, 'três');
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 1 });
  });

  it('count messages of others even if a thousand messages of the user follow them', async () => {
    const groupId = await newChat('Robô');
    await fill(groupId, 1500);
    await sql.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, 2, 'b' FROM generate_series(1, 1000)",
      [groupId],
    );
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 1000 });
  });

  it("reach the user's other devices as an event, and no other user", async () => {
    const groupId = await newChat('Aparelhos');
    const { message_id: messageId } = await send(groupId, 'um');
    const [mine, others] = [await cursorOf(2), await cursorOf(1)];
    await read(groupId, messageId);
    await read(groupId, messageId);
    const expected = { kind: 'read', group_id: groupId, message_id: messageId };
    for (const { url } of [nodes.active, nodes.standby]) {
      const events = await userEvents(2, mine, url);
      expect(events).to.have.length(1);
      expect(events[0]).to.deep.include(expected);
    }
    await send(groupId, 'dois');
    const kinds = (await userEvents(1, others, nodes.active.url)).map(({ kind }) => kind);
    expect(kinds).to.deep.equal(['message']);
    const { rows } = await sql.query(
      "SELECT user_id, group_id, payload FROM plantao.event_feed WHERE kind = 'read' ORDER BY position DESC LIMIT 1",
    );
    expect(rows).to.deep.equal([{ user_id: 2, group_id: null, payload: { group_id: groupId, message_id: messageId } }]);
  });

  it('reach the members of a group that shows reads, in events and in GET /read; of other groups only their own', async () => {
    const groupId = await newChat('Quem leu');
    const { message_id: messageId } = await send(groupId, 'um');
    const readsOf = async (userId: number) => {
      let found: unknown;
      await both(`/read?groupId=${groupId}&userId=${userId}`, ({ body }) => {
        found = body;
      });
      return found;
    };
    const hidden = { group_id: groupId, shows_reads: false };
    expect(await readsOf(1)).to.deep.equal({ ...hidden, reads: [{ user_id: 1, last_read_id: 0 }] });
    const cursor = await cursorOf(1);
    await sql.query('UPDATE plantao.groups SET shows_reads = true WHERE id = $1', [groupId]);
    await read(groupId, messageId);
    const marks = [
      { user_id: 1, last_read_id: 0 },
      { user_id: 2, last_read_id: messageId },
    ];
    expect(await readsOf(1)).to.deep.equal({ group_id: groupId, shows_reads: true, reads: marks });
    for (const { url } of [nodes.active, nodes.standby]) {
      const events = await eventsTo((event) => event.kind === 'read_by', cursor, url);
      expect(events.map(({ kind }) => kind)).to.deep.equal(['group_changed', 'read_by']);
      expect(events[0]).to.deep.include({ shows_reads: true });
      expect(events[1]).to.deep.include({ group_id: groupId, user_id: 2, message_id: messageId });
    }
    expect((await chatOf(1, groupId))?.shows_reads).to.equal(true);
    const url = `${nodes.active.url}/groups`;
    const { status, body } = await request('PATCH', url, { body: { groupId, showsReads: false } });
    expect([status, body.shows_reads]).to.deep.equal([200, false]);
    expect(await readsOf(2)).to.deep.equal({ ...hidden, reads: [{ user_id: 2, last_read_id: messageId }] });
    const stranger = await get(on(`/read?groupId=${groupId}&userId=3`));
    expect([stranger.status, stranger.body.code]).to.deep.equal([403, 'not_a_member']);
    expect((await get(on(`/read?groupId=${groupId}`))).status, 'no user').to.equal(400);
  });

  it('of a client that scrolls cause few events', async () => {
    const groupId = await newChat('Rolagem');
    await fill(groupId, 40);
    const { rows } = await sql.query('SELECT id FROM plantao.messages WHERE group_id = $1 ORDER BY id', [groupId]);
    await sql.query('UPDATE plantao.groups SET shows_reads = true WHERE id = $1', [groupId]);
    const cursor = await cursorOf(1);
    const startedAt = performance.now();
    const reads: ReturnType<typeof read>[] = [];
    for (const { id } of rows) {
      reads.push(read(groupId, id));
      await get(on('/liveness'));
    }
    const responses = await Promise.all(reads);
    const seconds = (performance.now() - startedAt) / 1000;
    expect(new Set(responses.map(({ status }) => status))).to.deep.equal(new Set([200]));
    const last = rows.at(-1).id;
    expect(responses.at(-1)?.body.last_read_id).to.equal(last);
    const events = await eventsTo((event) => event.message_id === last, cursor, nodes.active.url);
    expect(events.filter(({ kind }) => kind === 'read_by')).to.have.length.within(1, 2 + 2 * seconds);
  });

  it('begin at the newest message when a user joins', async () => {
    const groupId = await newGroup('Atrasado');
    const { message_id: messageId } = await send(groupId, 'antes');
    await post(on('/group-users'), { groupId, userId: 2 });
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 0, last_read_id: messageId });
  });

  it('stop counting at 1,000', async () => {
    const groupId = await newChat('Muitas');
    await fill(groupId, 1500);
    expect(await chatOf(2, groupId)).to.deep.include({ unread: 1000 });
  });

  it('that arrive at once are stored together', async () => {
    const groups = await Promise.all(Array.from({ length: 10 }, (_, n) => newChat(`Juntas ${n}`)));
    const sent = await Promise.all(groups.map((groupId) => send(groupId, 'x')));
    const responses = await Promise.all(groups.map((groupId, n) => read(groupId, sent[n]?.message_id)));
    expect(responses.map(({ body }) => body.last_read_id)).to.deep.equal(sent.map(({ message_id }) => message_id));
    const { rows } = await sql.query(
      'SELECT count(DISTINCT xmin::text)::int AS commits FROM plantao.memberships WHERE group_id = ANY ($1) AND last_read_id > 0',
      [groups],
    );
    expect(rows[0].commits).to.be.within(1, 5);
  });

  it('are refused for a group that the user is not in', async () => {
    const groupId = await newGroup('Alheio');
    const { message_id: messageId } = await send(groupId, 'x');
    const refused = await read(groupId, messageId);
    expect([refused.status, refused.body.code]).to.deep.equal([403, 'not_a_member']);
    expect((await post(on('/read'), { groupId, messageId })).status, 'no user').to.equal(400);
    for (const wrong of [0, -1, 1.5, '1e3', null]) expect((await read(groupId, wrong)).status).to.equal(400);
  });

  it('sort the chats by their last activity', async () => {
    const [one, two] = [await newChat('Primeiro'), await newChat('Segundo')];
    const order = async () => (await chatsOf(2)).map(({ id }) => id).filter((id) => id === one || id === two);
    expect(await order()).to.deep.equal([two, one]);
    await send(one, 'olá');
    expect(await order()).to.deep.equal([one, two]);
  });

  it('come with the chats and the user in GET /sync, whose cursor continues without gap or overlap', async () => {
    const groupId = await newChat('Início');
    await send(groupId, 'antes');
    const { body } = await get<{ user: JsonObject; chats: Chat[]; cursor: string }>(on('/sync?userId=2'));
    expect(body.user).to.deep.equal({ id: 2, username: 'bruno_orm' });
    expect(body.chats.find(({ id }) => id === groupId)).to.deep.include({ unread: 1 });
    const { message_id: messageId } = await send(groupId, 'depois');
    const events = await userEvents(2, body.cursor, nodes.standby.url);
    expect(events.map(({ message }) => (message as JsonObject)?.id)).to.deep.equal([messageId]);
    expectMissing(await get(on('/sync?userId=987654')), 'user_not_found');
  });

  it('are valid values of after and around: with 0, these return the first page', async () => {
    const groupId = await newChat('Do início');
    const first = (await send(groupId, 'um')).message_id;
    await send(groupId, 'dois');
    const mark = (await chatOf(2, groupId))?.last_read_id;
    expect(mark).to.equal(0);
    for (const [page, ids] of [
      [`after=${mark}&limit=1`, [first]] as const,
      [`around=${mark}&limit=2`, [first]] as const,
    ]) {
      await both(`/messages?groupId=${groupId}&${page}`, ({ status, body }) => {
        expect(status, page).to.equal(200);
        expect((body.messages as { id: number }[]).map(({ id }) => id)).to.deep.equal(ids);
      });
    }
    for (const wrong of ['before=0', 'after=-1', 'after=00', 'around=0.5', 'after=']) {
      expect((await get(on(`/messages?groupId=${groupId}&${wrong}`))).status, wrong).to.equal(400);
    }
  });

  it('open a page around the first unread message', async () => {
    const groupId = await newGroup('Em volta');
    const ids: unknown[] = [];
    for (let n = 0; n < 9; n++) ids.push((await send(groupId, `m${n}`)).message_id);
    const around = async (index: number, limit: number) => {
      let found: unknown;
      await both(`/messages?groupId=${groupId}&around=${ids[index]}&limit=${limit}`, ({ body }) => {
        const messages = body.messages as { id: number }[];
        found = [messages.map(({ id }) => ids.indexOf(id)), body.has_more, body.has_newer];
      });
      return found;
    };
    expect(await around(4, 4)).to.deep.equal([[2, 3, 4, 5], true, true]);
    expect(await around(0, 4)).to.deep.equal([[0, 1], false, true]);
    expect(await around(8, 5)).to.deep.equal([[6, 7, 8], true, false]);
    expect(await around(4, 100)).to.deep.equal([[0, 1, 2, 3, 4, 5, 6, 7, 8], false, false]);
    const wrong = ['&before=5', '&after=5', '&limit=1'];
    for (const more of wrong) {
      expect((await get(on(`/messages?groupId=${groupId}&around=5${more}`))).status, more).to.equal(400);
    }
  });
});

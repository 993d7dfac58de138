import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, type JsonObject, post, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls } from '../chat-calls.ts';
import { StreamReader } from '../delivery/streams/stream-reader.ts';

interface Message extends JsonObject {
  idempotency_key?: string;
}
interface News {
  cursor: string;
  events: { kind: string; message: Message }[];
  recent_messages: Message[];
}

const KEY = 'key-"of"-<ana>';

describe('The Idempotency-Key of a message', () => {
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const { on, newGroup } = chatCalls(nodes);
  const sendWithKey = (groupId: number, key = KEY) =>
    post(on('/messages'), { userId: 1, groupId, content: 'olá' }, { headers: { 'Idempotency-Key': key } });
  const newsOf = async (userId: number, cursor: string, url: string) =>
    (await get<News>(`${url}/subscribe/user?user_id=${userId}&cursor=${cursor}&timeout=5`)).body;
  const cursorNow = async (groupId: number) =>
    (await get<{ cursor: string }>(on(`/messages?groupId=${groupId}`))).body.cursor;
  const keysIn = ({ events, recent_messages }: News) => [
    ...events.map(({ message }) => message.idempotency_key),
    ...recent_messages.map(({ idempotency_key }) => idempotency_key),
  ];

  it("reaches the polls of its sender's devices on every node, and no other member's", async () => {
    const groupId = await newGroup('Eco', ['bruno_orm']);
    const cursor = await cursorNow(groupId);
    const waiting = [nodes.active, nodes.standby].flatMap(({ url }) => [
      newsOf(1, cursor, url),
      newsOf(1, cursor, url),
      newsOf(2, cursor, url),
    ]);
    const { body } = await sendWithKey(groupId);
    const [mine, too, others, mineThere, tooThere, othersThere] = await Promise.all(waiting);
    for (const news of [mine, too, mineThere, tooThere]) {
      expect(news && keysIn(news)).to.deep.equal([KEY, KEY]);
      expect(news?.events[0]?.message.id).to.equal(body.message_id);
    }
    for (const news of [others, othersThere])
      expect(JSON.stringify(news)).to.contain('olá').and.not.contain('idempotency');
    for (const { url } of [nodes.active, nodes.standby]) {
      expect(keysIn(await newsOf(1, cursor, url)), 'from memory').to.deep.equal([KEY, KEY]);
      const open = await get(`${url}/subscribe/status?groupId=${groupId}&cursor=${cursor}`);
      expect(open.text, 'a poll without a user').to.contain('olá').and.not.contain('idempotency');
    }
  });

  it("reaches the sender's streams and no other stream", async () => {
    const groupId = await newGroup('Eco em fluxo', ['bruno_orm']);
    const [mine, others] = [1, 2].map((id) => new StreamReader(`${nodes.standby.url}/events?userId=${id}`));
    await eventually('both streams have begun', () => Boolean(mine?.lastId && others?.lastId));
    await sendWithKey(groupId, 'stream-1');
    await eventually('both have the message', () => [mine, others].every((one) => one?.text.includes('olá')));
    expect(mine?.text).to.contain('"idempotency_key":"stream-1"');
    expect(others?.text).to.not.contain('stream-1');
    for (const stream of [mine, others]) stream?.close();
  });

  it('stays with the message when it is edited, in events and in the history of its sender', async () => {
    const groupId = await newGroup('Eco editado', ['bruno_orm']);
    const cursor = await cursorNow(groupId);
    const { body } = await sendWithKey(groupId, 'edited-1');
    await request('PATCH', on('/messages'), { body: { messageId: body.message_id, content: 'corrigido' } });
    // The first poll may return before the node has read the edit.
    const both = (userId: number) =>
      eventually('the message and its edit are in one response', async () => {
        const { events } = await newsOf(userId, cursor, nodes.active.url);
        return events.length === 2 && events.map((one) => one.message);
      });
    expect((await both(1)).map((one) => [one.content, one.idempotency_key])).to.deep.equal([
      ['corrigido', 'edited-1'],
      ['corrigido', 'edited-1'],
    ]);
    expect(JSON.stringify(await both(2))).to.not.contain('edited-1');
    const page = async (as: string) => (await get(on(`/messages?groupId=${groupId}${as}`))).text;
    const around = `&around=${body.message_id}`;
    for (const how of ['', around]) {
      expect(await page(`&userId=1${how}`)).to.contain('"idempotency_key":"edited-1"');
      for (const as of ['', '&userId=2']) expect(await page(as + how)).to.not.contain('idempotency');
    }
  });

  it('is sent by psql too, and messages without one do not have the field', async () => {
    const groupId = await newGroup('Eco do psql', ['bruno_orm']);
    const cursor = await cursorNow(groupId);
    await sql.query('SELECT plantao.post_message($1, 1, $2, $3)', [groupId, 'do psql', 'psql-1']);
    await sql.query('SELECT plantao.post_message($1, 1, $2)', [groupId, 'sem chave']);
    await eventually('both arrive', async () => (await newsOf(1, cursor, nodes.standby.url)).events.length === 2);
    const { events } = await newsOf(1, cursor, nodes.standby.url);
    expect(events.map(({ message }) => message.idempotency_key)).to.deep.equal(['psql-1', undefined]);
  });
});

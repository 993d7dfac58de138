import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, type JsonObject, post, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls, expectMissing, TIME } from '../chat-calls.ts';

interface Told {
  kind: string;
  message?: { id: number; content: string; edited_at?: string };
}

describe('Editing a message', () => {
  const nodes = useTwoNodes({ EDIT_HISTORY: 'true' });
  const { sql } = nodes;
  const { on, both, newGroup, send } = chatCalls(nodes);
  const edit = (body: JsonObject) => request('PATCH', on('/messages'), { body });
  const eventsAfter = async (groupId: number, cursor: unknown, url = nodes.standby.url) => {
    const { body } = await get<{ events: Told[] }>(
      `${url}/subscribe/status?groupId=${groupId}&cursor=${cursor}&timeout=5`,
    );
    return body.events;
  };
  const cursorOf = async (groupId: number) => (await get(on(`/messages?groupId=${groupId}`))).body.cursor;
  const earlierTexts = async (id: unknown) => {
    const { rows } = await sql.query('SELECT content FROM plantao.message_edits WHERE message_id = $1', [id]);
    return rows.map(({ content }) => content);
  };

  it('changes the text in history, with the time of the edit, and notifies the group', async () => {
    const groupId = await newGroup('Editar');
    const { message_id: messageId, timestamp } = await send(groupId, 'primeira');
    const cursor = await cursorOf(groupId);
    const { status, body } = await edit({ messageId, content: 'segunda', userId: 1 });
    expect(status).to.equal(200);
    expect(body).to.deep.include({ message: 'message edited', message_id: messageId });
    expect(body.edited_at).to.match(TIME);
    const shown = { id: messageId, sender: 'ana_orm', sender_id: 1, content: 'segunda', timestamp };
    const edited = { ...shown, edited_at: body.edited_at };
    await both(`/messages?groupId=${groupId}`, (response) => expect(response.body.messages).to.deep.equal([edited]));
    const [event] = await eventsAfter(groupId, cursor);
    expect(event).to.deep.include({ kind: 'message_edited', group_id: groupId, message: edited });
    expect(await earlierTexts(messageId)).to.deep.equal(['primeira']);
  });

  it('works the same by an UPDATE in psql, which keeps no earlier text unless asked to', async () => {
    const groupId = await newGroup('Editar em SQL');
    const { message_id: messageId } = await send(groupId, 'a senha é 1234');
    const cursor = await cursorOf(groupId);
    await sql.query("UPDATE plantao.messages SET content = 'a senha é ****' WHERE id = $1", [messageId]);
    const [event] = await eventsAfter(groupId, cursor);
    expect(event?.kind).to.equal('message_edited');
    expect(event?.message?.content).to.equal('a senha é ****');
    expect(await earlierTexts(messageId)).to.deep.equal([]);
  });

  it('leaves the earlier text in no event, whether that is read from memory or from the database', async () => {
    const groupId = await newGroup('Nada fica');
    const cursor = await cursorOf(groupId);
    const { message_id: messageId } = await send(groupId, 'segredo um');
    for (const content of ['segredo dois', 'limpo']) await edit({ messageId, content });
    const texts = (events: Told[]) => events.map(({ kind, message }) => `${kind}: ${message?.content}`);
    for (const { url } of [nodes.active, nodes.standby]) {
      // The node may not have read the last event yet.
      const isClean = async () => {
        const found = texts(await eventsAfter(groupId, cursor, url));
        return ['message: limpo', 'message_edited: limpo'].every((text) => found.includes(text)) && found;
      };
      const found = await eventually('the node has the last edit', isClean);
      expect(found.join()).not.to.contain('segredo');
    }
    const { rows } = await sql.query(
      'SELECT kind, content, is_outdated FROM plantao.event_feed WHERE message_id = $1 ORDER BY position',
      [messageId],
    );
    expect(rows).to.deep.equal([
      { kind: 'message', content: 'limpo', is_outdated: false },
      { kind: 'message_edited', content: 'limpo', is_outdated: true },
      { kind: 'message_edited', content: 'limpo', is_outdated: false },
    ]);
  });

  it('with the same text is no edit', async () => {
    const groupId = await newGroup('Igual');
    const { message_id: messageId } = await send(groupId, 'igual');
    expect((await edit({ messageId, content: 'igual' })).body.edited_at).to.equal(null);
    const { rows } = await sql.query('SELECT kind FROM plantao.events WHERE message_id = $1', [messageId]);
    expect(rows).to.deep.equal([{ kind: 'message' }]);
  });

  it("is refused for a deleted message, another's message, and an invalid text", async () => {
    const groupId = await newGroup('Recusas');
    const { message_id: messageId } = await send(groupId, 'minha');
    const others = await edit({ messageId, content: 'tua', userId: 2 });
    expect([others.status, others.body.code]).to.deep.equal([403, 'forbidden']);
    for (const content of ['', ' ', 'x'.repeat(4097), 7, null]) {
      expect((await edit({ messageId, content })).status).to.equal(400);
    }
    await request('DELETE', on(`/messages?messageId=${messageId}`));
    expectMissing(await edit({ messageId, content: 'tarde' }), 'message_not_found');
    expectMissing(await edit({ messageId: 2 ** 50, content: 'nunca' }), 'message_not_found');
  });

  it('deletes the earlier texts together with the message', async () => {
    const groupId = await newGroup('Apagar tudo');
    const { message_id: messageId } = await send(groupId, 'um');
    await edit({ messageId, content: 'dois' });
    expect(await earlierTexts(messageId)).to.have.length(1);
    await request('DELETE', on(`/messages?messageId=${messageId}`));
    expect(await earlierTexts(messageId)).to.deep.equal([]);
  });

  it('is refused by a standby, which names the active node', async () => {
    const { status, body } = await request('PATCH', `${nodes.standby.url}/messages`, {
      body: { messageId: 1, content: 'x' },
    });
    expect([status, body.code]).to.deep.equal([503, 'not_active']);
    expect((await post(on('/messages'), { userId: 1, groupId: 1, content: 'x' })).status).to.equal(200);
  });
});

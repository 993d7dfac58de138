import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, type JsonObject, post, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls, expectMissing } from '../chat-calls.ts';

interface Message extends JsonObject {
  id: number;
  reply_to?: JsonObject;
  meta?: JsonObject;
  reactions?: JsonObject[];
}

describe('Replies, meta and reactions', () => {
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const { on, newGroup, send } = chatCalls(nodes);
  const reply = (body: JsonObject, headers = {}) =>
    post(on('/messages'), { userId: 2, content: 'resposta', ...body }, { headers });
  const page = async (groupId: number, userId?: number) => {
    const as = userId === undefined ? '' : `&userId=${userId}`;
    return (await get<{ messages: Message[]; cursor: string }>(on(`/messages?groupId=${groupId}${as}`))).body;
  };
  const last = async (groupId: number, userId?: number) => (await page(groupId, userId)).messages.at(-1);
  const eventsAfter = async (groupId: number, cursor: string, url = nodes.standby.url) => {
    const path = `/subscribe/status?groupId=${groupId}&cursor=${cursor}&timeout=5`;
    return (await get<{ events: (JsonObject & { message?: Message })[] }>(url + path)).body.events;
  };
  const preview = (id: unknown, excerpt: string) => ({ id, sender: 'ana_orm', sender_id: 1, excerpt, deleted: false });
  const gone = (id: unknown) => ({ id, sender: null, sender_id: null, excerpt: null, deleted: true });

  describe('a reply', () => {
    it('carries a preview of its target in history and in its event', async () => {
      const groupId = await newGroup('Responder');
      const { message_id: target } = await send(groupId, 'é'.repeat(150));
      const { cursor } = await page(groupId);
      expect((await reply({ groupId, replyTo: target })).status).to.equal(200);
      const expected = preview(target, 'é'.repeat(100));
      expect((await last(groupId))?.reply_to).to.deep.equal(expected);
      for (const { url } of [nodes.active, nodes.standby]) {
        const [event] = await eventsAfter(groupId, cursor, url);
        expect(event?.message?.reply_to).to.deep.equal(expected);
      }
    });

    it('shows the newest text of an edited target, and says that a deleted one is deleted', async () => {
      const groupId = await newGroup('Alvo mudado');
      const { message_id: target } = await send(groupId, 'segredo $& antigo');
      const { cursor } = await page(groupId);
      await reply({ groupId, replyTo: target });
      const shown = async () => {
        const seen = await Promise.all(
          [nodes.active, nodes.standby].map(async ({ url }) => (await eventsAfter(groupId, cursor, url))[0]?.message),
        );
        return [...seen, await last(groupId)].map((message) => message?.reply_to);
      };
      const all = (expected: JsonObject) => [expected, expected, expected];
      expect(await shown()).to.deep.equal(all(preview(target, 'segredo $& antigo')));
      await request('PATCH', on('/messages'), { body: { messageId: target, content: 'novo $& texto' } });
      await eventsAfter(
        groupId,
        (await page(groupId)).cursor.replace(/\d+$/, (n) => String(Number(n) - 1)),
      );
      expect(await shown()).to.deep.equal(all(preview(target, 'novo $& texto')));
      await request('DELETE', on(`/messages?messageId=${target}`));
      await eventsAfter(
        groupId,
        (await page(groupId)).cursor.replace(/\d+$/, (n) => String(Number(n) - 1)),
      );
      expect(await shown()).to.deep.equal(all(gone(target)));
    });

    it('is refused across groups and for a message that does not exist, also under a known key', async () => {
      const [groupId, other] = [await newGroup('Aqui'), await newGroup('Lá')];
      const { message_id: elsewhere } = await send(other, 'lá');
      const { message_id: here } = await send(groupId, 'aqui');
      expectMissing(await reply({ groupId, replyTo: elsewhere }), 'reply_not_found');
      expectMissing(await reply({ groupId, replyTo: 2 ** 50 }), 'reply_not_found');
      const key = { 'idempotency-key': 'resposta-1' };
      const first = await reply({ groupId, replyTo: here }, key);
      expect((await reply({ groupId, replyTo: here }, key)).body).to.deep.equal(first.body);
      const changed = await reply({ groupId }, key);
      expect([changed.status, changed.body.code]).to.deep.equal([409, 'key_reused']);
    });

    it('that was inserted in psql with a target of another group reveals nothing of it', async () => {
      const [groupId, other] = [await newGroup('Cá'), await newGroup('Segredos')];
      const { message_id: secret } = await send(other, 'secreto');
      await sql.query(
        "INSERT INTO plantao.messages (group_id, sender_id, content, reply_to_id) VALUES ($1, 1, 'olha', $2)",
        [groupId, secret],
      );
      expect((await last(groupId))?.reply_to).to.deep.equal(gone(secret));
    });
  });

  describe('meta', () => {
    it('is stored with the message, and is in history and events as it was sent', async () => {
      const groupId = await newGroup('Meta');
      const { cursor } = await page(groupId);
      const meta = { attachments: [{ href: 'https://example.org/a.png', size: 12.5 }], ção: null };
      await reply({ groupId, meta });
      expect((await last(groupId))?.meta).to.deep.equal(meta);
      expect((await eventsAfter(groupId, cursor))[0]?.message?.meta).to.deep.equal(meta);
    });

    it('is changed by an edit that has one, and kept by an edit that has none', async () => {
      const groupId = await newGroup('Meta editada');
      const { body } = await reply({ groupId, meta: { a: 1 } });
      const edit = (more: JsonObject) =>
        request('PATCH', on('/messages'), { body: { messageId: body.message_id, content: 'x', ...more } });
      await edit({});
      expect((await last(groupId))?.meta).to.deep.equal({ a: 1 });
      expect((await edit({ meta: { b: 2 } })).body.edited_at).to.be.a('string');
      expect((await last(groupId))?.meta).to.deep.equal({ b: 2 });
      await edit({ meta: null });
      expect(await last(groupId)).not.to.have.property('meta');
    });

    it('is refused unless it is an object of at most 4 KiB', async () => {
      const groupId = await newGroup('Meta recusada');
      for (const meta of [[], 'x', 7, { a: '\0' }, { a: '\ud800' }]) {
        expect((await reply({ groupId, meta })).status, JSON.stringify(meta).slice(0, 20)).to.equal(400);
      }
      const many = { numbers: Array.from({ length: 500 }, () => 1e300) };
      for (const meta of [many, { a: 'x'.repeat(4096) }]) {
        const { status, body } = await reply({ groupId, meta });
        expect([status, body.code]).to.deep.equal([413, 'meta_too_large']);
      }
      expect((await page(groupId)).messages).to.deep.equal([]);
    });
  });

  describe('reactions', () => {
    const react = (messageId: unknown, userId: number, emoji: string) =>
      post(on('/reactions'), { messageId, userId, emoji });

    it('are counted in history, marked for their own user, and delivered to the group once', async () => {
      const groupId = await newGroup('Reagir');
      const { message_id: messageId } = await send(groupId, 'boa notícia');
      const { cursor } = await page(groupId);
      for (const user of [1, 2, 2]) expect((await react(messageId, user, '👩‍🚀')).status).to.equal(200);
      expect((await react(messageId, 1, '❤️')).body).to.deep.include({ count: 1, emoji: '❤️' });
      expect((await last(groupId, 2))?.reactions).to.deep.equal([
        { emoji: '👩‍🚀', count: 2, mine: true },
        { emoji: '❤️', count: 1, mine: false },
      ]);
      const removal = await request('DELETE', on('/reactions'), { body: { messageId, userId: 2, emoji: '👩‍🚀' } });
      expect(removal.body).to.deep.include({ message: 'reaction removed', count: 1 });
      // The standby may not have read the last of them yet.
      const arrived = async () => {
        const found = await eventsAfter(groupId, cursor);
        return found.length >= 4 && found;
      };
      const events = await eventually('the standby has all events', arrived);
      expect(
        events.map(({ kind, user_id, emoji, added, count }) => [kind, user_id, emoji, added, count]),
      ).to.deep.equal([
        ['reaction', 1, '👩‍🚀', true, 1],
        ['reaction', 2, '👩‍🚀', true, 2],
        ['reaction', 1, '❤️', true, 1],
        ['reaction', 2, '👩‍🚀', false, 1],
      ]);
    });

    it('are bounded for one user, however many are sent at once, and for one message', async () => {
      const groupId = await newGroup('Mil reações');
      const { message_id: messageId } = await send(groupId, 'alvo');
      const responses = await Promise.all(Array.from({ length: 40 }, (_, n) => react(messageId, 1, `:e${n}:`)));
      expect(responses.filter(({ status }) => status === 200)).to.have.length(10);
      const refused = responses.filter(({ status }) => status !== 200).map(({ status, body }) => [status, body.code]);
      expect(new Set(refused.map(String))).to.deep.equal(new Set(['409,too_many_reactions']));
      await sql.query("INSERT INTO plantao.users (username) SELECT 'r' || n FROM generate_series(1, 4) n");
      await sql.query(
        `INSERT INTO plantao.reactions (message_id, user_id, emoji)
         SELECT $1, id, ':' || username || n || ':' FROM plantao.users, generate_series(1, 10) n WHERE username ~ '^r[1-4]$'`,
        [messageId],
      );
      expect((await react(messageId, 2, ':one more:')).body.code).to.equal('too_many_reactions');
      expect((await react(messageId, 2, ':r11:')).status, 'one that is there').to.equal(200);
      const thousand =
        "INSERT INTO plantao.reactions (message_id, user_id, emoji) SELECT $1, 2, 'x' || n FROM generate_series(1, 1000) n";
      expect(await sql.query(thousand, [messageId]).catch(({ code }) => code)).to.equal('23514');
    });

    it('in SQL are delivered like those over HTTP, and are removed with their message and their user', async () => {
      const groupId = await newGroup('Em SQL');
      const { message_id: messageId } = await send(groupId, 'alvo');
      const { cursor } = await page(groupId);
      await sql.query("INSERT INTO plantao.reactions (message_id, user_id, emoji) VALUES ($1, 2, '🎉')", [messageId]);
      const [event] = await eventsAfter(groupId, cursor);
      expect(event).to.deep.include({ kind: 'reaction', message_id: messageId, user_id: 2, added: true, count: 1 });
      const { rows } = await sql.query("INSERT INTO plantao.users (username) VALUES ('de passagem') RETURNING id");
      await react(messageId, rows[0].id, '🎉');
      await sql.query('DELETE FROM plantao.users WHERE id = $1', [rows[0].id]);
      expect((await last(groupId))?.reactions).to.deep.equal([{ emoji: '🎉', count: 1, mine: false }]);
      await request('DELETE', on(`/messages?messageId=${messageId}`));
      const left = 'SELECT count(*)::int AS n FROM plantao.reaction_counts WHERE message_id = $1';
      expect((await sql.query(left, [messageId])).rows).to.deep.equal([{ n: 0 }]);
      expectMissing(await react(messageId, 1, '🎉'), 'message_not_found');
      expect(
        await sql
          .query("INSERT INTO plantao.reactions (message_id, user_id, emoji) VALUES (987654, 1, 'x')")
          .catch(({ code }) => code),
      ).to.equal('23503');
    });

    it('can be repeated, removed and added again after a DBA has removed their counts', async () => {
      const { message_id: messageId } = await send(await newGroup('Sem contagem'), 'alvo');
      await react(messageId, 1, '🎉');
      const forget = () => sql.query('DELETE FROM plantao.reaction_counts WHERE message_id = $1', [messageId]);
      await forget();
      expect((await react(messageId, 1, '🎉')).body).to.include({ count: 1 });
      const path = on(`/reactions?messageId=${messageId}&emoji=${encodeURIComponent('🎉')}&userId=1`);
      expect((await request('DELETE', path)).body).to.include({ count: 0 });
      expect((await react(messageId, 1, '🎉')).body).to.include({ count: 1 });
      await forget();
      expect((await react(messageId, 2, '🎉')).body).to.include({ count: 1 });
    });

    it('can be added when their count is already the highest that PostgreSQL can store', async () => {
      const { message_id: messageId } = await send(await newGroup('Muitas'), 'alvo');
      await react(messageId, 1, '🎉');
      await sql.query('UPDATE plantao.reaction_counts SET count = 2147483647 WHERE message_id = $1', [messageId]);
      expect((await react(messageId, 2, '🎉')).body).to.include({ count: 2147483647 });
    });

    it('are refused if the emoji is not one', async () => {
      const { message_id: messageId } = await send(await newGroup('Emoji'), 'alvo');
      for (const emoji of ['', ' ', '\u200b', 'x'.repeat(33), '\ud83d', 'a\0', 7, null]) {
        expect((await post(on('/reactions'), { messageId, userId: 1, emoji })).status, String(emoji)).to.equal(400);
      }
      expect((await post(on('/reactions'), { messageId, emoji: 'x' })).body.code, 'no user').to.equal(
        'invalid_request',
      );
      expectMissing(await react(messageId, 2 ** 50, 'x'), 'user_not_found');
    });
  });
});

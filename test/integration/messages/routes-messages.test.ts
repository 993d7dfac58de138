import { expect } from 'chai';
import { del, get, type HttpResponse, type JsonObject, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { CURSOR, chatCalls, expectMissing, TIME } from '../chat-calls.ts';

interface Message {
  id: number;
  sender: string;
  sender_id: number;
  content: string;
  timestamp: string;
}

describe('Messages over HTTP', () => {
  const nodes = useTwoNodes({ DB_POOL_SIZE: '10' });
  const { on, both, newGroup, send } = chatCalls(nodes);

  describe('POST /messages', () => {
    it("returns the message's id, time and cursor, and both nodes then list it", async () => {
      const groupId = await newGroup('Mensagens');
      const { status, body } = await post(on('/messages'), { userId: 2, groupId, content: '  Olá!\n' });
      expect(status).to.equal(200);
      expect(body).to.have.all.keys('message', 'message_id', 'timestamp', 'cursor', 'durable');
      expect(body.message).to.equal('message sent');
      expect(body.timestamp).to.match(TIME);
      expect(body.cursor).to.match(CURSOR);
      await both(`/messages?groupId=${groupId}`, (response) => {
        const { message_id: id, timestamp } = body;
        const shown = [{ id, sender: 'bruno_orm', sender_id: 2, content: '  Olá!\n', timestamp }];
        expect(response.body).to.deep.include({ group_id: groupId, messages: shown, has_more: false });
      });
    });

    it('with a key stores one message however often it is repeated, and returns the same response', async () => {
      const groupId = await newGroup('Uma vez');
      const message = { userId: 1, groupId, content: 'uma vez' };
      const headers = { 'idempotency-key': 'key-1' };
      const responses = await Promise.all(Array.from({ length: 8 }, () => post(on('/messages'), message, { headers })));
      responses.push(await post(on('/messages'), message, { headers }));
      expect(new Set(responses.map(({ status, text }) => `${status} ${text}`)).size).to.equal(1);
      expect((await get<{ messages: Message[] }>(on(`/messages?groupId=${groupId}`))).body.messages).to.have.length(1);
      const other = await post(on('/messages'), { ...message, content: 'outra' }, { headers });
      expect(other.status).to.equal(409);
      expect(other.body.code).to.equal('key_reused');
      const others = await post(on('/messages'), { ...message, userId: 2 }, { headers });
      expect(others.status, 'keys are each sender’s own').to.equal(200);
    });

    it('refuses an invalid key', async () => {
      for (const key of ['', 'a'.repeat(256), 'with space', 'ã']) {
        const headers = { 'idempotency-key': key };
        const { status, body } = await post(on('/messages'), { userId: 1, groupId: 1, content: 'x' }, { headers });
        expect(status, key).to.equal(400);
        expect(body.code).to.equal('invalid_request');
      }
    });

    it('refuses invalid content', async () => {
      for (const content of ['', ' \n\t ', 7, null, ['x'], { text: 'x' }, 'x'.repeat(4097)]) {
        const { status } = await post(on('/messages'), { userId: 1, groupId: 1, content });
        expect(status, JSON.stringify(content)?.slice(0, 30)).to.equal(400);
      }
      expect((await post(on('/messages'), { userId: 1, groupId: 1, content: 'x'.repeat(4096) })).status).to.equal(200);
    });

    it('returns 404 for an unknown user or group without harming concurrent posts', async () => {
      const groupId = await newGroup('Vizinhos');
      const [user, group, ...good] = await Promise.all([
        post(on('/messages'), { userId: 999_999, groupId, content: 'x' }),
        post(on('/messages'), { userId: 1, groupId: 999_999, content: 'x' }),
        ...Array.from({ length: 6 }, (_, n) => post(on('/messages'), { userId: 1, groupId, content: `${n}` })),
      ]);
      expectMissing(user as HttpResponse<JsonObject>, 'user_not_found');
      expectMissing(group as HttpResponse<JsonObject>, 'group_not_found');
      expect(good.map(({ status }) => status)).to.deep.equal(good.map(() => 200));
    });

    it('accepts the largest possible id', async () => {
      const ids = { userId: Number.MAX_SAFE_INTEGER, groupId: Number.MAX_SAFE_INTEGER };
      expectMissing(await post(on('/messages'), { ...ids, content: 'x' }), 'user_not_found');
    });
  });

  describe('GET /messages', () => {
    let groupId: number;
    const ids: number[] = [];
    before(async () => {
      groupId = await newGroup('Páginas');
      for (let n = 0; n < 7; n++) ids.push((await send(groupId, `mensagem ${n}`)).message_id as number);
    });
    const page = async (query: string) => {
      const { body } = await get<{ messages: Message[]; has_more: boolean; cursor: string }>(
        `${nodes.standby.url}/messages?groupId=${groupId}${query}`,
      );
      return [body.messages.map(({ id }) => ids.indexOf(id)), body.has_more];
    };

    it('returns the newest page, oldest message first', async () => {
      expect(await page('')).to.deep.equal([[0, 1, 2, 3, 4, 5, 6], false]);
      expect(await page('&limit=3')).to.deep.equal([[4, 5, 6], true]);
      expect(await page('&limit=7')).to.deep.equal([[0, 1, 2, 3, 4, 5, 6], false]);
    });
    it('returns earlier messages with before, and later ones with after', async () => {
      expect(await page(`&limit=3&before=${ids[4]}`)).to.deep.equal([[1, 2, 3], true]);
      expect(await page(`&limit=3&before=${ids[3]}`)).to.deep.equal([[0, 1, 2], false]);
      expect(await page(`&limit=3&after=${ids[0]}`)).to.deep.equal([[1, 2, 3], true]);
      expect(await page(`&limit=3&after=${ids[3]}`)).to.deep.equal([[4, 5, 6], false]);
      expect(await page(`&after=${ids[6]}`)).to.deep.equal([[], false]);
      expect(await page(`&after=${ids[1]}&before=${ids[4]}`)).to.deep.equal([[2, 3], false]);
    });
    it('accepts limits from 1 to 500', async () => {
      expect(await page('&limit=1')).to.deep.equal([[6], true]);
      expect(await page('&limit=500')).to.deep.equal([[0, 1, 2, 3, 4, 5, 6], false]);
      for (const limit of ['501', '100000', '0', '-1', '1.5', 'all', '']) {
        expect((await get(on(`/messages?groupId=${groupId}&limit=${limit}`))).status, limit).to.equal(400);
      }
    });
    it('ends a page early where the texts or their meta are long as JSON, and misses no message', async () => {
      const group = await newGroup('Longas');
      await nodes.sql.query(
        `INSERT INTO plantao.messages (group_id, sender_id, content, meta)
         SELECT $1, 1, CASE WHEN n <= 300 THEN repeat(chr(1), 4096) ELSE 'x' END,
                CASE WHEN n > 300 THEN jsonb_build_object('m', repeat('m', 4000)) END
         FROM generate_series(1, 800) n`,
        [group],
      );
      const found: number[] = [];
      for (let before = '', more = true; more; ) {
        const { body, text } = await get<{ messages: Message[]; has_more: boolean }>(
          on(`/messages?groupId=${group}&limit=500${before}`),
        );
        expect(text.length).to.be.below(2.3 * 1024 * 1024);
        found.unshift(...body.messages.map(({ id }) => id));
        before = `&before=${found[0]}`;
        more = body.has_more;
      }
      expect(found).to.have.length(800);
      expect(new Set(found).size).to.equal(800);
      const around = await get(on(`/messages?groupId=${group}&limit=500&around=${found[150]}`));
      expect(around.text.length).to.be.below(2.3 * 1024 * 1024);
      expect(around.body).to.include({ has_more: true, has_newer: true });
    });
    it('returns a cursor from which a poll continues without gap or overlap', async () => {
      const { body } = await get(on(`/messages?groupId=${groupId}`));
      const { message_id: id } = await send(groupId, 'depois da página');
      const poll = await get<{ events: { message: Message }[] }>(
        `${nodes.standby.url}/subscribe/status?groupId=${groupId}&cursor=${body.cursor}&timeout=5`,
      );
      expect(poll.body.events.map(({ message }) => message.id)).to.deep.equal([id]);
    });
    it('is empty for a group without messages, and 404 for an unknown group', async () => {
      const empty = await newGroup('Vazio');
      await both(`/messages?groupId=${empty}`, ({ body }) => expect(body.messages).to.deep.equal([]));
      await both('/messages?groupId=999999', (response) => expectMissing(response, 'group_not_found'));
    });
  });

  describe('DELETE /messages', () => {
    it('deletes a message once, then returns 404', async () => {
      const groupId = await newGroup('Apagar');
      const { message_id: messageId } = await send(groupId, 'apague-me');
      const { status, body } = await del(on('/messages'), { messageId });
      expect(status).to.equal(200);
      expect(body).to.deep.equal({ message: 'message deleted' });
      await both(`/messages?groupId=${groupId}`, (response) => expect(response.body.messages).to.deep.equal([]));
      expectMissing(await del(on('/messages'), { messageId }), 'message_not_found');
    });
  });
});

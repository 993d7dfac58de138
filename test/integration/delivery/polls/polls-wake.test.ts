import { expect } from 'chai';
import { del, get, post } from '../../../support/network/http.ts';
import { type LocalNode, useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { CURSOR, chatCalls } from '../../chat-calls.ts';
import { kinds, type Poll, pollCalls } from './poll-calls.ts';

describe('A long poll', () => {
  const nodes = useTwoNodes();
  const { on, newGroup, send } = chatCalls(nodes);
  const { both, caughtUp, wait, waitOnBoth } = pollCalls(nodes);

  describe('on /subscribe/status', () => {
    it('by groupId returns on both nodes when a message is posted on the active one', async () => {
      const groupId = await newGroup('Por id');
      const responses = await waitOnBoth(`status?groupId=${groupId}`);
      const sent = await send(groupId, 'acorde');
      for (const [at, { status, headers, body }] of (await responses()).entries()) {
        expect(status).to.equal(200);
        expect(headers['content-type']).to.equal('application/json; charset=utf-8');
        expect(headers['cache-control']).to.equal('no-store, no-transform');
        const { message_id: id, timestamp, cursor } = sent;
        const [event] = body.events;
        expect(body).to.deep.equal({
          status: 'alive',
          active: at === 0,
          change: true,
          group: groupId,
          cursor,
          events: [
            {
              cursor,
              kind: 'message',
              group_id: groupId,
              at: event?.at,
              message: { id, sender: 'ana_orm', sender_id: 1, content: 'acorde', timestamp },
            },
          ],
        });
      }
    });

    it("by the group's name returns too, and not for another group", async () => {
      const [mine, other] = [await newGroup('Meu nome'), await newGroup('Outro nome')];
      const responses = await waitOnBoth('status?group=Meu%20nome');
      await send(other, 'não é para vocês');
      await send(mine, 'para vocês');
      for (const response of await responses()) {
        expect(response.body).to.include({ group: 'Meu nome', change: true });
        expect(response.body.events).to.have.length(1);
        expect(response.body.events[0]?.message).to.include({ content: 'para vocês' });
      }
    });

    it('by a name receives the events of every group of that name', async () => {
      const [one, two] = [await newGroup('Duplo'), await newGroup('Duplo')];
      const first = await waitOnBoth('status?group=Duplo');
      await send(one, 'do primeiro');
      const cursors = (await first()).map(({ body }) => body.cursor);
      const second = await wait(both().map((node, at) => [node, `status?group=Duplo&cursor=${cursors[at]}`]));
      await send(two, 'do segundo');
      for (const { body } of await second()) expect(body.events[0]).to.include({ group_id: two });
    });

    it('returns the payload of /notify/{group} on a topic', async () => {
      const responses = await waitOnBoth('status?group=t%C3%B3pico%20livre');
      const payload = { level: 3, text: 'manutenção', list: [1, null, true] };
      const sent = await post(on('/notify/t%C3%B3pico%20livre'), { payload });
      expect(sent.status).to.equal(200);
      expect(sent.body).to.have.all.keys('message', 'cursor');
      expect(sent.body.message).to.equal('notification sent to group tópico livre');
      expect(sent.body.cursor).to.match(CURSOR);
      for (const { body } of await responses()) {
        expect(body.cursor).to.equal(sent.body.cursor);
        const [event] = body.events;
        expect(body.events).to.deep.equal([
          { cursor: body.cursor, kind: 'notification', group: 'tópico livre', group_id: null, payload, at: event?.at },
        ]);
      }
    });

    it('waits for "default" if it names no group (compatible)', async () => {
      const responses = await waitOnBoth('status');
      expect((await post(on('/notify/default'))).body.message).to.equal('notification sent to group default');
      for (const { body } of await responses()) {
        expect(body.group).to.equal('default');
        expect(body.events[0]).to.include({ kind: 'notification', payload: null });
      }
    });

    it('returns on /notify/all, whichever group or topic it waits for', async () => {
      const groupId = await newGroup('Todos');
      const queries = [
        'status',
        'status?group=qualquer',
        `status?groupId=${groupId}`,
        'user?user_id=1',
        'user?user_id=2',
      ];
      const responses = await wait(
        both().flatMap((node) => queries.map((query): [LocalNode, string] => [node, query])),
      );
      const sent = await post(on('/notify/all'), { payload: 'todos' });
      expect(sent.body.message).to.equal('notification sent to all groups');
      for (const response of await responses()) {
        expect(kinds(response)).to.deep.equal(['broadcast']);
        expect(response.body.events[0]).to.include({ payload: 'todos' });
      }
    });

    it('accepts a payload of 64 KiB and refuses a larger one', async () => {
      const responses = await waitOnBoth('status?group=grande');
      const large = await post(on('/notify/grande'), { payload: 'x'.repeat(65 * 1024) });
      expect(large.status).to.equal(413);
      expect(large.body.code).to.equal('too_large');
      const payload = 'x'.repeat(64 * 1024 - 2);
      expect((await post(on('/notify/grande'), { payload })).status).to.equal(200);
      for (const { body } of await responses()) expect(body.events[0]?.payload).to.equal(payload);
    });

    it('returns the deletion of a message, and no longer its text', async () => {
      const groupId = await newGroup('Apagada');
      const { message_id: messageId } = await send(groupId, 'segredo');
      const { body: page } = await get<Poll>(on(`/messages?groupId=${groupId}`));
      const responses = await waitOnBoth(`status?groupId=${groupId}&cursor=${page.cursor}`);
      await del(on('/messages'), { messageId });
      for (const response of await responses()) {
        expect(response.body.events[0]).to.include({
          kind: 'message_deleted',
          group_id: groupId,
          message_id: messageId,
        });
        expect(response.text).to.not.include('segredo');
      }
    });

    it('returns at once if its cursor is behind, with everything that it missed, in order, once', async () => {
      const groupId = await newGroup('Atrasado');
      const { body: page } = await get<Poll>(on(`/messages?groupId=${groupId}`));
      const contents = Array.from({ length: 5 }, (_, n) => `perdida ${n}`);
      for (const content of contents) await send(groupId, content);
      await caughtUp();
      for (const { url } of both()) {
        const { body, ms } = await get<Poll>(`${url}/subscribe/status?groupId=${groupId}&cursor=${page.cursor}`);
        expect(body.events.map(({ message }) => (message as { content: string }).content)).to.deep.equal(contents);
        expect(ms).to.be.below(5000);
        const rest = await get(`${url}/subscribe/status?groupId=${groupId}&cursor=${body.cursor}&timeout=0`);
        expect(rest.status).to.equal(204);
      }
    });

    it('without a cursor receives only later events', async () => {
      const groupId = await newGroup('Só o novo');
      await send(groupId, 'antes');
      const responses = await waitOnBoth(`status?groupId=${groupId}`);
      await send(groupId, 'depois');
      for (const { body } of await responses()) {
        expect(body.events.map(({ message }) => (message as { content: string }).content)).to.deep.equal(['depois']);
      }
    });

    it('returns 204 with its cursor in the header at its time-out; with timeout=0 at once', async () => {
      for (const { url } of both()) {
        for (const [timeout, least, most] of [
          ['0', 0, 1500],
          ['0.5', 440, 3000],
        ] as const) {
          const { status, headers, text, ms } = await get(`${url}/subscribe/status?group=nada&timeout=${timeout}`);
          expect(status).to.equal(204);
          expect(text).to.equal('');
          expect(headers.cursor).to.match(CURSOR);
          expect(ms).to.be.within(least, most);
        }
      }
    });

    it('refuses an invalid time-out, cursor or group', async () => {
      const refused = async (query: string) => {
        const { status, body } = await get(on(`/subscribe/status?${query}`));
        return [status, body.code];
      };
      for (const timeout of ['-1', 'x', '1e1', '', '0x5', '55.001', '56', '999999999']) {
        expect(await refused(`timeout=${timeout}`), timeout).to.deep.equal([400, 'invalid_request']);
      }
      for (const cursor of ['', '1', 'abc', '0123456789ab-', "'--", 'x'.repeat(65)]) {
        expect(await refused(`timeout=0&cursor=${cursor}`), cursor).to.deep.equal([400, 'invalid_request']);
      }
      expect(await refused('timeout=0&group=')).to.deep.equal([400, 'invalid_request']);
      expect(await refused('timeout=0&groupId=999999')).to.deep.equal([404, 'group_not_found']);
      expect(await refused('timeout=0&cursor=0123456789ab-1')).to.deep.equal([410, 'cursor_expired']);
    });
  });
});

import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { del, get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { CURSOR, chatCalls } from '../../chat-calls.ts';
import { kinds, type Poll, pollCalls } from './poll-calls.ts';

describe('A long poll', () => {
  const nodes = useTwoNodes();
  const { on, newGroup, send } = chatCalls(nodes);
  const { both, caughtUp, wait, waitOnBoth, waiters } = pollCalls(nodes);

  describe('on /subscribe/user', () => {
    it("covers all of a user's groups in one poll, on both nodes", async () => {
      const { user_id: userId } = (await post(on('/login'), { username: 'ouvinte' })).body;
      const groupId = await newGroup('De um usuário', ['ouvinte']);
      const responses = await waitOnBoth(`user?user_id=${userId}`);
      const { message_id: id, timestamp, cursor } = await send(groupId, 'para o usuário');
      for (const { status, body } of await responses()) {
        expect(status).to.equal(200);
        const message = { id, sender: 'ana_orm', sender_id: 1, content: 'para o usuário', timestamp };
        const [event] = body.events;
        expect(body).to.deep.equal({
          change: true,
          user_id: userId,
          notified_group: 'De um usuário',
          user_groups: ['De um usuário'],
          recent_messages: [message],
          messages_count: 1,
          cursor,
          events: [{ cursor, kind: 'message', group_id: groupId, at: event?.at, message }],
        });
      }
    });

    it("receives a group's events from the join to the leave, both during the wait", async () => {
      const { user_id: userId } = (await post(on('/login'), { username: 'entra' })).body;
      const groupId = await newGroup('Entrada');
      await send(groupId, 'antes de entrar');
      const joining = await waitOnBoth(`user?user_id=${userId}`);
      await post(on('/group-users'), { groupId, userId });
      const joined = await joining();
      for (const { body } of joined) {
        expect(body.events).to.have.length(1);
        expect(body.events[0]).to.include({ kind: 'joined', group_id: groupId, user_id: userId, username: 'entra' });
        expect(body.user_groups).to.deep.equal(['Entrada']);
      }
      const cursor = joined[0]?.body.cursor;
      const hearing = await waitOnBoth(`user?user_id=${userId}&cursor=${cursor}`);
      await send(groupId, 'depois de entrar');
      for (const { body } of await hearing()) expect(body).to.include({ messages_count: 1, notified_group: 'Entrada' });
      await del(on('/group-users'), { groupId, userId });
      await send(groupId, 'depois de sair');
      await caughtUp();
      for (const { url } of both()) {
        const { body } = await get<Poll>(`${url}/subscribe/user?user_id=${userId}&cursor=${cursor}`);
        expect(body.events.map(({ kind }) => kind)).to.deep.equal(['message', 'left']);
        expect(body.user_groups).to.deep.equal([]);
      }
    });

    it("receives a group's events at once when its user joins during the wait", async () => {
      const { user_id: userId } = (await post(on('/login'), { username: 'sem pausa' })).body;
      const groupId = await newGroup('Sem pausa');
      const { body: before } = await get<Poll>(on(`/chats?userId=${userId}`));
      await post(on('/group-users'), { groupId, userId });
      await send(groupId, 'logo depois');
      await caughtUp();
      for (const { url } of both()) {
        const { body } = await get<Poll>(`${url}/subscribe/user?user_id=${userId}&cursor=${before.cursor}`);
        expect(body.events.map(({ kind }) => kind)).to.deep.equal(['joined', 'message']);
      }
    });

    it('returns 204 with its cursor at its time-out, 404 for an unknown user, 400 without one', async () => {
      for (const { url } of both()) {
        const over = await get(`${url}/subscribe/user?user_id=2&timeout=0`);
        expect(over.status).to.equal(204);
        expect(over.headers.cursor).to.match(CURSOR);
        expect((await get(`${url}/subscribe/user?user_id=999999&timeout=0`)).status).to.equal(404);
        expect((await get(`${url}/subscribe/user?timeout=0`)).status).to.equal(400);
      }
    });
  });

  describe('of either kind', () => {
    it('lists its groups in GET /groups of its node while it waits', async () => {
      const groupId = await newGroup('Vigiado');
      const byId = await newGroup('Por número');
      const responses = await wait([
        [nodes.standby, 'status?group=um%20t%C3%B3pico'],
        [nodes.standby, 'status?group=Vigiado'],
        [nodes.standby, `status?groupId=${byId}`],
      ]);
      const { body } = await get<{ active_groups: string[]; count: number }>(`${nodes.standby.url}/groups`);
      expect(body).to.deep.equal({ active_groups: ['Por número', 'Vigiado', 'um tópico'], count: 3 });
      expect((await get(on('/groups'))).body).to.deep.equal({ active_groups: [], count: 0 });
      await send(groupId, 'fim');
      await send(byId, 'fim');
      await post(on('/notify/um%20t%C3%B3pico'));
      await responses();
      expect((await get(`${nodes.standby.url}/groups`)).body).to.deep.equal({ active_groups: [], count: 0 });
    });

    it('frees its slot when its client leaves', async () => {
      const leaving = new AbortController();
      const poll = get(`${nodes.standby.url}/subscribe/status?group=vai`, { signal: leaving.signal }).catch(
        () => 'left',
      );
      await eventually('it waits', async () => (await waiters(nodes.standby)) === 1);
      leaving.abort();
      expect(await poll).to.equal('left');
      await eventually('its slot is free', async () => (await waiters(nodes.standby)) === 0);
    });

    it('ends on the node whose role changes, and only there', async () => {
      const queries = ['status', 'status?groupId=1', 'status?group=livre', 'user?user_id=1'];
      const onStandby = await wait(queries.map((query) => [nodes.standby, query]));
      const { body: other } = await get<Poll>(on('/chats?userId=1'));
      const onActive = await wait([[nodes.active, 'status?group=vizinho&timeout=10']]);
      await post(`${nodes.standby.url}/fall`);
      for (const { status, body } of await onStandby()) {
        expect(status).to.equal(200);
        expect(body).to.include({ change: true, cursor: other.cursor });
        expect(body.events).to.deep.equal([]);
        if ('status' in body) expect(body).to.include({ status: 'down', active: false });
      }
      await post(`${nodes.standby.url}/revive`);
      await post(on('/notify/vizinho'));
      const [response] = await onActive();
      expect(response && kinds(response), 'it had gone on waiting').to.deep.equal(['notification']);
    });

    it('ends when its node becomes active, and says so', async () => {
      await eventually('both are ready', async () => (await get(`${nodes.standby.url}/replica`)).status === 200);
      const responses = await waitOnBoth('status?group=troca');
      await eventually('the active node hands over', async () => (await post(on('/switchover'))).status === 200);
      const [given, taken] = await responses();
      expect(given?.body).to.include({ change: true, active: false });
      expect(taken?.body).to.include({ change: true, active: true });
      await eventually(
        'it becomes active again',
        async () => (await post(`${nodes.standby.url}/switchover`)).status === 200,
      );
    });
  });
});

import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { type Answer, del, get, type JsonObject, post } from '../support/http.ts';
import { type LocalNode, useTwoNodes } from '../support/two-nodes.ts';

const CURSOR = /^[0-9a-f]{12}-\d+$/;

interface Event extends JsonObject {
  kind: string;
  cursor: string;
}
interface Poll extends JsonObject {
  cursor: string;
  events: Event[];
}

describe('A long poll', () => {
  const nodes = useTwoNodes();
  const on = (path: string) => nodes.active.url + path;
  const both = () => [nodes.active, nodes.standby];

  const figure = async (node: LocalNode, name: string) => {
    const { text } = await get(`${node.url}/metrics`);
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  const waiters = (node: LocalNode) => figure(node, 'plantao_waiters');
  /** A poll without a cursor begins where its node has come to: both have come to the log's end. */
  const caughtUp = async () => {
    const { body } = await get<Poll>(on('/chats?userId=1'));
    const end = Number(body.cursor.split('-')[1]);
    await eventually('both nodes have read the log', async () => {
      const positions = await Promise.all(both().map((node) => figure(node, 'plantao_log_position')));
      return positions.every((position) => position >= end);
    });
  };
  /** Starts polls, and comes back when all of them wait; their answers come later. */
  const wait = async (polls: [node: LocalNode, query: string][]): Promise<() => Promise<Answer<Poll>[]>> => {
    await caughtUp();
    const before = await Promise.all(both().map(waiters));
    const answers = polls.map(([node, query]) => get<Poll>(`${node.url}/subscribe/${query}`, { deadline: 20_000 }));
    await eventually('the polls wait', async () => {
      const now = await Promise.all(both().map(waiters));
      return both().every((node, at) => {
        const added = polls.filter(([polled]) => polled === node).length;
        return now[at] === (before[at] ?? 0) + added;
      });
    });
    return () => Promise.all(answers);
  };
  const waitOnBoth = (query: string) => wait(both().map((node) => [node, query]));
  const newGroup = async (groupName: string, members: string[] = []) =>
    (await post(on('/create-chat'), { groupName, creatorId: 1, members })).body.group_id as number;
  const send = async (groupId: number, content: string) =>
    (await post(on('/messages'), { userId: 1, groupId, content })).body;
  const kinds = ({ body }: Answer<Poll>) => body.events.map(({ kind }) => kind);

  describe('on /subscribe/status', () => {
    it('is answered on both nodes when a message is posted on the active, by groupId', async () => {
      const groupId = await newGroup('Por id');
      const answers = await waitOnBoth(`status?groupId=${groupId}`);
      const sent = await send(groupId, 'acorde');
      for (const [at, { status, headers, body }] of (await answers()).entries()) {
        expect(status).to.equal(200);
        expect(headers['content-type']).to.equal('application/json; charset=utf-8');
        expect(headers['cache-control']).to.equal('no-store');
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

    it("is answered by the group's name too, and by no other group", async () => {
      const [mine, other] = [await newGroup('Meu nome'), await newGroup('Outro nome')];
      const answers = await waitOnBoth('status?group=Meu%20nome');
      await send(other, 'não é para vocês');
      await send(mine, 'para vocês');
      for (const answer of await answers()) {
        expect(answer.body).to.include({ group: 'Meu nome', change: true });
        expect(answer.body.events).to.have.length(1);
        expect(answer.body.events[0]?.message).to.include({ content: 'para vocês' });
      }
    });

    it('by a name hears every group of that name', async () => {
      const [one, two] = [await newGroup('Duplo'), await newGroup('Duplo')];
      const first = await waitOnBoth('status?group=Duplo');
      await send(one, 'do primeiro');
      const cursors = (await first()).map(({ body }) => body.cursor);
      const second = await wait(both().map((node, at) => [node, `status?group=Duplo&cursor=${cursors[at]}`]));
      await send(two, 'do segundo');
      for (const { body } of await second()) expect(body.events[0]).to.include({ group_id: two });
    });

    it('is answered by /notify/{group} on a free topic, with what it carries', async () => {
      const answers = await waitOnBoth('status?group=t%C3%B3pico%20livre');
      const payload = { level: 3, text: 'manutenção', list: [1, null, true] };
      const told = await post(on('/notify/t%C3%B3pico%20livre'), { payload });
      expect(told.status).to.equal(200);
      expect(told.body).to.have.all.keys('message', 'cursor');
      expect(told.body.message).to.equal('notification sent to group tópico livre');
      expect(told.body.cursor).to.match(CURSOR);
      for (const { body } of await answers()) {
        expect(body.cursor).to.equal(told.body.cursor);
        const [event] = body.events;
        expect(body.events).to.deep.equal([
          { cursor: body.cursor, kind: 'notification', group: 'tópico livre', group_id: null, payload, at: event?.at },
        ]);
      }
    });

    it('waits on "default" where it names nothing, as in the seed', async () => {
      const answers = await waitOnBoth('status');
      expect((await post(on('/notify/default'))).body.message).to.equal('notification sent to group default');
      for (const { body } of await answers()) {
        expect(body.group).to.equal('default');
        expect(body.events[0]).to.include({ kind: 'notification', payload: null });
      }
    });

    it('is answered by /notify/all, whatever it waits on', async () => {
      const groupId = await newGroup('Todos');
      const queries = [
        'status',
        'status?group=qualquer',
        `status?groupId=${groupId}`,
        'user?user_id=1',
        'user?user_id=2',
      ];
      const answers = await wait(both().flatMap((node) => queries.map((query): [LocalNode, string] => [node, query])));
      const told = await post(on('/notify/all'), { payload: 'todos' });
      expect(told.body.message).to.equal('notification sent to all groups');
      for (const answer of await answers()) {
        expect(kinds(answer)).to.deep.equal(['broadcast']);
        expect(answer.body.events[0]).to.include({ payload: 'todos' });
      }
    });

    it('takes a payload of 64 KiB and refuses a larger one', async () => {
      const answers = await waitOnBoth('status?group=grande');
      const large = await post(on('/notify/grande'), { payload: 'x'.repeat(65 * 1024) });
      expect(large.status).to.equal(413);
      expect(large.body.code).to.equal('too_large');
      const payload = 'x'.repeat(64 * 1024 - 2);
      expect((await post(on('/notify/grande'), { payload })).status).to.equal(200);
      for (const { body } of await answers()) expect(body.events[0]?.payload).to.equal(payload);
    });

    it('is told of a deleted message, and no longer of its text', async () => {
      const groupId = await newGroup('Apagada');
      const { message_id: messageId } = await send(groupId, 'segredo');
      const { body: page } = await get<Poll>(on(`/messages?groupId=${groupId}`));
      const answers = await waitOnBoth(`status?groupId=${groupId}&cursor=${page.cursor}`);
      await del(on('/messages'), { messageId });
      for (const answer of await answers()) {
        expect(answer.body.events[0]).to.include({ kind: 'message_deleted', group_id: groupId, message_id: messageId });
        expect(answer.text).to.not.include('segredo');
      }
    });

    it('is answered at once where its cursor is behind, with all that it missed, in order, once', async () => {
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

    it('without a cursor hears only what comes after it', async () => {
      const groupId = await newGroup('Só o novo');
      await send(groupId, 'antes');
      const answers = await waitOnBoth(`status?groupId=${groupId}`);
      await send(groupId, 'depois');
      for (const { body } of await answers()) {
        expect(body.events.map(({ message }) => (message as { content: string }).content)).to.deep.equal(['depois']);
      }
    });

    it('is answered 204 with its cursor in the header when its time is over; with timeout=0 at once', async () => {
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

    it('refuses a time-out, a cursor and a group that are none', async () => {
      const refused = async (query: string) => {
        const { status, body } = await get(on(`/subscribe/status?${query}`));
        return [status, body.code];
      };
      for (const timeout of ['-1', 'x', '1e1', '', '0x5']) {
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

  describe('on /subscribe/user', () => {
    it("is one poll for all of a user's groups, on both nodes", async () => {
      const { user_id: userId } = (await post(on('/login'), { username: 'ouvinte' })).body;
      const groupId = await newGroup('De um usuário', ['ouvinte']);
      const answers = await waitOnBoth(`user?user_id=${userId}`);
      const { message_id: id, timestamp, cursor } = await send(groupId, 'para o usuário');
      for (const { status, body } of await answers()) {
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

    it('hears a group from the moment of joining, while it waits, and no more after leaving', async () => {
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

    it('that is under way when its user joins hears the group at once', async () => {
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

    it('is 204 with its cursor when its time is over, 404 for no user, 400 without one', async () => {
      for (const { url } of both()) {
        const over = await get(`${url}/subscribe/user?user_id=2&timeout=0`);
        expect(over.status).to.equal(204);
        expect(over.headers.cursor).to.match(CURSOR);
        expect((await get(`${url}/subscribe/user?user_id=999999&timeout=0`)).status).to.equal(404);
        expect((await get(`${url}/subscribe/user?timeout=0`)).status).to.equal(400);
      }
    });
  });

  describe('of whichever kind', () => {
    it('shows in GET /groups what is waited on, on its node, while it waits', async () => {
      const groupId = await newGroup('Vigiado');
      const answers = await wait([
        [nodes.standby, 'status?group=um%20t%C3%B3pico'],
        [nodes.standby, 'status?group=Vigiado'],
      ]);
      const { body } = await get<{ active_groups: string[]; count: number }>(`${nodes.standby.url}/groups`);
      expect(body).to.deep.equal({ active_groups: ['Vigiado', 'um tópico'], count: 2 });
      expect((await get(on('/groups'))).body).to.deep.equal({ active_groups: [], count: 0 });
      await send(groupId, 'fim');
      await post(on('/notify/um%20t%C3%B3pico'));
      await answers();
      expect((await get(`${nodes.standby.url}/groups`)).body).to.deep.equal({ active_groups: [], count: 0 });
    });

    it('whose client leaves frees its place', async () => {
      const leaving = new AbortController();
      const poll = get(`${nodes.standby.url}/subscribe/status?group=vai`, { signal: leaving.signal }).catch(
        () => 'left',
      );
      await eventually('it waits', async () => (await waiters(nodes.standby)) === 1);
      leaving.abort();
      expect(await poll).to.equal('left');
      await eventually('its place is free', async () => (await waiters(nodes.standby)) === 0);
    });

    it('is answered on the node whose state changes, and there only', async () => {
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
      const [answer] = await onActive();
      expect(answer && kinds(answer), 'it had gone on waiting').to.deep.equal(['notification']);
    });

    it('is answered when its node becomes active, and says so', async () => {
      await eventually('both are ready', async () => (await get(`${nodes.standby.url}/replica`)).status === 200);
      const answers = await waitOnBoth('status?group=troca');
      await eventually('the duty is handed over', async () => (await post(on('/switchover'))).status === 200);
      const [given, taken] = await answers();
      expect(given?.body).to.include({ change: true, active: false });
      expect(taken?.body).to.include({ change: true, active: true });
      await eventually('it is handed back', async () => (await post(`${nodes.standby.url}/switchover`)).status === 200);
    });
  });
});

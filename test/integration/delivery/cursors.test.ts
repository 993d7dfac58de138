import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { del, get, type HttpResponse, type JsonObject, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { Follower, type ShownEvent } from './delivery-follower.ts';

const CURSOR = /^[0-9a-f]{12}-(0|[1-9]\d*)$/;

interface Body extends JsonObject {
  cursor: string;
  code?: string;
  events: ShownEvent[];
}

describe('Cursors', () => {
  // The machine may be busy. Which node is active does not matter here.
  const nodes = useTwoNodes({ LEASE_MS: '6000' });
  const client = nodes.sql;

  let followers: Follower[] = [];
  afterEach(async () => {
    await Promise.all(followers.map((follower) => follower.stop()));
    followers = [];
  });
  const follow = (url: string, query: string, cursor: string) => {
    const follower = Follower.start(url, query, cursor);
    followers.push(follower);
    return follower;
  };

  const both = () => [nodes.active.url, nodes.standby.url];
  const on = (path: string) => nodes.active.url + path;
  const send = async (content: string, groupId = 1) => {
    const sent = await post<Body>(on('/messages'), { userId: 1, groupId, content });
    expect(sent.status, sent.text).to.equal(200);
    return sent.body;
  };
  const newGroup = async (groupName: string, members: string[] = []) =>
    (await post(on('/create-chat'), { groupName, creatorId: 1, members })).body.group_id as number;
  const snapshot = async (url: string, groupId = 1) => (await get<Body>(`${url}/messages?groupId=${groupId}`)).body;
  const positionOf = (cursor: string) => Number(cursor.split('-')[1]);
  const textsOf = (events: ShownEvent[]) => events.map(({ message }) => message?.content);
  /** Every route that takes a cursor, on both nodes. */
  const takers = (cursor: string) =>
    both().flatMap((url) => [
      `${url}/subscribe/status?groupId=1&timeout=0&cursor=${cursor}`,
      `${url}/subscribe/status?group=default&timeout=0&cursor=${cursor}`,
      `${url}/subscribe/user?user_id=1&timeout=0&cursor=${cursor}`,
      `${url}/events?userId=1&cursor=${cursor}`,
    ]);

  describe('are returned by', () => {
    /** Expects exactly the events that were sent after the cursor was returned. */
    const goesOnFrom = async (cursor: string) => {
      expect(cursor).to.match(CURSOR);
      const text = `after ${cursor} ${Math.random()}`;
      await send(text);
      for (const url of both()) {
        const { body } = await get<Body>(`${url}/subscribe/user?user_id=1&cursor=${cursor}`);
        expect(textsOf(body.events)).to.deep.equal([text]);
        expect(body.events[0]?.cursor).to.match(CURSOR);
        expect(positionOf(body.cursor)).to.be.at.least(positionOf(body.events[0]?.cursor ?? ''));
      }
    };

    it('GET /messages, on both nodes', async () => {
      for (const url of both()) await goesOnFrom((await snapshot(url)).cursor);
    });

    it('GET /chats, on both nodes', async () => {
      for (const url of both()) await goesOnFrom((await get<Body>(`${url}/chats?userId=1`)).body.cursor);
    });

    it('POST /messages', async () => {
      await goesOnFrom((await send('gives its cursor')).cursor);
    });

    it('POST /notify', async () => {
      await goesOnFrom((await post<Body>(on('/notify/Grupo%20Geral'))).body.cursor);
    });

    it('a poll that returns events, and each event in it', async () => {
      const { cursor } = await snapshot(nodes.active.url);
      await send('one');
      await send('two');
      await send('three');
      const { body } = await get<Body>(on(`/subscribe/user?user_id=1&cursor=${cursor}`));
      // Sent one after another, they may still be read one after another.
      expect(textsOf(body.events)[0]).to.equal('one');
      const rest = await eventually('the other two are there', async () => {
        const from = body.events[0]?.cursor;
        const { body: later } = await get<Body>(`${nodes.standby.url}/subscribe/user?user_id=1&cursor=${from}`);
        return later.events.length === 2 && later;
      });
      expect(textsOf(rest.events)).to.deep.equal(['two', 'three']);
      await goesOnFrom(rest.cursor);
    });

    it('a poll at its time-out, in the header Cursor', async () => {
      for (const url of both()) {
        for (const query of ['status?groupId=1', 'status?group=default', 'user?user_id=1']) {
          const response = await get(`${url}/subscribe/${query}&timeout=0`);
          expect(response.status).to.equal(204);
          await goesOnFrom(String(response.headers.cursor));
        }
      }
    });
  });

  describe('that cannot be continued are refused, never waited on:', () => {
    const refusals = async (cursor: string, status: number) => {
      for (const url of takers(cursor)) {
        const response: HttpResponse<Body> = await get<Body>(url, { deadline: 10_000 });
        expect(response.status, url).to.equal(status);
        if (status === 400) expect(response.body.code).to.equal('invalid_request');
        else {
          expect(response.body.code).to.equal('cursor_expired');
          expect(response.body.error).to.match(/GET \/chats and GET \/messages/);
        }
      }
    };

    it('malformed ones with 400', async () => {
      const { cursor } = await snapshot(nodes.active.url);
      for (const text of [
        'x',
        '1',
        '-1',
        `${cursor}x`,
        `${cursor}.0`,
        cursor.replace('-', '_'),
        cursor.toUpperCase(),
      ]) {
        if (text !== cursor) await refusals(encodeURIComponent(text), 400);
      }
      await refusals('0123456789ab-9007199254740993', 400);
      await refusals('0123456789ab-01', 400);
      await refusals('x'.repeat(1000), 400);
      await refusals('', 400);
    });

    it('of another history with 410', async () => {
      await refusals('0123456789ab-1', 410);
      await refusals('0123456789ab-0', 410);
    });

    it('ahead of the log with 410', async () => {
      const { cursor } = await snapshot(nodes.active.url);
      await refusals(`${cursor.split('-')[0]}-${positionOf(cursor) + 1}`, 410);
      await refusals(`${cursor.split('-')[0]}-${Number.MAX_SAFE_INTEGER}`, 410);
    });
  });

  it('ahead of what a node has read, but not of the log, make the node read on', async () => {
    for (let n = 0; n < 20; n++) {
      const { cursor } = await send(`read your writes ${n}`);
      const { status } = await get(`${nodes.standby.url}/subscribe/user?user_id=1&timeout=0&cursor=${cursor}`);
      expect(status).to.equal(204);
    }
  });

  it('deliver everything exactly once between a snapshot and the stream, on either node', async () => {
    const groupId = await newGroup('Instantâneo');
    const texts = Array.from({ length: 60 }, (_, n) => `n ${n}`);
    const readers: { known: string[]; follower: Follower }[] = [];
    const begin = async (at: number) => {
      const [from = '', to = ''] = at % 2 === 0 ? both() : both().reverse();
      const { body } = await get<{ cursor: string; messages: { content: string }[] }>(
        `${from}/messages?groupId=${groupId}&limit=500`,
      );
      const query = at % 3 === 0 ? `subscribe/status?groupId=${groupId}` : 'subscribe/user?user_id=1';
      const known = body.messages.map(({ content }) => content);
      readers.push({ known, follower: follow(to, query, body.cursor) });
    };
    const beginning: Promise<void>[] = [];
    for (const [at, text] of texts.entries()) {
      if (at % 10 === 3) beginning.push(begin(beginning.length));
      await send(text, groupId);
    }
    await Promise.all(beginning);
    await eventually('all know the last', () => readers.every((one) => all(one).includes('n 59')), { within: 15_000 });
    for (const reader of readers) expect(all(reader)).to.deep.equal(texts);
    function all({ known, follower }: (typeof readers)[number]) {
      return [...known, ...follower.texts];
    }
  });

  it('show a membership either in GET /chats or in the stream after it, never in both or neither', async () => {
    const names = Array.from({ length: 30 }, (_, n) => `Entrada ${n}`);
    const readers: { known: string[]; follower: Follower }[] = [];
    const begin = async (at: number) => {
      const [from = '', to = ''] = at % 2 === 0 ? both() : both().reverse();
      const { body } = await get<{ cursor: string; chats: { name: string }[] }>(`${from}/chats?userId=1`);
      const known = body.chats.map(({ name }) => name).filter((name) => name.startsWith('Entrada'));
      readers.push({ known, follower: follow(to, 'subscribe/user?user_id=1', body.cursor) });
    };
    const beginning: Promise<void>[] = [];
    for (const [at, name] of names.entries()) {
      if (at % 5 === 2) beginning.push(begin(beginning.length));
      await newGroup(name);
    }
    await Promise.all(beginning);
    await eventually('all know the last', () => readers.every((one) => all(one).includes('Entrada 29')));
    for (const reader of readers) expect(all(reader)).to.have.members(names).and.to.have.length(names.length);
    function all({ known, follower }: (typeof readers)[number]) {
      const joined = follower.events.filter(({ kind, user_id }) => kind === 'joined' && user_id === 1);
      return [...known, ...joined.map(({ group }) => String(group))];
    }
  });

  describe('and memberships: a change takes effect at its event in the log:', () => {
    const join = (groupId: number, userId: number) => post(on('/group-users'), { groupId, userId });
    const leave = (groupId: number, userId: number) => del(on('/group-users'), { groupId, userId });
    const heardBy = (cursor: string, url: string) =>
      get<Body>(`${url}/subscribe/user?user_id=2&timeout=0&cursor=${cursor}`).then(({ status, body }) =>
        status === 204 ? [] : body.events.map(({ kind, message }) => message?.content ?? kind),
      );

    it('a poll that waits receives events from the join on, and none after the leave', async () => {
      const groupId = await newGroup('Porta giratória');
      const { cursor } = await snapshot(nodes.active.url, groupId);
      const following = both().map((url) => follow(url, 'subscribe/user?user_id=2', cursor));
      await send('before', groupId);
      await join(groupId, 2);
      await send('within', groupId);
      await leave(groupId, 2);
      await send('after', groupId);
      await join(groupId, 2);
      await send('again', groupId);
      const heard = ({ events }: Follower) => events.map(({ kind, message }) => message?.content ?? kind);
      for (const follower of following) {
        await eventually('the last message arrives', () => heard(follower).includes('again'));
        expect(heard(follower)).to.deep.equal(['joined', 'within', 'left', 'joined', 'again']);
      }
      // Past events, read in one piece, give the same result.
      for (const url of both()) {
        expect(await heardBy(cursor, url)).to.deep.equal(['joined', 'within', 'left', 'joined', 'again']);
      }
    });

    it('a new group reaches polls that wait for its name already', async () => {
      const polls = both().map((url) =>
        get<Body>(`${url}/subscribe/status?group=Nasceu%20agora`, { deadline: 20_000 }),
      );
      await eventually('both wait', async () => {
        const lists = await Promise.all(both().map((url) => get<{ active_groups: string[] }>(`${url}/groups`)));
        return lists.every(({ body }) => body.active_groups.includes('Nasceu agora'));
      });
      await newGroup('Nasceu agora');
      for (const poll of polls) {
        const { body } = await poll;
        expect(body.events[0]).to.include({ kind: 'joined', group: 'Nasceu agora' });
      }
    });

    it('a renamed group reaches its members under its new name', async () => {
      const groupId = await newGroup('Nome velho', ['bruno_orm']);
      // The standby knows the old name from now on, whether the new group reached it as an event or not.
      await get(`${nodes.standby.url}/subscribe/user?user_id=2&timeout=0`);
      const { body: page } = await get<Body>(`${nodes.standby.url}/messages?groupId=${groupId}`);
      await client.query("UPDATE plantao.groups SET name = 'Nome novo' WHERE id = $1", [groupId]);
      await send('renamed', groupId);
      const { body } = await get(`${nodes.standby.url}/subscribe/user?user_id=2&cursor=${page.cursor}`);
      expect(body).to.include({ notified_group: 'Nome novo' });
      expect(body.user_groups).to.include('Nome novo').and.not.include('Nome velho');
    });

    it('a message that is deleted before it is read is delivered only as deleted', async () => {
      const { cursor } = await snapshot(nodes.active.url);
      const { message_id: messageId } = await send('secret');
      await del(on('/messages'), { messageId });
      for (const url of both()) {
        const response = await eventually('the deletion arrives', async () => {
          const one = await get<Body>(`${url}/subscribe/status?groupId=1&cursor=${cursor}`);
          return one.text.includes('message_deleted') && one;
        });
        expect(response.text).to.not.include('secret');
        expect(response.body.events.map(({ kind }) => kind)).to.deep.equal(['message_deleted']);
      }
    });
  });
});

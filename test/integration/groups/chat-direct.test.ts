import { expect } from 'chai';
import { get, type JsonObject, post, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls, expectMissing } from '../chat-calls.ts';

describe('Direct chats', () => {
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const { on, both } = chatCalls(nodes);
  const newUser = async (username: string) => (await post(on('/login'), { username })).body.user_id as number;
  const open = (userId: number, otherUserId: number) => post(on('/direct'), { userId, otherUserId });
  const membersOf = async (groupId: unknown) => {
    const { body } = await get<{ users: { id: number }[] }>(on(`/group-users?groupId=${groupId}`));
    return body.users.map(({ id }) => id);
  };

  it('are created once, even when both users open them many times at once', async () => {
    const [carla, davi] = [await newUser('carla'), await newUser('davi')];
    const responses = await Promise.all(
      Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? open(carla, davi) : open(davi, carla))),
    );
    expect(responses.map(({ status }) => status)).to.deep.equal(responses.map(() => 200));
    expect(new Set(responses.map(({ body }) => body.group_id)).size).to.equal(1);
    expect(responses.filter(({ body }) => body.created)).to.have.length(1);
    expect(responses[0]?.body.other).to.deep.equal({ id: davi, username: 'davi' });
    expect(await membersOf(responses[0]?.body.group_id)).to.deep.equal([carla, davi]);
    await both(`/chats?userId=${davi}`, ({ body }) => {
      const [chat] = body.chats as JsonObject[];
      expect(chat).to.deep.include({ id: responses[0]?.body.group_id, name: 'carla, davi', direct: true });
    });
  });

  it('have two members: a third one is refused, by name and in SQL too', async () => {
    const [elis, fabio, gil] = [await newUser('elis'), await newUser('fabio'), await newUser('gil')];
    const groupId = (await open(elis, fabio)).body.group_id;
    const third = await post(on('/group-users'), { groupId, userId: gil });
    expect([third.status, third.body.code]).to.deep.equal([409, 'direct_chat']);
    await post(on(`/user/${gil}/groups/${encodeURIComponent('elis, fabio')}`));
    expect(await membersOf(groupId)).to.deep.equal([elis, fabio]);
    const insert = sql.query('INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2)', [groupId, gil]);
    expect(await insert.catch(({ code, constraint }) => [code, constraint])).to.deep.equal([
      '23514',
      'memberships_direct',
    ]);
  });

  it('can be left, and take back a user who opens them again', async () => {
    const [hugo, iara] = [await newUser('hugo'), await newUser('iara')];
    const groupId = (await open(hugo, iara)).body.group_id;
    await request('DELETE', on('/group-users'), { body: { groupId, userId: iara } });
    expect((await open(hugo, iara)).body).to.deep.include({ group_id: groupId, created: false });
    expect(await membersOf(groupId), 'the other user cannot add one who has left').to.deep.equal([hugo]);
    await open(iara, hugo);
    expect(await membersOf(groupId)).to.deep.equal([hugo, iara]);
  });

  it('accept no message once the other account is deleted, whichever of the two ids is smaller', async () => {
    const [nina, otto, paula] = [await newUser('nina'), await newUser('otto'), await newUser('paula')];
    for (const [gone, other] of [
      [nina, otto],
      [paula, otto],
    ] as const) {
      const groupId = (await open(gone, other)).body.group_id;
      const send = (idempotencyKey: string) =>
        post(
          on('/messages'),
          { userId: other, groupId, content: 'oi' },
          { headers: { 'Idempotency-Key': idempotencyKey } },
        );
      const { body: sent } = await send(`before-${gone}`);
      await post(on('/delete-account'), { userId: gone });
      const refused = await send(`after-${gone}`);
      expect([refused.status, refused.body.code]).to.deep.equal([409, 'account_deleted']);
      expect((await send(`before-${gone}`)).body.message_id, 'a repeated post').to.equal(sent.message_id);
      await both(`/messages?groupId=${groupId}&userId=${other}`, ({ body }) => {
        expect((body.messages as JsonObject[]).map(({ id }) => id)).to.deep.equal([sent.message_id]);
      });
    }
  });

  it('are opened from psql too', async () => {
    const [joao, lia] = [await newUser('joao'), await newUser('lia')];
    const { rows } = await sql.query('SELECT * FROM plantao.direct_chat($1, $2)', [lia, joao]);
    expect(rows[0].is_new).to.equal(true);
    expect((await open(joao, lia)).body).to.deep.include({ group_id: rows[0].group_id, created: false });
  });

  it('are refused with oneself, without another user, and with a user that does not exist', async () => {
    expect((await open(1, 1)).status).to.equal(400);
    expect((await post(on('/direct'), { userId: 1 })).status).to.equal(400);
    expectMissing(await open(1, 2 ** 50), 'user_not_found');
    expectMissing(await open(2 ** 50, 1), 'user_not_found');
  });
});

import { expect } from 'chai';
import pg from 'pg';
import { get, type JsonObject, post } from '../support/http.ts';
import { useTwoNodes } from '../support/two-nodes.ts';

describe('An Idempotency-Key on a request that creates or notifies', () => {
  const nodes = useTwoNodes({ DB_POOL_SIZE: '10' });
  const at = (path: string) => nodes.active.url + path;
  const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });
  const groupsOf = async (userId: number) =>
    (await get<{ chats: { name: string }[] }>(at(`/chats?userId=${userId}`))).body.chats.map(({ name }) => name);

  it('creates one group for concurrent and later requests, which all get the same response', async () => {
    const group = { groupName: 'Uma só', creatorId: 1, members: ['bruno_orm', 'ninguém'] };
    const responses = await Promise.all(
      Array.from({ length: 8 }, () => post(at('/create-chat'), group, keyed('create-1'))),
    );
    responses.push(await post(at('/create-chat'), group, keyed('create-1')));
    expect(new Set(responses.map(({ status, text }) => `${status} ${text}`)).size).to.equal(1);
    expect(responses[0]?.body).to.include({ group_name: 'Uma só', warning: 'no such users: ninguém' });
    expect((await groupsOf(1)).filter((name) => name === 'Uma só')).to.have.length(1);
  });

  it('appends one notification, and returns its cursor again after a switchover', async () => {
    const before = (await get<{ cursor: string }>(at('/chats?userId=1'))).body.cursor;
    const notify = (url: string) => post(`${url}/notify/construção`, { payload: { build: 7 } }, keyed('notify-1'));
    const first = await notify(nodes.active.url);
    expect((await post(at('/switchover'), {})).status).to.equal(200);
    const again = await notify(nodes.standby.url);
    expect([again.status, again.text]).to.deep.equal([200, first.text]);
    const poll = `/subscribe/status?group=${encodeURIComponent('construção')}&timeout=0&cursor=${before}`;
    const { body } = await get<{ events: JsonObject[] }>(nodes.standby.url + poll);
    expect(body.events).to.have.length(1);
    expect((await post(`${nodes.standby.url}/switchover`, {})).status).to.equal(200);
  });

  it('is refused for a different request of the same user, and separate for each user', async () => {
    const group = { groupName: 'Minha', creatorId: 1 };
    await post(at('/create-chat'), group, keyed('own'));
    for (const [path, body] of [
      ['/create-chat', { ...group, groupName: 'Outra' }],
      ['/create-chat', { ...group, members: ['bruno_orm'] }],
    ] as const) {
      const refused = await post(at(path), body, keyed('own'));
      expect([refused.status, refused.body.code], JSON.stringify(body)).to.deep.equal([409, 'key_reused']);
    }
    const other = await post<{ creator_id: number }>(at('/create-chat'), { ...group, creatorId: 2 }, keyed('own'));
    expect([other.status, other.body.creator_id]).to.deep.equal([200, 2]);
    const message = await post(at('/messages'), { userId: 1, groupId: 1, content: 'x' }, keyed('own'));
    expect(message.status, 'messages have keys of their own').to.equal(200);
  });

  it('stays unused by a request that failed, and must be valid', async () => {
    const failed = await post(at('/create-chat'), { groupName: 'X', creatorId: 999_999 }, keyed('failed'));
    expect(failed.status).to.equal(404);
    for (const path of ['/create-chat', '/notify/x']) {
      for (const key of ['', 'a'.repeat(256), 'with space', 'ã']) {
        const { status, body } = await post(at(path), { groupName: 'X', creatorId: 1 }, keyed(key));
        expect([status, body.code], `${path} ${key}`).to.deep.equal([400, 'invalid_request']);
      }
    }
    const sql = new pg.Client(nodes.database.url);
    await sql.connect();
    try {
      const { rows } = await sql.query("SELECT FROM plantao.request_keys WHERE key = 'failed' OR result IS NULL");
      expect(rows).to.have.length(0);
      await sql.query("UPDATE plantao.request_keys SET used_at = clock_timestamp() - interval '2 hours'");
      const removed = await sql.query(
        `SELECT plantao.remove_old_keys((SELECT term FROM plantao.leader_terms WHERE ended_at IS NULL), '1 hour', 100) AS n`,
      );
      expect(removed.rows[0].n).to.be.above(2);
    } finally {
      await sql.end();
    }
  });
});

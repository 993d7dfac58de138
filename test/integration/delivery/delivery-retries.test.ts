import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { del, get, type HttpResponse, type JsonObject, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

interface Sent extends JsonObject {
  message_id: number;
  timestamp: string;
  cursor: string;
  code?: string;
}

let keys = 0;
const newKey = () => `key-${++keys}`;

describe('A post with an Idempotency-Key', () => {
  const nodes = useTwoNodes();
  const client = nodes.sql;

  const send = (url: string, key: string, content: string, more: JsonObject = {}) =>
    post<Sent>(`${url}/messages`, { userId: 1, groupId: 1, content, ...more }, { headers: { 'Idempotency-Key': key } });
  const stored = async (content: string) =>
    (await client.query('SELECT id FROM plantao.messages WHERE content = $1', [content])).rows.length;
  /** Retries as a client does, on the active node, until there is a response. */
  const sendSomewhere = async (key: string, content: string): Promise<Sent> => {
    const urls = [nodes.active.url, nodes.standby.url];
    let response: HttpResponse<Sent> | null = null;
    await eventually(
      `"${content}" is sent`,
      async () => {
        response = await send(urls[0] ?? '', key, content).catch(() => null);
        urls.reverse();
        return response?.status === 200;
      },
      { within: 15_000, every: 5 },
    );
    return (response as unknown as HttpResponse<Sent>).body;
  };
  const findActive = async () => {
    const { body } = await get<{ active_url: string | null }>(`${nodes.active.url}/cluster`);
    return body.active_url ?? '';
  };

  it('returns the same response for the same key and stores no second message', async () => {
    const key = newKey();
    const first = await send(nodes.active.url, key, 'once');
    const second = await send(nodes.active.url, key, 'once');
    expect(first.status).to.equal(200);
    expect(second.body).to.deep.equal(first.body);
    expect(await stored('once')).to.equal(1);
    const { status } = await get(
      `${nodes.standby.url}/subscribe/user?user_id=1&timeout=0&cursor=${second.body.cursor}`,
    );
    expect(status).to.equal(204);
  });

  it('stores one message for many simultaneous requests with one key', async () => {
    const key = newKey();
    const responses = await Promise.all(Array.from({ length: 50 }, () => send(nodes.active.url, key, 'at once')));
    expect(new Set(responses.map(({ status, text }) => `${status} ${text}`)).size).to.equal(1);
    expect(responses[0]?.status).to.equal(200);
    expect(await stored('at once')).to.equal(1);
  });

  it('is refused if the key was used for another text or group, or is malformed', async () => {
    const key = newKey();
    await send(nodes.active.url, key, 'the first');
    const { body: chat } = await post(`${nodes.active.url}/create-chat`, { groupName: 'Outro', creatorId: 1 });
    for (const refused of [
      await send(nodes.active.url, key, 'another'),
      await send(nodes.active.url, key, 'the first', { groupId: chat.group_id }),
      // Even if no post is possible: the result for the key is known.
      await send(nodes.active.url, key, 'the first', { groupId: 999_999 }),
    ]) {
      expect(refused).to.include({ status: 409 });
      expect(refused.body.code).to.equal('key_reused');
    }
    expect(await stored('another')).to.equal(0);
    for (const bad of ['', 'with space', 'x'.repeat(256)]) {
      expect((await send(nodes.active.url, bad, 'no')).status, `"${bad}"`).to.equal(400);
    }
  });

  it('is refused if another text with its key arrives at the same time and is stored', async () => {
    const key = newKey();
    const responses = await Promise.all(['this', 'that'].map((text) => send(nodes.active.url, key, text)));
    expect(responses.map(({ status }) => status).sort()).to.deep.equal([200, 409]);
    expect((await stored('this')) + (await stored('that'))).to.equal(1);
  });

  it('keeps the keys of senders apart', async () => {
    const key = newKey();
    const [mine, theirs] = [
      await send(nodes.active.url, key, 'both'),
      await send(nodes.active.url, key, 'both', { userId: 2 }),
    ];
    expect(theirs.status).to.equal(200);
    expect(theirs.body.message_id).to.not.equal(mine.body.message_id);
  });

  it('returns the first response even after the message was deleted', async () => {
    const key = newKey();
    const { body: first } = await send(nodes.active.url, key, 'deleted since');
    await del(`${nodes.active.url}/messages`, { messageId: first.message_id });
    expect((await send(nodes.active.url, key, 'deleted since')).body).to.deep.equal(first);
    expect(await stored('deleted since')).to.equal(0);
  });

  it('is refused by a standby, which names the active node and stores nothing', async () => {
    const key = newKey();
    const refused = await send(nodes.standby.url, key, 'here or there');
    expect(refused.body.code).to.equal('not_active');
    expect(refused.body.active_url).to.equal(nodes.active.url);
    expect(await stored('here or there')).to.equal(0);
  });

  it('returns the same response across a switchover and back, in three terms', async () => {
    const key = newKey();
    const first = await sendSomewhere(key, 'in three terms');
    for (const next of [nodes.standby, nodes.active]) {
      await post(`${await findActive()}/switchover`, {});
      await eventually('the other node is active', async () => (await findActive()) === next.url, { within: 10_000 });
      // The cursor may carry a newer epoch, but never another position.
      const again = await sendSomewhere(key, 'in three terms');
      expect(again.message_id).to.equal(first.message_id);
      expect(again.timestamp).to.equal(first.timestamp);
      expect(again.cursor.split('-')[1]).to.equal(first.cursor.split('-')[1]);
    }
    expect(await stored('in three terms')).to.equal(1);
  });

  it('stores every text once while the active node falls and the client keeps sending', async () => {
    const texts = Array.from({ length: 60 }, (_, n) => `falling ${n}`);
    const sending = (async () => {
      for (const text of texts) await sendSomewhere(newKey(), text);
    })();
    await eventually('some are sent', async () => (await stored('falling 5')) === 1);
    await post(`${nodes.active.url}/fall`);
    await eventually('the other took over', async () => (await stored('falling 30')) === 1, { within: 10_000 });
    await post(`${nodes.active.url}/revive`);
    await sending;
    const { rows } = await client.query<{ content: string }>(
      "SELECT content FROM plantao.messages WHERE content LIKE 'falling %' ORDER BY id",
    );
    expect(rows.map(({ content }) => content)).to.deep.equal(texts);
  });

  it("stores every text once while the writer's session is terminated during commits", async () => {
    await eventually('a node is active', findActive);
    let ended = 0;
    const endSome = async () => {
      const { rowCount } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name LIKE 'plantao:%:writer' AND datname = current_database() AND state = 'active'`,
      );
      ended += rowCount ?? 0;
      return ended >= 5 || (await stored('cut 199')) > 0;
    };
    const texts = Array.from({ length: 200 }, (_, n) => `cut ${n}`);
    const sending = Promise.all(texts.map((text) => sendSomewhere(newKey(), text)));
    // A few times during a commit, and then no more, so that posts can succeed.
    await eventually('five commits were cut, or all posts are stored', endSome, { within: 30_000, every: 2 });
    expect(ended).to.be.greaterThan(0);
    const responses = await sending;
    const { rows } = await client.query<{ id: string; content: string }>(
      "SELECT id, content FROM plantao.messages WHERE content LIKE 'cut %'",
    );
    expect(rows.length).to.equal(texts.length);
    const idOf = new Map(rows.map(({ id, content }) => [content, Number(id)]));
    expect(responses.map(({ message_id }) => message_id)).to.deep.equal(texts.map((text) => idOf.get(text)));
  });

  it('treats a key as new after its lifetime, and not before', async () => {
    const url = await findActive();
    const key = newKey();
    const first = await send(url, key, 'a day old');
    const sweep = async (hours: number) => {
      const { rows } = await client.query<{ removed: number }>(
        `SELECT plantao.remove_old_keys((SELECT term FROM plantao.leader_terms WHERE ended_at IS NULL),
                                        make_interval(hours => $1), 2000) AS removed`,
        [hours],
      );
      return rows[0]?.removed;
    };
    await client.query("UPDATE plantao.idempotency_keys SET sent_at = sent_at - interval '25 hours' WHERE key = $1", [
      key,
    ]);
    expect(await sweep(48)).to.equal(0);
    expect((await send(url, key, 'a day old')).body.message_id).to.equal(first.body.message_id);
    expect(await sweep(24)).to.equal(1);
    expect((await send(url, key, 'a day old')).body.message_id).to.be.greaterThan(first.body.message_id);
    expect(await stored('a day old')).to.equal(2);
  });
});

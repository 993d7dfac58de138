import { expect } from 'chai';
import { get, type JsonObject, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

interface Delivered {
  cursor: string;
  message: { id: number; content: string };
}

describe('A post to which a trigger of the DBA replies with a message', () => {
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const on = (path: string) => `${nodes.active.url}${path}`;

  before(async () => {
    await sql.query(`CREATE FUNCTION public.replies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF pg_trigger_depth() = 1 THEN
        INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 2, 'reply');
      END IF;
      RETURN NEW;
    END $$`);
  });

  // Triggers of one table and time fire in the order of their names.
  for (const [name = '', when = ''] of [
    ['aaa', 'AFTER INSERT ON plantao.messages FOR EACH ROW'],
    ['zzz', 'AFTER INSERT ON plantao.messages FOR EACH STATEMENT'],
    ['zzz', 'BEFORE INSERT ON plantao.messages FOR EACH STATEMENT'],
  ]) {
    it(`returns the cursor of its own event, so that a poll from there gets the reply if it is later: ${when}`, async () => {
      const { body: start } = await get(on('/chats?userId=1'));
      const send = (content: string) => {
        const key = { headers: { 'idempotency-key': `${content}-${when.replace(/\W/g, '')}` } };
        return post(on('/messages'), { userId: 1, groupId: 1, content }, key);
      };
      await sql.query(`CREATE TRIGGER ${name} ${when} EXECUTE FUNCTION public.replies()`);
      const contents = ['alone', 'one', 'two', 'three'];
      const first = await send('alone');
      const sent = [first, ...(await Promise.all(contents.slice(1).map(send))), await send('alone')];
      const { rows } = await sql.query(
        "SELECT message_id, log_position FROM plantao.post_message(1, 1, 'psql', 'psql' || $1)",
        [when],
      );
      await sql.query(`DROP TRIGGER ${name} ON plantao.messages`);
      const positionOf = (cursor: unknown) => Number(String(cursor).split('-')[1]);
      const acknowledged = sent.map(({ body }) => [body.message_id, positionOf(body.cursor)]);
      acknowledged.push([Number(rows[0].message_id), Number(rows[0].log_position)]);
      const { rows: events } = await sql.query(
        "SELECT message_id::float8 AS id, position::float8 AS position FROM plantao.events WHERE kind = 'message' AND position > $1",
        [positionOf(start.cursor)],
      );
      const position = new Map(events.map((event) => [event.id, event.position]));
      expect(acknowledged).to.deep.equal(acknowledged.map(([id]) => [id, position.get(id)]));
      const { body } = await get<JsonObject & { events: Delivered[] }>(
        on(`/subscribe/status?groupId=1&timeout=1&cursor=${first.body.cursor}`),
      );
      const later = events.filter((event) => event.position > positionOf(first.body.cursor)).length;
      expect(body.events.map(({ message }) => message.id)).to.have.length(later);
    });
  }
});

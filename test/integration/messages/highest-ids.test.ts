import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, type JsonObject, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls } from '../chat-calls.ts';

const HIGHEST = Number.MAX_SAFE_INTEGER;

/** A DBA has inserted it. A page whose default range excludes the highest id would hide it. */
describe('The message with the highest id', () => {
  // A node that reads the log while the last position is taken logs that it jumps.
  const nodes = useTwoNodes({}, { mayLogErrors: true });
  const { sql } = nodes;
  const { on, both, newGroup, send } = chatCalls(nodes);
  let groupId: number;
  let earlier: number;
  before(async () => {
    groupId = await newGroup('No fim');
    earlier = (await send(groupId, 'antes')).message_id as number;
    await sql.query(
      "INSERT INTO plantao.messages (id, group_id, sender_id, content) VALUES ($1, $2, 1, 'derradeira')",
      [HIGHEST, groupId],
    );
  });
  const idsOf = (list: unknown) => (list as { id: number }[]).map(({ id }) => id);

  it('is in the newest page, in the page after another message, and in the page around it', async () => {
    for (const range of ['', `&after=${earlier - 1}`, `&around=${HIGHEST}`, `&around=${earlier}`]) {
      await both(`/messages?groupId=${groupId}${range}`, ({ body }) =>
        expect(idsOf(body.messages), range).to.deep.equal([earlier, HIGHEST]),
      );
    }
    const { body } = await get(on(`/messages?groupId=${groupId}&before=${HIGHEST}`));
    expect(idsOf(body.messages), 'before it').to.deep.equal([earlier]);
  });

  it('is found by a search, alone and before the next page', async () => {
    await both('/search?userId=1&q=derradeira', ({ body }) => {
      expect(idsOf(body.messages)).to.deep.equal([HIGHEST]);
      expect(body).to.deep.include({ next_before: null, partial: false });
    });
    await send(groupId, 'derradeira, porém antes');
    const { body: first } = await get(on('/search?userId=1&q=derradeira&limit=1'));
    expect(first.next_before).to.equal(HIGHEST);
    const { body: second } = await get(on(`/search?userId=1&q=derradeira&limit=1&before=${HIGHEST}`));
    expect((second.messages as JsonObject[]).map(({ content }) => content)).to.deep.equal(['derradeira, porém antes']);
  });

  it('can get a reaction, can be marked as read, and is the last message in the list of chats', async () => {
    expect((await post(on('/reactions'), { userId: 1, messageId: HIGHEST, emoji: '👍' })).status).to.equal(200);
    expect((await post(on('/read'), { userId: 1, groupId, messageId: HIGHEST })).status).to.equal(200);
    const { body } = await get(on('/chats?userId=1'));
    const chat = (body.chats as JsonObject[]).find(({ id }) => id === groupId);
    expect(chat).to.deep.include({ unread: 0, last_read_id: HIGHEST });
    expect(chat?.last_message).to.deep.include({ id: HIGHEST });
    const page = await get(on(`/messages?groupId=${groupId}`));
    expect(JSON.stringify(page.body.messages)).to.contain('👍');
  });

  it('leaves room for the post that a node tries and rolls back', async () => {
    await sql.query('SELECT plantao.warm_up_post(true)');
  });

  // The event log is full until that event is removed.
  it('has an equal in the log: the event of a group at the highest position can be read too', async () => {
    const values = "VALUES ($1, 'joined', $2, 2, jsonb_build_object('user', 'bruno_orm'))";
    await sql.query(`INSERT INTO plantao.events (position, kind, group_id, user_id, payload) ${values}`, [
      HIGHEST,
      groupId,
    ]);
    const { body } = await get(on(`/group-events?userId=1&groupId=${groupId}`));
    expect(body.cursor).to.match(new RegExp(`-${HIGHEST}$`));
    expect((body.events as JsonObject[]).at(-1)?.cursor).to.equal(body.cursor);
    await sql.query('DELETE FROM plantao.events WHERE position = $1', [HIGHEST]);
    await eventually('messages are stored again', async () => {
      return (await post(on('/messages'), { userId: 1, groupId, content: 'depois' })).status === 200;
    });
  });
});

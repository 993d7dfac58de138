import { expect } from 'chai';
import { reactionForm } from '../../../src/chat/messages/reaction-form.ts';
import { get, type JsonObject, post, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls } from '../chat-calls.ts';

/** Pairs of forms of the same emoji: the one that is stored, and another one. */
const FORMS = [
  ['❤\ufe0f', '❤'],
  ['👍', '👍\ufe0f'],
  ['1\ufe0f\u20e3', '1\u20e3'],
  ['❤\ufe0f\u200d🔥', '❤\u200d🔥'],
  ['☝🏽', '☝\ufe0f🏽'],
  ['🏋🏻\u200d♀\ufe0f', '🏋🏻\u200d♀'],
] as const;

describe('The forms of an emoji with and without the variation selector', () => {
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const { on, newGroup, send } = chatCalls(nodes);
  const insert = (messageId: unknown, userId: number, emoji: string) =>
    sql.query('INSERT INTO plantao.reactions (message_id, user_id, emoji) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
      messageId,
      userId,
      emoji,
    ]);

  for (const [stored, other] of FORMS) {
    it(`are one reaction, over HTTP and in SQL, and either form removes it: ${stored}`, async () => {
      const groupId = await newGroup(`Formas ${FORMS.findIndex(([form]) => form === stored)}`);
      const { message_id: messageId } = await send(groupId, 'alvo');
      const body = (userId: number, emoji: string) => ({ messageId, userId, emoji });
      for (const emoji of [other, stored]) {
        const { body: added } = await post<JsonObject>(on('/reactions'), body(1, emoji));
        expect(added).to.include({ emoji: stored, count: 1 });
      }
      expect((await insert(messageId, 1, other)).rowCount).to.equal(0);
      expect((await insert(messageId, 2, other)).rowCount).to.equal(1);
      const reactions = async () =>
        (await get<{ messages: JsonObject[] }>(on(`/messages?groupId=${groupId}`))).body.messages[0]?.reactions;
      expect(await reactions()).to.deep.equal([{ emoji: stored, count: 2, mine: false }]);
      for (const [userId, emoji, count] of [
        [1, other, 1],
        [2, stored, 0],
      ] as const) {
        const removed = await request('DELETE', on('/reactions'), { body: body(userId, emoji) });
        expect(removed.body).to.include({ emoji: stored, count });
      }
      expect(await reactions()).to.equal(undefined);
    });
  }

  it('have the same stored form in JavaScript and in SQL, for each character', async () => {
    const rowOf = (first: number) =>
      Array.from({ length: 256 }, (_, n) => String.fromCodePoint(Math.max(1, first + n))).join(' ');
    const characters = Array.from({ length: 0x110000 / 256 }, (_, n) => rowOf(256 * n));
    const texts = characters.filter((text) => text.isWellFormed());
    texts.push(...FORMS.flat(), '+1', ':joy:', '3 ❤ ❤\ufe0e', '12\u20e3', '\ufe0f');
    const { rows } = await sql.query('SELECT text, plantao.reaction_form(text) AS form FROM unnest($1::text[]) text', [
      texts,
    ]);
    expect(rows).to.have.length(texts.length);
    const differing = rows.filter(({ text, form }) => form !== reactionForm(text));
    expect(differing).to.deep.equal([]);
    expect(reactionForm('+1')).to.equal('+1');
  });
});

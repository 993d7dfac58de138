import { expect } from 'chai';
import { runMessageCommand } from '../../../src/cli/chat/message-commands.ts';
import { ChatClient } from '../../../src/client/index.ts';
import { get, type JsonObject } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls } from '../chat-calls.ts';

describe('The commands on messages of the command-line chat', () => {
  const nodes = useTwoNodes();
  const { on, newGroup, send } = chatCalls(nodes);
  const messagesOf = async (groupId: number) =>
    (await get<{ messages: JsonObject[] }>(on(`/messages?groupId=${groupId}`))).body.messages;
  const run = (group: { id: number; name: string } | undefined, name: string, rest: string) => {
    const client = new ChatClient({ urls: [nodes.active.url], userId: 1 });
    const context = { group, ownLast: undefined, send: async () => {} };
    return runMessageCommand(client, context, { name, rest }, {});
  };

  it('change messages of the open group only', async () => {
    const other = await newGroup('Outro');
    const open = { id: await newGroup('Aberto'), name: 'Aberto' };
    const [{ message_id: foreign }, { message_id: own }] = [await send(other, 'longe'), await send(open.id, 'aqui')];
    const before = await messagesOf(other);
    for (const [name, text] of Object.entries({ delete: '', react: ' 👍', unreact: ' 👍', edit: ' perto' })) {
      const refusal = `there is no message #${foreign} in Aberto`;
      expect(await run(open, name, `${foreign}${text}`), name).to.equal(refusal);
      expect(await run(undefined, name, `${foreign}${text}`), name).to.equal('no group is open: /join NAME');
    }
    expect(await messagesOf(other)).to.deep.equal(before);
    expect(await run(open, 'edit', `#${own} novo`)).to.equal(null);
    expect(await run(open, 'react', `${own} 👍`)).to.equal(null);
    const reactions = [{ emoji: '👍', count: 1, mine: false }];
    expect((await messagesOf(open.id))[0]).to.deep.include({ content: 'novo', reactions });
    expect(await run(open, 'delete', `${own}`)).to.equal(null);
    expect(await messagesOf(open.id)).to.deep.equal([]);
  });

  it('say that a message does not exist', async () => {
    const open = { id: await newGroup('Vazio'), name: 'Vazio' };
    const highest = Number.MAX_SAFE_INTEGER;
    for (const id of [1, highest]) {
      expect(await run(open, 'delete', String(id))).to.equal(`there is no message #${id} in Vazio`);
    }
  });
});

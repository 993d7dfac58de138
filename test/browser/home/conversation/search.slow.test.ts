import { eventually } from '../../../support/eventually.ts';
import { write } from '../../chat-browser.ts';
import { useChat } from '../use-chat.ts';

describe('Search on the chat page', function () {
  this.timeout(180_000);
  const { ana, newGroup } = useChat(/ERR_INTERNET_DISCONNECTED/);

  it('finds a person, a group and a message, and writes to the person directly', async () => {
    const { name, id, bruno } = await newGroup();
    await bruno.send(id, 'the needle in the haystack');
    const page = await ana();
    const find = async (term: string) => {
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Groups, people and messages' }).fill(term);
    };
    await find('needle');
    await page.getByRole('option', { name: 'haystack' }).click();
    await page.locator('.message.target', { hasText: 'needle' }).waitFor();
    await find('brun');
    await page.getByRole('option', { name: 'Open a direct chat' }).click();
    await page.getByRole('heading', { name: 'bruno' }).waitFor();
    await write(page, 'just for you');
    const direct = await eventually('bruno has it', async () => {
      const chat = (await bruno.chats()).chats.find(({ direct }) => direct);
      return chat?.last_message?.excerpt === 'just for you' && chat.unread === 1 && chat;
    });
    await bruno.send(direct.id, 'a pin just for you');
    await find('a pin');
    await page
      .getByRole('option', { name: 'a pin just for you' })
      .getByText(/^bruno, \d/)
      .waitFor();
    await page.keyboard.press('Escape');
    await find(name);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name }).waitFor();
  });

  it('says that it waits for a connection, and continues once there is one', async () => {
    const { id, bruno } = await newGroup();
    await bruno.send(id, 'found in the end');
    const page = await ana();
    await page.keyboard.press('Control+k');
    await page.context().setOffline(true);
    await page.getByRole('combobox', { name: 'Groups, people and messages' }).fill('in the end');
    await page.getByRole('dialog').getByText('waiting for a connection').waitFor();
    await page.context().setOffline(false);
    await page.getByRole('option', { name: 'found in the end' }).waitFor();
  });
});

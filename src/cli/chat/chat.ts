/** `plantao chat --user ana`: a chat at the command line. It shows which node serves, and keeps running while nodes die. */
import { type AuthMode, ChatClient } from '../../client/index.ts';
import { errorMessage } from '../../error-message.ts';
import type { Command } from '../command/command.ts';
import { CommandError, Exit } from '../command/exit.ts';
import { CHAT_USAGE, type ChatArguments, parseChatArguments } from './arguments.ts';
import { ConnectionReporter } from './connection-reporter.ts';
import { Screen } from './screen.ts';
import { TerminalChat } from './terminal-chat.ts';
import { terminalText } from './terminal-text.ts';

async function authModeOf(client: ChatClient): Promise<AuthMode | undefined> {
  return (await client.status()).find(({ auth }) => auth !== undefined)?.auth;
}

async function run({ user, password, group, urls }: ChatArguments): Promise<void> {
  const screen = new Screen(process.stdin, process.stdout);
  const reporter = new ConnectionReporter((sentence) => screen.notice(terminalText(sentence)));
  try {
    const client = new ChatClient({ urls, onConnection: (change) => reporter.report(change) });
    const authMode = await authModeOf(client);
    if (authMode === 'token' && password === undefined) {
      throw new Error('this cluster requires a password: add --password PASSWORD. Create an account at /home');
    }
    const { user_id: id, username } = await client.login(user, password);
    // If no node responded above, one has responded to the login by now.
    const needsInvitation = (authMode ?? (await authModeOf(client))) === 'token';
    await new TerminalChat(client, { id, username }, screen, needsInvitation).run(group);
  } finally {
    reporter.close();
    screen.close();
  }
}

/** `plantao chat` */
export const chat: Command = {
  usage: CHAT_USAGE,
  async run(args) {
    const parsed = parseChatArguments(args);
    await run(parsed).catch((error) => {
      throw new CommandError(terminalText(errorMessage(error)));
    });
    return Exit.OK;
  },
};

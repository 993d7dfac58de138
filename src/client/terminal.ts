/**
 * `npm run chat -- --user ana`: a chat at the command line, on the ChatClient. It shows which node serves, and stays alive
 * while nodes die.
 */
import { type AuthMode, ChatClient } from './index.ts';
import { readArguments, type TerminalArguments, USAGE } from './terminal-arguments.ts';
import { TerminalChat } from './terminal-chat.ts';
import { ConnectionReporter } from './terminal-reporter.ts';
import { Screen } from './terminal-screen.ts';

async function authOf(client: ChatClient): Promise<AuthMode | undefined> {
  return (await client.status()).find(({ auth }) => auth !== undefined)?.auth;
}

async function run({ user, password, group, urls }: TerminalArguments): Promise<void> {
  const screen = new Screen(process.stdin, process.stdout);
  const reporter = new ConnectionReporter((sentence) => screen.remark(sentence));
  try {
    const client = new ChatClient({ urls, onConnection: (change) => reporter.hear(change) });
    const told = await authOf(client);
    if (told === 'token' && password === undefined) {
      throw new Error('these nodes ask for a password: --password PASSWORD. An account is registered at /home');
    }
    const { user_id: id, username } = await client.login(user, password);
    // Where no node answered at first, one has answered now.
    const byInvitation = (told ?? (await authOf(client))) === 'token';
    await new TerminalChat(client, { id, username }, screen, byInvitation).run(group);
  } finally {
    reporter.close();
    screen.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

let given: TerminalArguments | undefined;
try {
  given = readArguments(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
if (given !== undefined) {
  try {
    await run(given);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

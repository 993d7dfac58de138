/**
 * `npm run chat -- --user ana`: a chat at the command line, on the ChatClient. It shows which node serves, and stays alive
 * while nodes die.
 */
import { ChatClient, type ConnectionChange, type Use } from './index.ts';
import { readArguments, type TerminalArguments, USAGE } from './terminal-arguments.ts';
import { TerminalChat } from './terminal-chat.ts';
import { Screen } from './terminal-screen.ts';

/** Says who serves, one quiet line a change. A node that is lost for reads and writes is told once. */
function reporter(screen: Screen): (change: ConnectionChange) => void {
  const lost = new Map<Use, { url: string; why: string }>();
  const said = new Map<Use, string>();
  return ({ use, url, state, reason = 'is gone' }) => {
    if (state === 'lost') {
      if (!lost.has(use)) lost.set(use, { url, why: `${url} ${reason}` });
      return;
    }
    const before = lost.get(use);
    lost.delete(use);
    said.set(use, `${before?.url} ${url}`);
    const isToldAlready = said.get('read') === said.get('write');
    if (before === undefined) {
      if (use === 'read') screen.remark(`${url} serves`);
    } else if (before.url !== url && !isToldAlready) {
      screen.remark(use === 'read' ? `${before.why}; ${url} serves` : `${before.why}; ${url} takes the messages`);
    }
  };
}

async function run({ user, password, group, urls }: TerminalArguments): Promise<void> {
  const screen = new Screen(process.stdin, process.stdout);
  try {
    const client = new ChatClient({ urls, onConnection: reporter(screen) });
    const { user_id: id, username } = await client.login(user, password);
    const byInvitation = (await client.status()).some(({ auth }) => auth === 'token');
    await new TerminalChat(client, { id, username }, screen, byInvitation).run(group);
  } finally {
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

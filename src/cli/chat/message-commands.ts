import type { CallOptions, Chat, ChatClient } from '../../client/index.ts';
import { terminalText } from './terminal-text.ts';

/** The state of the chat that the commands use. */
export interface MessageContext {
  /** The open group: the commands refer to its messages only. */
  group: Pick<Chat, 'id' | 'name'> | undefined;
  /** The number of the user's last message in the open group, or undefined. */
  ownLast: number | undefined;
  /** Sends a message to the open group. */
  send(text: string, replyTo: number): Promise<void>;
}

const USAGES: Record<string, string> = {
  reply: '/reply NUMBER TEXT',
  edit: '/edit NUMBER TEXT',
  delete: '/delete NUMBER',
  react: '/react NUMBER EMOJI',
  unreact: '/unreact NUMBER EMOJI',
};

/**
 * Runs a command on a message. Returns a notice for the user, null if none is needed (the event shows the effect), or undefined
 * if there is no such command.
 */
export async function runMessageCommand(
  client: ChatClient,
  context: MessageContext,
  { name, rest }: { name: string; rest: string },
  options: CallOptions,
): Promise<string | null | undefined> {
  const usage = USAGES[name];
  if (usage === undefined) return undefined;
  const { number, text } = parse(rest);
  const isOwnByDefault = name === 'edit' || name === 'delete';
  const id = number ?? (isOwnByDefault ? context.ownLast : undefined);
  if (id === undefined) return isOwnByDefault ? 'you have no message here yet' : usage;
  if ((text === '') !== (name === 'delete')) return usage;
  // The service refuses a reply to a message of another group.
  if (name === 'reply') {
    await context.send(text, id);
    return null;
  }
  const { group } = context;
  if (group === undefined) return 'no group is open: /join NAME';
  if (!(await isInGroup(client, group.id, id, options)))
    return `there is no message #${id} in ${terminalText(group.name)}`;
  if (name === 'edit') await client.editMessage(id, text, options);
  else if (name === 'delete') await client.deleteMessage(id, options);
  else if (name === 'react') await client.react(id, text, options);
  else await client.unreact(id, text, options);
  return null;
}

async function isInGroup(client: ChatClient, groupId: number, id: number, options: CallOptions): Promise<boolean> {
  const { messages } = await client.messages(groupId, { ...options, after: id - 1, limit: 1 });
  return messages.some((message) => message.id === id);
}

/** Splits `#12 text` or `12 text` into the number of a message and the text. */
function parse(rest: string): { number: number | undefined; text: string } {
  const match = /^#?([1-9]\d{0,15})(?:\s+|$)(.*)$/s.exec(rest);
  return match ? { number: Number(match[1]), text: match[2] ?? '' } : { number: undefined, text: rest };
}

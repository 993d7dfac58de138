import type { Chat, Message } from '../../client/types.ts';

/**
 * Returns text that is safe to show on a terminal: without control characters (which move the cursor, colour the screen or
 * ring the bell), direction marks and invisible characters, and with line breaks indented below the first line.
 */
export function terminalText(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu, (mark) =>
      mark === '\n' ? '\n        ' : '',
    );
}

/** Formats a message as lines: what it replies to, then time of day, number, sender, text and reactions. */
export function messageLine({ id, timestamp, sender, content, reply_to, edited_at, reactions }: Message): string {
  const time = new Date(timestamp);
  const two = (value: number) => String(value).padStart(2, '0');
  const quote =
    reply_to === undefined
      ? ''
      : `        | ${reply_to.deleted ? 'a deleted message' : `${terminalText(reply_to.sender ?? '')}: ${terminalText(reply_to.excerpt ?? '')}`}\n`;
  const seen = (reactions ?? []).map(({ emoji, count }) => `${terminalText(emoji)} ${count}`);
  const notes = `${edited_at === undefined ? '' : ' (edited)'}${seen.length === 0 ? '' : `  [${seen.join(', ')}]`}`;
  return `${quote}${two(time.getHours())}:${two(time.getMinutes())} #${id}  ${terminalText(sender)}: ${terminalText(content)}${notes}`;
}

/** Formats a group as a line: name, number, size and unread messages. */
export function groupLine({ id, name, members, members_count, unread }: Chat): string {
  // An older node names neither count.
  const size = members_count ?? members.length;
  const waiting = unread > 0 ? `, ${unread >= 1000 ? '1000+' : unread} unread` : '';
  return `${terminalText(name)} (group ${id}, ${size} ${size === 1 ? 'member' : 'members'}${waiting})`;
}

/** The text of /help. `needsInvitation` is true if users cannot join a group by its name (AUTH=token). */
export function chatHelp(needsInvitation: boolean): string {
  const joining = needsInvitation ? 'a member can add you to others' : 'joins it, and creates it if it is new';
  return `/who                    members of this group
/groups                 your groups, with the number of unread messages
/join NAME OR NUMBER    open a group: ${joining}
/leave                  leave this group
/direct NAME            open the chat with one other user
/reply NUMBER TEXT      reply to a message
/edit NUMBER TEXT       change a message of yours; without NUMBER, your last one
/delete NUMBER          delete a message; without NUMBER, your last one
/react NUMBER EMOJI     add a reaction to a message; /unreact removes it
/new NAME MEMBERS…      create a group; put a name with spaces in "quotes"
/help                   show this help
/quit                   leave the chat
Everything else is sent to the group. To start a message with a slash, type two.`;
}

/** A typed line: a message, or a command with its words, and with everything after its name as it was typed. */
export type Typed =
  | { kind: 'message'; text: string }
  | { kind: 'command'; name: string; words: string[]; rest: string };

/** Parses a typed line; undefined for an empty one. Words may be quoted. */
export function parseTyped(line: string): Typed | undefined {
  if (line.trim() === '') return undefined;
  if (line.startsWith('//')) return { kind: 'message', text: line.slice(1) };
  if (!line.startsWith('/')) return { kind: 'message', text: line };
  const words = Array.from(line.slice(1).matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? '');
  const rest = line.replace(/^\/\s*\S*\s*/, '');
  return { kind: 'command', name: words[0] ?? '', words: words.slice(1), rest };
}

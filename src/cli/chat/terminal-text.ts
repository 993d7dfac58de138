import type { Message } from '../../client/types.ts';

/**
 * Returns text that is safe to show on a terminal: without control characters (which move the cursor, colour the screen or
 * ring the bell), direction marks and what is not seen, and with line breaks indented below the first line.
 */
export function plain(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu, (mark) =>
      mark === '\n' ? '\n        ' : '',
    );
}

/** Formats a message as a line: time of day, sender, text. */
export function messageLine({ timestamp, sender, content }: Message): string {
  const time = new Date(timestamp);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}  ${plain(sender)}: ${plain(content)}`;
}

/** The text of /help. `needsInvitation` is true if users cannot join a group by its name (AUTH=token). */
export function help(needsInvitation: boolean): string {
  const joining = needsInvitation ? 'a member can add you to others' : 'joins it, and creates it if it is new';
  return `/who                    members of this group
/groups                 your groups
/join NAME OR NUMBER    open a group: ${joining}
/leave                  leave this group
/new NAME MEMBERS…      create a group; put a name with spaces in "quotes"
/help                   show this help
/quit                   leave the chat
Everything else is sent to the group. To start a message with a slash, type two.`;
}

/** A typed line: a message, or a command with its words. */
export type Typed = { kind: 'message'; text: string } | { kind: 'command'; name: string; words: string[] };

/** Parses a typed line; undefined for an empty one. Words may be quoted. */
export function parseTyped(line: string): Typed | undefined {
  if (line.trim() === '') return undefined;
  if (line.startsWith('//')) return { kind: 'message', text: line.slice(1) };
  if (!line.startsWith('/')) return { kind: 'message', text: line };
  const words = Array.from(line.slice(1).matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? '');
  return { kind: 'command', name: words[0] ?? '', words: words.slice(1) };
}

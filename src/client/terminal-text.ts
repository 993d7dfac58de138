import type { Message } from './types.ts';

/**
 * Text of others as a terminal may show it: without the control characters that could move the cursor, colour the screen
 * or ring, line breaks set in under the first line, and no marks that turn the direction of what follows.
 */
export function plain(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (mark) => (mark === '\n' ? '\n        ' : ''));
}

/** A message on a line: the time of day, who, and what. */
export function messageLine({ timestamp, sender, content }: Message): string {
  const time = new Date(timestamp);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}  ${plain(sender)}: ${plain(content)}`;
}

/** What /help says. `byInvitation` where a name does not let one into a group (AUTH=token). */
export function help(byInvitation: boolean): string {
  const joining = byInvitation ? 'a member takes you into others' : 'joins it, makes it where there is none';
  return `/who                    who is in this group
/groups                 your groups
/join NAME OR NUMBER    go to a group: ${joining}
/leave                  leave this group
/new NAME MEMBERS…      make a group; a name with spaces in "quotes"
/help                   this
/quit                   end
Everything else is sent to the group. A message that begins with a slash: write two.`;
}

/** A typed line: a message, or a command with its words. */
export type Typed = { kind: 'message'; text: string } | { kind: 'command'; name: string; words: string[] };

/** Takes a typed line apart; undefined for an empty one. Words may be quoted. */
export function readTyped(line: string): Typed | undefined {
  if (line.trim() === '') return undefined;
  if (line.startsWith('//')) return { kind: 'message', text: line.slice(1) };
  if (!line.startsWith('/')) return { kind: 'message', text: line };
  const words = Array.from(line.slice(1).matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? '');
  return { kind: 'command', name: words[0] ?? '', words: words.slice(1) };
}

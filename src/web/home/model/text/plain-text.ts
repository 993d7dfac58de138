import { type MarkdownPart, parseMarkdown } from './markdown.ts';

/** Maximum number of texts that are kept: a list of groups shows the same ones again at each change. */
const MAX_KEPT = 1000;
const kept = new Map<string, string>();

/** Returns a message's text in one line without its formatting, for previews, quotes and notifications. */
export function plainText(text: string): string {
  const known = kept.get(text);
  if (known !== undefined) return known;
  if (kept.size >= MAX_KEPT) kept.clear();
  const plain = textOf(parseMarkdown(text)).replace(/\s+/g, ' ').trim();
  kept.set(text, plain);
  return plain;
}

function textOf(parts: readonly MarkdownPart[]): string {
  return parts.map(textOfPart).join('');
}

function textOfPart(part: MarkdownPart): string {
  switch (part.kind) {
    case 'break':
      return ' ';
    case 'text':
    case 'code':
      return part.text;
    case 'codeBlock':
      return `${part.text} `;
    case 'list':
      return part.items.map((item) => `${textOf(item)} `).join('');
    case 'paragraph':
    case 'quote':
      return `${textOf(part.parts)} `;
    default:
      return textOf(part.parts);
  }
}

/** A piece of a message that a search has found. */
interface FoundPart {
  text: string;
  match: boolean;
}

/** The marks of the beginning and the end of a match: private-use characters, which the parser takes for letters. */
const [BEGIN, END] = ['\u{f0001}', '\u{f0002}'];

/** Returns the pieces of a found message without its formatting, each with whether it is a match. */
export function plainParts(parts: readonly FoundPart[]): FoundPart[] {
  const marked = parts.map(({ text, match }) => (match ? BEGIN + text + END : text)).join('');
  const pieces = plainText(marked).split(new RegExp(`${BEGIN}([^${END}]*)${END}`, 'u'));
  return pieces
    .map((piece, index) => ({ text: piece.replace(new RegExp(`[${BEGIN}${END}]`, 'gu'), ''), match: index % 2 === 1 }))
    .filter(({ text }) => text !== '');
}

import { Lexer, type Token, Tokenizer, type TokensList } from 'marked';

/** A part of a message's text. Links have passed {@link isSafe}; everything else is plain text. */
export type MarkdownPart =
  | { kind: 'text' | 'code' | 'codeBlock'; text: string }
  | { kind: 'break' }
  | { kind: 'link'; href: string; parts: MarkdownPart[] }
  | { kind: 'bold' | 'italic' | 'struck' | 'paragraph' | 'quote'; parts: MarkdownPart[] }
  | { kind: 'list'; start: number | undefined; items: MarkdownPart[][] };

/** Deeper nesting is shown as plain text. */
const MAX_DEPTH = 8;

/** The part of Markdown that chats use. Everything else stays plain text: raw HTML, headings, tables, images, references. */
class ChatTokenizer extends Tokenizer {
  override html = () => undefined;
  override tag = () => undefined;
  override heading = () => undefined;
  override lheading = () => undefined;
  override hr = () => undefined;
  override table = () => undefined;
  override def = () => undefined;
  override reflink = () => undefined;
  /** Indented code: in a chat, spaces at the start of a line are spaces. */
  override code = () => undefined;
}

/** Returns the parts of a message's text. Every text is shown, at worst without formatting. */
export function parseMarkdown(text: string): MarkdownPart[] {
  try {
    const parts = partsOf(lex(text), 0);
    if (parts.some(hasText)) return parts;
  } catch {
    // Nested too deeply for the parser.
  }
  return [{ kind: 'paragraph', parts: [plain(text)] }];
}

/** Returns false for a part that consists only of formatting, such as an empty code block. */
function hasText(part: MarkdownPart): boolean {
  if (part.kind === 'break') return false;
  if (part.kind === 'list') return part.items.some((item) => item.some(hasText));
  return 'text' in part ? part.text.trim() !== '' : part.parts.some(hasText);
}

function lex(text: string): TokensList {
  return new Lexer({ gfm: true, breaks: true, tokenizer: new ChatTokenizer() }).lex(text);
}

function partsOf(tokens: readonly Token[], depth: number): MarkdownPart[] {
  return tokens.flatMap((token) => (depth > MAX_DEPTH ? [plain(token.raw)] : partOf(token, depth)));
}

function plain(text: string): MarkdownPart {
  return { kind: 'text', text };
}

const wrapperOf = { strong: 'bold', em: 'italic', del: 'struck', paragraph: 'paragraph', blockquote: 'quote' } as const;

function partOf(token: Token, depth: number): MarkdownPart[] {
  const inner = () => partsOf(('tokens' in token ? token.tokens : undefined) ?? [], depth + 1);
  switch (token.type) {
    case 'space':
      return [];
    case 'br':
      return [{ kind: 'break' }];
    case 'escape':
      return [plain(token.text)];
    case 'codespan':
      return [{ kind: 'code', text: token.text }];
    case 'code':
      return [{ kind: 'codeBlock', text: token.text }];
    case 'link':
      return isSafe(token.href) ? [{ kind: 'link', href: token.href, parts: inner() }] : [plain(token.raw)];
    case 'list':
      return [
        {
          kind: 'list',
          start: token.ordered ? Number(token.start) : undefined,
          items: token.items.map((item: Token) => partsOf('tokens' in item ? (item.tokens ?? []) : [], depth + 1)),
        },
      ];
    case 'text':
      return 'tokens' in token && token.tokens ? inner() : [plain(token.raw)];
    case 'strong':
    case 'em':
    case 'del':
    case 'paragraph':
    case 'blockquote':
      return [{ kind: wrapperOf[token.type], parts: inner() }];
    default:
      return [plain(token.raw)];
  }
}

/** Returns true for an address that a message may link to: never a script, nor anything of this device. */
function isSafe(href: string): boolean {
  if (!URL.canParse(href)) return false;
  return ['http:', 'https:', 'mailto:'].includes(new URL(href).protocol);
}

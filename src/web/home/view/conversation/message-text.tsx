import type { ComponentChildren } from 'preact';
import { type MarkdownPart, parseMarkdown } from '../../model/text/markdown.ts';
import { splitMentions } from '../../model/text/mentions.ts';

interface Props {
  text: string;
  /** The folded names that are highlighted as mentions. */
  names: ReadonlySet<string>;
  /** The user's own folded name. */
  own: string;
}

/** The formatted text of a message. It consists of elements and text nodes; nothing in it is ever interpreted as HTML. */
export function MessageText({ text, names, own }: Props) {
  const render = (parts: readonly MarkdownPart[]): ComponentChildren =>
    parts.map((part, index) => <Rendered key={index} part={part} render={render} names={names} own={own} />);
  return <>{render(parseMarkdown(text))}</>;
}

interface PartProps extends Omit<Props, 'text'> {
  part: MarkdownPart;
  render: (parts: readonly MarkdownPart[]) => ComponentChildren;
}

function Rendered({ part, render, names, own }: PartProps) {
  switch (part.kind) {
    case 'text':
      return <Plain text={part.text} names={names} own={own} />;
    case 'break':
      return <br />;
    case 'code':
      return <code>{part.text}</code>;
    case 'codeBlock':
      return (
        <pre dir="auto">
          <code>{part.text}</code>
        </pre>
      );
    case 'link':
      return <Link href={part.href}>{render(part.parts)}</Link>;
    case 'bold':
      return <strong>{render(part.parts)}</strong>;
    case 'italic':
      return <em>{render(part.parts)}</em>;
    case 'struck':
      return <s>{render(part.parts)}</s>;
    case 'paragraph':
      return <p dir="auto">{render(part.parts)}</p>;
    case 'quote':
      return <blockquote dir="auto">{render(part.parts)}</blockquote>;
    case 'list': {
      const items = part.items.map((item, index) => (
        <li key={index} dir="auto">
          {render(item)}
        </li>
      ));
      return part.start === undefined ? <ul>{items}</ul> : <ol start={part.start}>{items}</ol>;
    }
  }
}

function Plain({ text, names, own }: { text: string; names: ReadonlySet<string>; own: string }) {
  return (
    <>
      {splitMentions(withoutStackedMarks(text), names).map((piece, index) =>
        piece.name === undefined ? (
          piece.text
        ) : (
          <span key={index} class={piece.name === own ? 'mention own-mention' : 'mention'}>
            {piece.text}
          </span>
        ),
      )}
    </>
  );
}

/** A link to a message of this page opens here; any other opens in a new tab, which cannot access this one. */
function Link({ href, children }: { href: string; children: ComponentChildren }) {
  const own = `${location.origin}${location.pathname}#`;
  if (href.startsWith(own)) return <a href={href.slice(own.length - 1)}>{children}</a>;
  return (
    <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

/** Removes combining marks beyond those that any script stacks on one letter: with hundreds, a line covers its neighbours. */
function withoutStackedMarks(text: string): string {
  return text.replace(/(\p{M}{5})\p{M}+/gu, '$1');
}

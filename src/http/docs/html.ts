import { escapeHtml } from '../../text/escape-html.ts';

/** Returns the guide as HTML, each chapter as one element that the filter can hide. */
export const chapters = (source: string): string =>
  source
    .split(/^(?=## )/m)
    .map((chapter) =>
      chapter.startsWith('## ') ? `<div class="chapter">${markdown(chapter)}</div>` : markdown(chapter),
    )
    .join('\n');

/** Returns one line of Markdown as HTML: text with `code` in it. */
export const inline = (line: string): string => escapeHtml(line).replace(/`([^`]+)`/g, '<code>$1</code>');

/** Returns the Markdown that the guide uses as HTML: `##` headings, paragraphs and tables. */
function markdown(source: string): string {
  return source
    .trim()
    .split(/\n{2,}|\n(?=##)|(?<=^##[^\n]*)\n/m)
    .map((block) => {
      const [, title] = /^## (.*)$/.exec(block) ?? [];
      if (title) return `<h2 id="${anchorOf(title)}">${inline(title)}</h2>`;
      return block.startsWith('|')
        ? markdownTable(block.split('\n'))
        : `<p>${block.split('\n').map(inline).join('\n')}</p>`;
    })
    .join('\n');
}

/** Returns the id of a heading. */
export const anchorOf = (title: string): string => `guide-${title.toLowerCase().replace(/[^a-z]+/g, '-')}`;

function markdownTable([head = '', , ...rows]: string[]): string {
  const cells = (row: string, tag: string) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => `<${tag}>${inline(cell.trim())}</${tag}>`)
      .join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('');
  return `<table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${body}</tbody></table>`;
}

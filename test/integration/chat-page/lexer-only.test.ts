import path from 'node:path';
import { expect } from 'chai';
import { build } from 'esbuild';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { lexerOnly } from '../../../src/web/build/lexer-only.ts';
import { parseMarkdown } from '../../../src/web/home/model/text/markdown.ts';

/** Texts with everything that Markdown has: what the pages show, and what stays plain text. */
const TEXTS = [
  '**a** _b_ ~~c~~ `d` [e](https://example.org) https://example.org <https://example.org>',
  '> a\n> - b\n>   1. c\n\n```js\nd\n```\n',
  '# a\n\nb\n===\n\n---\n\n    code\n\n<b>c</b> <!-- d -->\n\n<div>e</div>',
  '[a]: https://example.org\n\n[a] [b][a] ![c][a]\n\n| d | e |\n|---|---|\n| f | g |\n',
  'a\\*b* &amp; a_b_c **a*b* c** \n- [ ] d\n- [x] e',
];

describe("The page's part of marked", () => {
  it('parses every text as the complete library does, without the code that renders HTML or that the page overrides', async () => {
    const { outputFiles } = await build({
      entryPoints: [path.join(PACKAGE_ROOT, 'src/web/home/model/text/markdown.ts')],
      plugins: [lexerOnly],
      bundle: true,
      format: 'esm',
      write: false,
    });
    const [{ text } = { text: '' }] = outputFiles;
    const bundled = await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`);
    for (const one of TEXTS) expect(bundled.parseMarkdown(one), one).to.deep.equal(parseMarkdown(one));
    expect(text).not.to.include('<blockquote>');
    expect(text).not.to.match(
      /this\.rules\.(block\.(code|heading|hr|html|def|table|lheading)|inline\.(tag|reflink))\.exec/,
    );
  });
});

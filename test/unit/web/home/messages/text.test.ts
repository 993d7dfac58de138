import { expect } from 'chai';
import { foldedName } from '../../../../../src/text/folded-name.ts';
import { type MarkdownPart, parseMarkdown } from '../../../../../src/web/home/model/text/markdown.ts';
import { mentions, splitMentions } from '../../../../../src/web/home/model/text/mentions.ts';
import { MENTION_CASES } from '../../../../support/mention-cases.ts';

/** Returns the text of all parts, and the addresses of the links. */
function flatten(parts: readonly MarkdownPart[]): { text: string; links: string[] } {
  const all = parts.map((part) => {
    if (part.kind === 'break') return { text: '\n', links: [] };
    if (part.kind === 'list') return flatten(part.items.flat());
    if (!('parts' in part)) return { text: part.text, links: [] };
    const inner = flatten(part.parts);
    return { text: inner.text, links: part.kind === 'link' ? [part.href, ...inner.links] : inner.links };
  });
  return { text: all.map(({ text }) => text).join(''), links: all.flatMap(({ links }) => links) };
}

describe('The text of a message', () => {
  const kinds = (text: string) => {
    const [first] = parseMarkdown(text);
    return first?.kind === 'paragraph' ? first.parts.map(({ kind }) => kind) : [first?.kind];
  };

  it('has bold, italics, code, quotes, lists and line breaks', () => {
    expect(kinds('**a** _b_ ~~c~~ `d`')).to.deep.equal(['bold', 'text', 'italic', 'text', 'struck', 'text', 'code']);
    expect(kinds('a\nb')).to.deep.equal(['text', 'break', 'text']);
    expect(kinds('```\na\n```')).to.deep.equal(['codeBlock']);
    expect(kinds('> a')).to.deep.equal(['quote']);
    expect(kinds('- a\n- b')).to.deep.equal(['list']);
  });

  it('is shown as it was written where it has no formatting of a chat', () => {
    for (const text of [
      '<img src=x onerror="a()"><b>x</b>',
      '# head',
      '![i](https://a/b.png)',
      '    a',
      '| a |',
      'a_b_c',
      '&amp;',
    ]) {
      expect(flatten(parseMarkdown(text)).text, text).to.equal(text);
    }
    expect(flatten(parseMarkdown('```\n```')).text).to.equal('```\n```');
  });

  it('links only to addresses of the web and of mail', () => {
    const { links } = flatten(
      parseMarkdown('https://a.example/b?c=d www.e.example [f](http://g.example) me@h.example'),
    );
    expect(links).to.deep.equal([
      'https://a.example/b?c=d',
      'http://www.e.example',
      'http://g.example',
      'mailto:me@h.example',
    ]);
    for (const text of [
      '[x](javascript:alert(1))',
      '[x](data:text/html,y)',
      '[x](/local)',
      '<javascript:a>',
      '[x](jAvAsCrIpT:a)',
      '[x](file:///etc)',
    ]) {
      expect(flatten(parseMarkdown(text)), text).to.deep.equal({ text, links: [] });
    }
  });

  it('is parsed quickly, for any input', () => {
    const hostile = ['>', '[', '*a**', '_a', '~~a', '`', 'a@', '<', '- ', '[a](', '\\\\'].map((part) =>
      part.repeat(4096 / part.length),
    );
    for (const text of hostile) {
      const began = performance.now();
      expect(parseMarkdown(text)).to.not.deep.equal([]);
      expect(performance.now() - began, text.slice(0, 8)).to.be.lessThan(2000);
    }
  });

  it('mentions members by their whole name, which may have spaces', () => {
    const names = new Set(['ana', 'ana maria', 'bruno_orm']);
    const mentioned = (text: string) => splitMentions(text, names).flatMap(({ name }) => name ?? []);
    expect(mentioned('@Ana Maria, see @bruno_orm. And @ana!')).to.deep.equal(['ana maria', 'bruno_orm', 'ana']);
    expect(mentioned('x@ana @nobody @anabel')).to.deep.equal([]);
    expect(splitMentions('hi @ana!', names).map(({ text }) => text)).to.deep.equal(['hi ', '@ana', '!']);
    expect([mentions('oi @joao!', 'joao'), mentions('oi @João!', 'joao')], 'accents').to.deep.equal([true, true]);
    expect([mentions('hi @ANA', 'ana'), mentions('hi ana', 'ana')]).to.deep.equal([true, false]);
  });

  it('mentions a user in the texts in which the server counts it', () => {
    const found = MENTION_CASES.map(([text, username]) => [text, username, mentions(text, foldedName(username))]);
    expect(found).to.deep.equal(MENTION_CASES);
  });
});

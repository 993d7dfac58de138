import { expect } from 'chai';
import { plainParts, plainText } from '../../../../../src/web/home/model/text/plain-text.ts';

describe('The text of a message where it has one line', () => {
  it('has no formatting, and no line breaks', () => {
    expect(plainText('**bold** _it_ ~~old~~ `code` and [a link](https://example.com/x)')).to.equal(
      'bold it old code and a link',
    );
    expect(plainText('> quoted\n\n- one\n- two\n\n```js\nlet a;\nlet b;\n```\nend')).to.equal(
      'quoted one two let a; let b; end',
    );
  });

  it('keeps everything that is no formatting', () => {
    for (const text of ['2 * 3 * 4', 'a_b_c', '<b>', '# no heading', '**', '@ana :-)']) {
      expect(plainText(text)).to.equal(text);
    }
  });

  it('keeps the matches of a search', () => {
    const parts = [
      { text: '**the ', match: false },
      { text: 'need', match: true },
      { text: 'le** in `', match: false },
      { text: 'hay', match: true },
      { text: '`', match: false },
    ];
    expect(plainParts(parts)).to.deep.equal([
      { text: 'the ', match: false },
      { text: 'need', match: true },
      { text: 'le in ', match: false },
      { text: 'hay', match: true },
    ]);
    expect(plainParts([{ text: 'a\n\nb', match: true }])).to.deep.equal([{ text: 'a b', match: true }]);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { Candidates } from '../../../../src/chat/search/candidates.ts';
import { fold, foldWithStarts } from '../../../../src/chat/search/folding.ts';
import { foundMessages } from '../../../../src/chat/search/found-messages.ts';
import { MAX_MATCHES, partsOf } from '../../../../src/chat/search/highlights.ts';
import { CommonNgrams, NgramCounter } from '../../../../src/chat/search/indexing/common-ngrams.ts';
import { appendChunk, chunksOf, type IndexRow, markMessage } from '../../../../src/chat/search/indexing/index-rows.ts';
import { hashesOf, requiredHashes, senderHash } from '../../../../src/chat/search/indexing/signatures.ts';
import { occurrences, termsOf } from '../../../../src/chat/search/search-query.ts';
import { ERROR_CODES } from '../../../../src/http/contract/error-codes.ts';
import { FIELDS } from '../../../../src/http/docs/field-texts.ts';
import { GUIDE } from '../../../../src/http/docs/guide.ts';

const textsOf = (query: string) => termsOf(query).map(({ text }) => text);
/** Any characters but halves of surrogates. fc.string with the unit `binary` would first list them all, which takes half a second. */
const anyText = (maxLength: number) =>
  fc
    .array(fc.oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff })), { maxLength })
    .map((codes) => String.fromCodePoint(...codes));
/** The matching parts in brackets. */
const marked = (content: string, query: string) =>
  partsOf(content, termsOf(query))
    .map(({ text, match }) => (match ? `[${text}]` : text))
    .join('');

describe('The folding of texts for a search', () => {
  it('removes case, accents, invisible characters and repeated spaces', () => {
    expect(fold('Reunião  ÀS\n3h')).to.equal('reuniao as 3h');
    expect(fold('cafe\u0301 ＡＢＣ！ ΟΔΟΣ Ёлка Łódź \u00ad\u200bx')).to.equal('cafe abc! οδοσ елка lodz x');
  });

  it('keeps marks that distinguish words in other scripts', () => {
    for (const text of ['が', 'か', '会議', 'हिन्दी', '서울', '②', 'straße', '👩']) expect(fold(text)).to.equal(text);
  });

  it('does not change a folded text, and knows where each character comes from', () => {
    fc.assert(
      fc.property(anyText(60), (original) => {
        const { text, starts } = foldWithStarts(original);
        expect(fold(text)).to.equal(text);
        expect(fold(original)).to.equal(text);
        expect(starts).to.have.length(text.length + 1);
        expect([...starts].sort((one, other) => one - other)).to.deep.equal(starts);
      }),
    );
  });
});

describe('A search query', () => {
  it('is split into words and quoted phrases, each once', () => {
    expect(textsOf('Bom dia bom')).to.deep.equal(['bom', 'dia']);
    expect(textsOf('"Bom  dia" amigo')).to.deep.equal(['bom dia', 'amigo']);
    expect(textsOf('5" "sem fim')).to.deep.equal(['5"', '"sem', 'fim']);
  });

  it('looks for one or two letters as a whole word, and for signs and ideographs anywhere', () => {
    const short = termsOf('a ok abc % 会 会議 c+').filter(({ isWholeWord }) => isWholeWord);
    expect(short.map(({ text }) => text)).to.deep.equal(['a', 'ok']);
  });

  it('is empty if it has no searchable character', () => {
    for (const query of ['', '  ', '\u0301\u0301', '\u200b', '""', '\u3000\u2028'])
      expect(termsOf(query)).to.deep.equal([]);
  });
});

describe('The parts of a found message', () => {
  it('show each match in the original spelling', () => {
    expect(marked('Olá, reunião das e\u0301quipes REUNIÃO', 'reuniao equipe')).to.equal(
      'Olá, [reunião] das [e\u0301quipe]s [REUNIÃO]',
    );
    expect(marked('Ok, o bloco ok.', 'ok')).to.equal('[Ok], o bloco [ok].');
    expect(marked('次の会議は三時です', '会議')).to.equal('次の[会議]は三時です');
    expect(marked('100% de 10%', '%')).to.equal('100[%] de 10[%]');
    expect(marked('bom\n dia, bom amigo', '"bom dia"')).to.equal('[bom\n dia], bom amigo');
  });

  it('merge matches that overlap or touch', () => {
    expect(marked('abcdef', 'abcd bcde def')).to.equal('[abcdef]');
    expect(marked('aaaa', 'aaa')).to.equal('[aaaa]');
  });

  it('concatenate to the text, for any content', () => {
    const text = anyText(40);
    fc.assert(
      fc.property(text, text, (content, query) => {
        const parts = partsOf(content, termsOf(query));
        expect(parts.map((part) => part.text).join('')).to.equal(content);
        expect(parts.every((part, at) => part.match !== parts[at - 1]?.match && part.text !== '')).to.equal(true);
      }),
    );
  });
});

describe('The candidates of a search', () => {
  it('are read newest first, and a match is final when no newer message is unread', () => {
    const candidates = new Candidates([
      { groupId: 3, from: 1, to: 49 },
      { groupId: 1, from: 60, to: 99 },
      { groupId: 2, from: 50, to: 90 },
    ]);
    expect(candidates.readFrom).to.equal(100);
    expect(candidates.newest(1)).to.deep.equal([{ groupId: 1, from: 60, to: 99 }]);
    candidates.report(1, [95, 85], [{ groupId: 1, from: 60, to: 80 }]);
    expect([candidates.readFrom, candidates.certain]).to.deep.equal([91, [95]]);
    expect(candidates.newest(2).map(({ groupId }) => groupId)).to.deep.equal([2, 1]);
    candidates.report(2, [], []);
    expect([candidates.readFrom, candidates.certain]).to.deep.equal([50, [95, 85]]);
    expect(candidates.newest(9).map(({ groupId }) => groupId)).to.deep.equal([3]);
    candidates.report(1, [], []);
    expect(candidates.readFrom).to.equal(1);
  });

  it('count as unread until they have been read completely', () => {
    const candidates = new Candidates([{ groupId: 1, from: 1, to: 99 }]);
    candidates.newest(9);
    expect(candidates.readFrom).to.equal(100);
  });
});

describe('The signatures of the search index', () => {
  const words = fc.constantFrom('ab', 'a', 'casa', 'Reunião', '会議', '37%', 'x.y', '👩', '\u0301', '  ', '"', '-');
  const text = fc.oneof(
    fc.array(words, { maxLength: 8 }).map((parts) => parts.join('')),
    fc.array(words, { maxLength: 8 }).map((parts) => parts.join(' ')),
    anyText(30),
  );

  /** The common n-grams of these messages. */
  const counted = (contents: readonly string[]) => {
    const counter = new NgramCounter();
    for (const content of contents) counter.add(content);
    return counter.result();
  };
  const unknown = new CommonNgrams(null);
  const none = new CommonNgrams([]);

  const some = fc.sample(text, { numRuns: 100, seed: 7 });
  const [few, many] = [counted([...some, ...Array.from({ length: 3000 }, () => '')]), counted(some)];

  it('have every hash that a search for a part of the text requires, whichever n-grams are common', () => {
    let found = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(unknown, none, few, many),
        text,
        fc.nat(30),
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        (common, content, start, length, isPhrase) => {
          const part = [...content].slice(start, start + length).join('');
          const terms = termsOf(isPhrase ? `"${part}"` : part);
          const folded = fold(content);
          const isFound = terms.every((term) => !occurrences(folded, term).next().done);
          if (terms.length === 0 || !isFound) return;
          found++;
          expect([...hashesOf(folded, common), senderHash(7)]).to.include.members(requiredHashes(terms, common, 7));
        },
      ),
      { numRuns: 2000 },
    );
    expect(found).to.be.above(200);
  });

  describe('exclude most texts that lack what is searched for', () => {
    const english = fold(`${GUIDE} ${Object.values(FIELDS).map(([text]) => text)} ${Object.values(ERROR_CODES)}`);
    /** Texts as long as the messages of a chunk: some 700 characters. */
    const texts = english.match(/.{1,700}(?= |$)/gs) ?? [];
    const letters = [...'abcdefghijklmnopqrstuvwxyz'];
    const pairs = letters.flatMap((one) => letters.map((other) => one + other));
    const absentWords = pairs
      .flatMap((pair) => letters.map((third) => pair + third))
      .filter((word) => !english.includes(word));
    const present = new Set(english.split(/[^a-z]+/));
    const absentShortWords = [...letters, ...pairs].filter((word) => !present.has(word));
    const range = (from: number, count: number) =>
      Array.from({ length: count }, (_, at) => String.fromCodePoint(from + at));
    const absentSigns = [...range(0x4e00, 2000), ...range(0x1f400, 300)].filter((one) => !english.includes(one));
    const words = [...new Set(english.match(/[a-z]{6,10}/g))];

    const kinds: [string, string[], limit: { uncounted: number; counted: number }][] = [
      ['three letters', absentWords.filter((_, at) => at % 10 === 0), { uncounted: 0.02, counted: 0.002 }],
      ['a word of one or two letters', absentShortWords, { uncounted: 0.02, counted: 0.002 }],
      ['a sign, an ideograph or an emoji', absentSigns, { uncounted: 0.02, counted: 0.002 }],
      ['words of the same language', words, { uncounted: 0.004, counted: 0.008 }],
    ];
    for (const [common, when, limit] of [
      [unknown, 'before the n-grams were counted', 'uncounted'],
      [counted(english.match(/.{1,60}(?= |$)/gs) ?? []), 'afterwards', 'counted'],
    ] as const) {
      const chunks = texts.map((text) => ({ text, hashes: new Set(hashesOf(text, common)) }));
      /** The part of the texts without these words that the index does not exclude, on average. */
      const confused = (searched: string[]) => {
        const shares = searched.map((word) => {
          const terms = termsOf(word);
          const required = requiredHashes(terms, common);
          const others = chunks.filter(({ text }) => terms.some((term) => occurrences(text, term).next().done));
          return others.filter(({ hashes }) => required.every((hash) => hashes.has(hash))).length / others.length;
        });
        return shares.reduce((sum, share) => sum + share, 0) / shares.length;
      };
      for (const [what, searched, limits] of kinds) {
        it(`${what}, ${when}`, () => {
          expect(searched).to.have.length.above(300);
          expect(confused(searched)).to.be.below(limits[limit]);
        });
      }
    }
  });

  it('are checked equally for each term, and those that exclude most first', () => {
    const first = (query: string, common = unknown) => requiredHashes(termsOf(query), common);
    expect(first('quetzalcoatl', none)).to.have.length(32);
    expect(first('ocasional raridade').slice(0, 2)).to.deep.equal([first('ocasional')[0], first('raridade')[0]]);
    expect(first('"a b"')).to.deep.equal([]);
    // Words that are parts of each other have hashes in common: others take the place of these.
    expect(first('inexistente inexistent inexisten inexiste', none)).to.have.length(32);
    const common = counted(['frequente', 'frequente']);
    expect(first('frequente raro', common)).to.include.members(first('raro', none));
    expect(first('"frequente raro"', common)[0]).to.equal(first('raro', none)[0]);
  });

  it('have fewer hashes for n-grams that many messages contain', () => {
    const rarely = Array.from({ length: 2000 }, (_, at) => (at < 2 ? 'casa' : `${at}`));
    const often = rarely.map((content, at) => (at % 50 === 0 ? 'casa' : content));
    const count = (common: CommonNgrams) => new Set(hashesOf('casa', common)).size;
    expect([none, counted(rarely), counted(often)].map(count)).to.deep.equal([16, 7, 3]);
  });

  it('have a limited list of common n-grams: those of the highest counts', () => {
    const contents = Array.from(
      { length: 2000 },
      (_, at) =>
        `casa ${String.fromCodePoint(...Array.from({ length: 30 }, (_, k) => 0x4e00 + ((at * 30 + k) % 20_000)))}`,
    );
    const { stored } = counted(contents);
    expect(stored).to.have.length.within(3, 16_384);
    expect(new Set(hashesOf('casa', counted(contents))).size, 'casa is most common').to.equal(3);
  });

  it('cover chunks of up to 16 messages, up to 16 chunks in a row of the index, without gaps', () => {
    const message = (id: number, content = `mensagem ${id}`) => ({ id, group_id: 5, sender_id: 1, content });
    const messages = Array.from({ length: 64 * 10 + 63 }, (_, at) => message(100 + 3 * at));
    const chunks = chunksOf(messages);
    expect(chunks.map(({ length }) => length)).to.deep.equal(Array.from({ length: 40 }, () => 16));
    const rows: IndexRow[] = [];
    for (const chunk of chunks) appendChunk(rows, 7, chunk, unknown);
    expect(rows.map(({ ends }) => ends.length)).to.deep.equal([16, 16, 8]);
    expect(rows.map(({ afterId }) => afterId)).to.deep.equal([7, rows[0]?.ends.at(-1), rows[1]?.ends.at(-1)]);
    expect(rows[2]?.ends.at(-1)).to.equal(chunks.at(-1)?.at(-1)?.id);
    const [row] = rows;
    if (!row) throw new Error('no row');
    expect(markMessage(row, 15, chunks[15]?.[10] ?? message(1), unknown)).to.equal(false);
    expect(markMessage(row, 15, message(1, 'quetzal'), unknown)).to.equal(true);
    const [hash = 0] = hashesOf('quetzal', unknown);
    expect(row.slices[hash]).to.be.below(0);
  });

  it('are made in shorter chunks of long messages', () => {
    const messages = Array.from({ length: 64 }, (_, at) => ({
      id: at + 1,
      group_id: 5,
      sender_id: 1,
      content: 'x'.repeat(4096),
    }));
    expect(chunksOf(messages).map(({ length }) => length)).to.deep.equal(Array.from({ length: 64 }, () => 1));
    expect(chunksOf(messages.slice(0, 63))).to.deep.equal([]);
  });
});

describe('Found messages', () => {
  const row = (content: string) => ({
    ...{ id: 1, group_id: 1, group_name: 'g', sender_id: 1, sender: 'ana', is_hook: false, content },
    ...{ created_at: new Date(), edited_at: null },
  });

  it('have a bounded number of marked matches, and their whole text', () => {
    const content = 'ab '.repeat(1365);
    const parts = partsOf(content, termsOf('ab'));
    expect(parts.filter(({ match }) => match)).to.have.length(MAX_MATCHES);
    expect(parts.map(({ text }) => text).join('')).to.equal(content);
  });

  it('are marked in steps, between which the node does other work', async () => {
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    count();
    const found = await foundMessages(
      Array.from({ length: 50 }, () => row('a'.repeat(4096))),
      termsOf('aaa'),
    );
    isDone = true;
    expect(found).to.have.length(50);
    expect(turns).to.be.at.least(25);
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { type Candidate, Candidates } from '../../../../src/chat/search/candidates.ts';
import { fold, foldWithStarts } from '../../../../src/chat/search/folding.ts';
import { foundMessages } from '../../../../src/chat/search/found-messages.ts';
import { MAX_MATCHES, partsOf } from '../../../../src/chat/search/highlights.ts';
import { appendChunk, chunksOf, type IndexPart, markMessage } from '../../../../src/chat/search/indexing/index-rows.ts';
import { type Hashes, requiredHashes, visitHashes } from '../../../../src/chat/search/indexing/signatures.ts';
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

  it('looks for one or two letters as a whole word, and for symbols and ideographs anywhere', () => {
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
    for (const space of ['\n ', '\x7f', '\x80', '\u2028'])
      expect(marked(`bom${space}dia, bom amigo`, '"bom dia"')).to.equal(`[bom${space}dia], bom amigo`);
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
  const LIMITS = { segments: 9, rows: 9 };
  const messages = (groupId: number, from: number, to: number): Candidate => ({ groupId, from, to, level: 'messages' });

  it('are read newest first, and a match is final when no newer message is unread', () => {
    const candidates = new Candidates([messages(3, 1, 49), messages(1, 60, 99), messages(2, 50, 90)]);
    expect(candidates.readFrom).to.equal(100);
    const one = candidates.toRead(1);
    expect(one).to.deep.equal([messages(1, 60, 99)]);
    candidates.report(one, [95, 85], [messages(1, 60, 80)]);
    expect([candidates.readFrom, candidates.certain]).to.deep.equal([91, [95]]);
    const two = candidates.toRead(2);
    expect(two.map(({ groupId }) => groupId)).to.deep.equal([2, 1]);
    candidates.report(two, [], []);
    expect([candidates.readFrom, candidates.certain]).to.deep.equal([50, [95, 85]]);
    const last = candidates.toRead(9);
    expect(last.map(({ groupId }) => groupId)).to.deep.equal([3]);
    candidates.report(last, [], []);
    expect(candidates.readFrom).to.equal(1);
    expect(candidates.toRead(9)).to.deep.equal([]);
  });

  it('count as unread until they have been read completely', () => {
    const candidates = new Candidates([messages(1, 1, 99)]);
    candidates.toRead(9);
    expect(candidates.readFrom).to.equal(100);
  });

  it('are read once no newer part of the index may have matches', () => {
    const [segments, rows]: Candidate[] = [
      { groupId: 2, from: 1, to: 90, level: 'segments' },
      { groupId: 3, from: 70, to: 80, level: 'rows' },
    ];
    if (!segments || !rows) throw new Error('no candidates');
    const candidates = new Candidates([messages(1, 95, 99), segments, messages(1, 60, 69), rows]);
    const toRead = candidates.toRead(9);
    expect(toRead).to.deep.equal([messages(1, 95, 99)]);
    expect(candidates.toProbe(LIMITS)).to.deep.equal([segments]);
    candidates.report(toRead, [97], []);
    expect([candidates.readFrom, candidates.certain]).to.deep.equal([91, [97]]);
    expect(candidates.toRead(9)).to.deep.equal([]);
    candidates.report([segments], [], [{ groupId: 2, from: 41, to: 66, level: 'rows' }]);
    expect([candidates.readFrom, candidates.certain]).to.deep.equal([81, [97]]);
    expect(candidates.toProbe({ ...LIMITS, rows: 1 })).to.deep.equal([rows]);
    expect(candidates.toProbe(LIMITS)).to.have.length(2);
    candidates.report([rows], [], []);
    expect(candidates.toRead(9)).to.deep.equal([messages(1, 60, 69)]);
  });
});

describe('The signatures of the search index', () => {
  const words = fc.constantFrom('ab', 'a', 'casa', 'Reunião', '会議', '37%', 'x.y', '👩', '\u0301', '  ', '"', '-');
  const text = fc.oneof(
    fc.array(words, { maxLength: 8 }).map((parts) => parts.join('')),
    fc.array(words, { maxLength: 8 }).map((parts) => parts.join(' ')),
    anyText(30),
  );

  /** The hashes of a message. */
  const hashesOf = (content: string): Hashes => {
    const hashes: Hashes = { segment: [], row: [] };
    visitHashes(
      { content, sender_id: 7 },
      { segment: (hash) => hashes.segment.push(hash), row: (hash) => hashes.row.push(hash) },
    );
    return hashes;
  };

  it('have every hash that a search for a part of the text requires', () => {
    let found = 0;
    fc.assert(
      fc.property(
        text,
        fc.nat(30),
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        (content, start, length, isPhrase) => {
          const part = [...content].slice(start, start + length).join('');
          const terms = termsOf(isPhrase ? `"${part}"` : part);
          const folded = fold(content);
          const isFound = terms.every((term) => !occurrences(folded, term).next().done);
          if (terms.length === 0 || !isFound) return;
          found++;
          const [all, required] = [hashesOf(content), requiredHashes(terms, 7)];
          expect(all.segment).to.include.members(required.segment);
          expect(all.row).to.include.members(required.row);
        },
      ),
      { numRuns: 2000 },
    );
    expect(found).to.be.above(200);
  });

  describe('exclude most texts that do not contain', () => {
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
    const absentSymbols = [...range(0x4e00, 2000), ...range(0x1f400, 300)].filter((one) => !english.includes(one));
    const words = [...new Set(english.match(/[a-z]{6,10}/g))];

    const kinds: [what: string, searched: string[], limit: Record<keyof Hashes, number>][] = [
      ['three letters', absentWords.filter((_, at) => at % 10 === 0), { row: 0.02, segment: 0.0001 }],
      ['a word of one or two letters', absentShortWords, { row: 0.02, segment: 0.0001 }],
      ['a symbol, an ideograph or an emoji', absentSymbols, { row: 0.02, segment: 0.0001 }],
      ['words of the same language', words, { row: 0.004, segment: 0.001 }],
    ];
    const chunks = texts.map((content) => {
      const { segment, row } = hashesOf(content);
      return { text: content, segment: new Set(segment), row: new Set(row) };
    });
    /** The part of the texts without these words that a level of the index does not exclude, on average. */
    const confused = (searched: string[], level: keyof Hashes) => {
      const shares = searched.map((word) => {
        const terms = termsOf(word);
        const required = requiredHashes(terms)[level];
        const others = chunks.filter(({ text }) => terms.some((term) => occurrences(text, term).next().done));
        return (
          others.filter(({ [level]: hashes }) => required.every((hash) => hashes.has(hash))).length / others.length
        );
      });
      return shares.reduce((sum, share) => sum + share, 0) / shares.length;
    };
    for (const [what, searched, limits] of kinds) {
      it(what, () => {
        expect(searched).to.have.length.above(300);
        expect(confused(searched, 'row')).to.be.below(limits.row);
        expect(confused(searched, 'segment')).to.be.below(limits.segment);
      });
    }

    it('also a text as long as a thousand messages', () => {
      // A part of the text, so that it lacks some of the words.
      const part = english.slice(0, english.length / 2);
      const all = new Set(hashesOf(part).segment);
      const absent = words.filter((word) => !part.includes(word));
      const confused = absent.filter((word) => requiredHashes(termsOf(word)).segment.every((hash) => all.has(hash)));
      expect(absent).to.have.length.above(50);
      expect(confused.length / absent.length).to.be.below(0.05);
    });
  });

  it('are checked evenly across the terms, the most selective first', () => {
    for (const [level, most] of [
      ['segment', 16],
      ['row', 32],
    ] as const) {
      const required = (query: string) => requiredHashes(termsOf(query))[level];
      expect(required('quetzalcoatl ocasional')).to.have.length(most);
      expect(required('ocasional raridade').slice(0, 2)).to.deep.equal([
        required('ocasional')[0],
        required('raridade')[0],
      ]);
      expect(required('"a b"')).to.deep.equal([]);
      // Words that are parts of each other have hashes in common: others take the place of these.
      expect(required('inexistente inexistent inexisten inexiste')).to.have.length(most);
    }
  });

  it('cover chunks of up to 16 messages, up to 16 chunks in a row of the index, without gaps', () => {
    const message = (id: number, content = `mensagem ${id}`) => ({ id, group_id: 5, sender_id: 1, content });
    const messages = Array.from({ length: 64 * 10 + 63 }, (_, at) => message(100 + 3 * at));
    const chunks = chunksOf(messages);
    expect(chunks.map(({ length }) => length)).to.deep.equal(Array.from({ length: 40 }, () => 16));
    const part: IndexPart = { rows: [], segments: [] };
    for (const chunk of chunks) appendChunk(part, 7, chunk);
    const { rows, segments } = part;
    expect(rows.map(({ ends }) => ends.length)).to.deep.equal([16, 16, 8]);
    expect(rows.map(({ afterId }) => afterId)).to.deep.equal([7, rows[0]?.ends.at(-1), rows[1]?.ends.at(-1)]);
    expect(rows[2]?.ends.at(-1)).to.equal(chunks.at(-1)?.at(-1)?.id);
    const [row] = rows;
    const [segment] = segments;
    if (!row || !segment) throw new Error('no row');
    expect({ ...segment, bits: segment.bits.length }).to.deep.equal({
      ...{ groupId: 5, afterId: 7, lastId: rows[2]?.ends.at(-1), chunks: 40, bits: 8000 },
    });
    expect(markMessage({ row, segment }, 15, chunks[15]?.[10] ?? message(1))).to.equal(false);
    expect(markMessage({ row, segment }, 15, message(1, 'quetzal'))).to.equal(true);
    const { row: [hash = 0] = [], segment: [bit = 0] = [] } = hashesOf('quetzal');
    expect(row.slices[hash]).to.be.below(0);
    expect((segment.bits[bit >>> 3] ?? 0) & (1 << (bit & 7))).to.be.above(0);
  });

  it('are in segments of four rows', () => {
    const part: IndexPart = { rows: [], segments: [] };
    for (let id = 1; id <= 16 * 64 + 1; id++) appendChunk(part, 0, [{ id, group_id: 5, sender_id: 1, content: 'olá' }]);
    const { rows, segments } = part;
    expect(segments.map(({ chunks }) => chunks)).to.deep.equal([...Array.from({ length: 16 }, () => 64), 1]);
    expect(segments.map(({ afterId }) => afterId)).to.deep.equal(
      rows.filter((_, at) => at % 4 === 0).map(({ afterId }) => afterId),
    );
    expect(segments.map(({ lastId }) => lastId).slice(0, -1)).to.deep.equal(
      segments.slice(1).map(({ afterId }) => afterId),
    );
  });

  it('have fewer messages in a chunk if these are long', () => {
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

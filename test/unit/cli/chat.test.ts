import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { parseChatArguments } from '../../../src/cli/chat/arguments.ts';
import { Screen } from '../../../src/cli/chat/screen.ts';
import { messageLine, parseTyped, terminalText } from '../../../src/cli/chat/terminal-text.ts';
import { eventually } from '../../support/eventually.ts';

describe('The command-line chat', () => {
  it('parses its arguments as --name value and as --name=value', () => {
    expect(parseChatArguments(['--user', 'ana', '--group=Grupo Geral', '--url', 'http://a, http://b'])).to.deep.equal({
      user: 'ana',
      password: undefined,
      group: 'Grupo Geral',
      urls: ['http://a', 'http://b'],
    });
  });

  for (const [words, sentence] of [
    [[], '--user is required'],
    [['--user'], "Option '--user <value>' argument missing"],
    [['--usr', 'ana'], "Unknown option '--usr'"],
    [['ana'], 'unexpected argument "ana"'],
  ] as const) {
    it(`rejects "${words.join(' ')}": ${sentence}`, () => {
      expect(() => parseChatArguments(words)).to.throw(sentence);
    });
  }

  it('parses messages, commands with quoted words, and messages that start with a slash', () => {
    expect(parseTyped('  ')).to.equal(undefined);
    expect(parseTyped('hello')).to.deep.equal({ kind: 'message', text: 'hello' });
    expect(parseTyped('//etc')).to.deep.equal({ kind: 'message', text: '/etc' });
    expect(parseTyped('/new "Two words" ana bruno')).to.deep.equal({
      kind: 'command',
      name: 'new',
      words: ['Two words', 'ana', 'bruno'],
      rest: '"Two words" ana bruno',
    });
  });
});

describe('Text that the command-line chat prints', () => {
  it('has no control characters or direction marks', () => {
    expect(terminalText('a\x1b[2Jb\x07\u009bc\u202ed')).to.equal('a[2Jbcd');
  });

  it('has the further lines of a message indented', () => {
    const line = messageLine({
      id: 1,
      sender: 'ana',
      sender_id: 1,
      content: 'one\r\ntwo',
      timestamp: '2026-01-01T00:00',
    });
    expect(line).to.equal('00:00 #1  ana: one\n        two');
  });
});

describe('The command-line chat at a terminal', () => {
  it('clears all rows of the typed line before it prints a line above', async () => {
    const input = Object.assign(new PassThrough(), { isTTY: true });
    const output = Object.assign(new PassThrough(), { isTTY: true, columns: 20 });
    const screen = new Screen(input, output);
    screen.print('first');
    output.read();
    input.write('x'.repeat(50));
    await eventually('the typed characters come back', () => output.readableLength >= 50);
    output.read();
    screen.print('second');
    const shown = String(output.read());
    expect(shown.startsWith('\x1b[2A\r\x1b[Jsecond\n'), JSON.stringify(shown)).to.equal(true);
    expect(shown).to.contain(`> ${'x'.repeat(50)}`);
    expect(shown.lastIndexOf('\x1b[2A'), 'the prompt begins below, not two rows above').to.equal(0);
    screen.close();
  });

  it('erases a typed line, wrapped or not, even if the terminal reports a width of 0', () => {
    for (const [columns, rows] of [
      [40, 3],
      [0, 2],
      [undefined, 2],
    ] as const) {
      const output = Object.assign(new PassThrough(), { isTTY: true, ...(columns === undefined ? {} : { columns }) });
      const screen = new Screen(Object.assign(new PassThrough(), { isTTY: true }), output);
      output.read();
      screen.eraseTyped('x'.repeat(100));
      expect(String(output.read())).to.equal('\x1b[1A\x1b[2K\r'.repeat(rows));
      screen.close();
    }
  });
});

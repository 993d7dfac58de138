import { expect } from 'chai';
import { captureWarnings, createLog } from '../../../src/log/log.ts';
import { printable } from '../../../src/log/printable.ts';

const HOSTILE = 'a\u001b[31m\u009b2J\r\nb\u202ec\u2028d\u0000e\u007ff\u200bg\ufeffh\u{e0041}i\ud800';
const SHOWN = 'a\\u001b[31m\\u009b2J\\r\\nb\\u202ec\\u2028d\\u0000e\\u007ff\\u200bg\\ufeffh\\u{e0041}i\\ud800';

/** Returns everything that the log wrote during `act`. */
function written(pretty: boolean, act: (log: ReturnType<typeof createLog>) => void): string {
  let text = '';
  const write = (line: string) => {
    text += line;
  };
  act(createLog({ node: 'node-a', level: 'trace', pretty }, { write, onResume: () => {} }));
  return text;
}

/** Every way in which the nodes log something. */
const WAYS: Record<string, (log: ReturnType<typeof createLog>, text: string) => void> = {
  'a sentence': (log, text) => log.info(`it said ${text}`),
  'a field': (log, text) => log.warn({ url: text }, 'a peer'),
  'the name of a field': (log, text) => log.info({ [text]: 1 }, 'a field'),
  'a list within a field': (log, text) => log.info({ peers: [{ node: text }] }, 'the peers'),
  'the message of an error': (log, text) => log.error({ err: new Error(text) }, 'failed'),
  'the name of an error': (log, text) => log.error({ err: Object.assign(new Error('x'), { name: text }) }, 'failed'),
  'the code of an error': (log, text) => log.error({ err: Object.assign(new Error('x'), { code: text }) }, 'failed'),
  'the cause of an error': (log, text) =>
    log.error({ err: new Error('x', { cause: new Error('y', { cause: new Error(text) }) }) }, 'failed'),
  'one of several errors': (log, text) => log.error({ err: new AggregateError([new Error(text)]) }, 'failed'),
  'what was thrown and is no error': (log, text) => log.error({ err: text }, 'failed'),
};

describe('The log', () => {
  for (const pretty of [false, true]) {
    describe(pretty ? 'for people' : 'in JSON', () => {
      for (const [way, act] of Object.entries(WAYS)) {
        it(`writes control characters and direction marks in ${way} as escapes`, () => {
          const text = written(pretty, (log) => act(log, HOSTILE));
          expect(text.replaceAll('\n', '')).to.not.match(/[\p{Cc}\p{Cs}\u2028-\u202e\u200b\ufeff\u{e0041}]/u);
          const lines = text.trimEnd().split('\n');
          if (pretty) {
            // Only the frames of a stack follow the line itself.
            expect(lines.slice(2).filter((line) => !/^ +at /.test(line))).to.deep.equal([]);
            return;
          }
          expect(lines).to.have.length(1);
          // What a program reads out of it is safe to show, too.
          expect(JSON.stringify(JSON.parse(text))).to.include(JSON.stringify(SHOWN).slice(1, -1));
        });

        it(`bounds ${way}`, () => {
          expect(written(pretty, (log) => act(log, 'x'.repeat(1_000_000))).length).to.be.below(10_000);
        });

        it(`keeps credentials in ${way} to itself`, () => {
          const text = written(pretty, (log) =>
            act(
              log,
              `postgres://ana:p@ss/w@db:5432/chat?password=hunter22 password='hunter 22' Authorization: Bearer ${'k'.repeat(43)} /events?access_token=kkkk`,
            ),
          );
          expect(text).to.not.match(/p@ss|hunter|kkkk/);
        });
      }
    });
  }

  it('does not treat a line of an error’s text as a frame of its stack', () => {
    const error = Object.assign(new Error('bad value: "\n    at the secret (changes)"'), { code: '22P02' });
    expect(written(false, (log) => log.error({ err: error }, 'failed'))).to.not.include('changes');
  });

  it('shortens an error that is its own cause, deep objects and long lists', () => {
    const error: Error = new Error('round');
    error.cause = error;
    let deep: unknown = 'end';
    for (let at = 0; at < 50; at++) deep = { deep };
    const text = written(false, (log) => log.error({ err: error, deep, many: Array(10_000).fill('x') }, 'failed'));
    expect(text.length).to.be.below(20_000);
  });

  it('contains warnings that libraries print as entries, such as the one of Sequelize when a commit fails', () => {
    const { warn } = console;
    try {
      const text = written(false, (log) => {
        captureWarnings(log);
        console.warn('Committing %s failed\nwith', 'x', { code: 1 });
      });
      const [line = '', ...more] = text.trimEnd().split('\n');
      expect(more).to.deep.equal([]);
      expect(JSON.parse(line)).to.include({ event: 'library_warning', level: 20 });
      expect(JSON.parse(line).msg).to.equal('Committing x failed\\nwith { code: 1 }');
    } finally {
      console.warn = warn;
    }
  });

  it('leaves names as people write them, with accents, emoji and joiners', () => {
    const name = 'José, 👩‍💻 devs, علی‌رضا, 中文 C:\\new';
    expect(printable(name)).to.equal(name);
    expect(written(true, (log) => log.info(name))).to.include(name);
  });
});

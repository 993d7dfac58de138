import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { Io } from '../../../src/cli/command/io.ts';
import { proveCommand } from '../../../src/cli/commands/prove.ts';
import type { HistoryRecord, RunAbout, UntimedRecord } from '../../../src/prove/history/history-record.ts';
import { createRandom } from '../../../src/prove/random.ts';
import type { Corruption } from '../../chaos/corruption.ts';
import { CORRUPTIONS } from '../../chaos/corruptions.ts';
import { validHistory } from '../../chaos/valid-history.ts';

/** Collects what a command writes. */
function collect(): Io & { printed: string[]; remarks: string[]; json: unknown[] } {
  const [printed, remarks, json]: [string[], string[], unknown[]] = [[], [], []];
  return {
    printed,
    remarks,
    json,
    print: (text) => void printed.push(text),
    printJson: (value) => void json.push(value),
    notice: (text) => void remarks.push(text),
    clear: () => undefined,
    hasColours: false,
    columns: 80,
  };
}

const ABOUT: RunAbout = {
  command: "plantao prove --minutes 1 --failover-command 'echo <b>'",
  version: '0.1.0',
  startedAt: '2026-11-26T08:00:00.000Z',
  seed: 7,
  nodes: 2,
  leaseMs: 2000,
  rate: 40,
  server: 'db:5432',
  postgres: [{ name: 'Version', value: 'PostgreSQL 15 <script>alert(1)</script>' }],
  remarks: [],
};
const run = (type: 'invoke' | 'ok' | 'fail', more: Partial<Extract<UntimedRecord, { op: 'run' }>> = {}) =>
  ({ op: 'run', type, process: 'prove', node: null, term: null, ...more }) as const;

const history = (seed: number) => validHistory(createRandom(seed), 400);

/** Returns a valid history with one corruption of this kind planted. */
function planted(kind: Corruption['kind']): HistoryRecord[] {
  for (let seed = 1; seed < 50; seed += 1) {
    for (const corruption of CORRUPTIONS.filter((one) => one.kind === kind)) {
      const lines = history(seed);
      if (corruption.apply(lines, createRandom(seed))) return lines;
    }
  }
  throw new Error(`no history was found into which ${kind} can be planted`);
}

describe('plantao prove --check', () => {
  let folder: string;
  let file: string;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'plantao-prove-'));
    file = path.join(folder, 'history.ndjson');
  });
  after(() => rm(folder, { recursive: true }));

  /** Writes a history as a run does, and checks it as a user does. */
  async function check(lines: readonly HistoryRecord[], end: UntimedRecord | null = run('ok'), more: string[] = []) {
    const last = lines.at(-1)?.time ?? 0;
    const ending = end === null ? [] : [{ ...end, time: last + 1 }];
    const all = [{ ...run('invoke', { about: ABOUT }), time: 0 }, ...lines, ...ending];
    await writeFile(file, all.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const io = collect();
    const exit = await proveCommand.run(['--check', file, '--out', folder, ...more], io);
    const page = await readFile(path.join(folder, 'report.html'), 'utf8').catch(() => '');
    return { exit, page, io, text: io.printed.join('\n') };
  }

  it('exits with 0 for a history without a violation, and says what was checked', async () => {
    const { exit, text, page } = await check(history(1));
    expect(text).to.match(/^OK {2}All guarantees kept: [\d,]+ messages through \d+ faults? and \d+ terms?/);
    expect(exit).to.equal(0);
    for (const part of ['No acknowledged message is lost', 'One node is active', ABOUT.server, 'seed 7']) {
      expect(text).to.include(part);
      expect(page).to.include(part);
    }
  });

  const PLANTED: [Corruption['kind'], string][] = [
    ['lost', 'No acknowledged message is lost'],
    ['duplicated', 'No message appears twice'],
    ['reordered', 'All readers see one order'],
    ['two_writers', 'One node is active, and only it writes'],
  ];
  for (const [kind, guarantee] of PLANTED) {
    it(`exits with 1 where ${kind} is planted, and both pages name the message and the guarantee`, async () => {
      const { exit, text, page, io } = await check(planted(kind));
      expect(exit).to.equal(1);
      expect(text).to.match(/^VIOLATED {2}\d+ violations? found/);
      const [sentence = ''] = new RegExp(`^ +${kind} \\(\\d+\\).*\\n +- (.+)`, 'm').exec(text)?.slice(1) ?? [];
      expect(sentence, 'the sentence of the violation').to.match(/\w.*\.$/);
      expect(page).to.include(sentence.replaceAll('"', '&quot;').replaceAll("'", '&#39;'));
      const row = new RegExp(`^ +${guarantee} .* [1-9]\\d*$`, 'm');
      expect(text).to.match(row);
      expect(io.remarks).to.deep.equal([]);
    });
  }

  it('names a loss, a duplicate and a wrong order in one history', async () => {
    const lines = planted('lost');
    const deliveries = lines.filter((line) => line.op === 'read' && (line.values?.length ?? 0) > 1);
    const [first, second] = deliveries as Extract<HistoryRecord, { op: 'read' }>[];
    if (first?.values?.[0]) first.values.push(first.values[0]);
    second?.values?.reverse();
    const { exit, io } = await check(lines, run('ok'), ['--json']);
    const [result] = io.json as { verdict: string; totals: Record<string, number> }[];
    expect(exit).to.equal(1);
    expect(result?.verdict).to.equal('broken');
    expect(Object.keys(result?.totals ?? {})).to.include.members(['lost', 'reordered']);
    expect(
      Object.keys(result?.totals ?? {}).some((kind) => ['duplicated', 'duplicated_unknown'].includes(kind)),
    ).to.equal(true);
  });

  it('exits with 2 for a run that was interrupted, and does not blame the service for its end', async () => {
    const lines = history(3).filter((line) => line.op !== 'stored' && !(line.op === 'read' && line.done));
    const reason = 'PostgreSQL did not respond for 60 s and did not come back';
    const { exit, text } = await check(lines, run('fail', { reason }));
    expect(text).to.match(/^INCOMPLETE {2}The test did not reach its end/);
    expect(text).to.include(reason);
    expect(exit).to.equal(2);
  });

  it('exits with 2 for the history of a run that was killed, wherever it ends', async () => {
    const lines = history(1);
    const step = Math.ceil(lines.length / 40);
    for (let count = step; count < lines.length; count += step) {
      const { exit, text } = await check(lines.slice(0, count), null);
      expect(text, `the first ${count} lines`)
        .to.match(/^INCOMPLETE/)
        .and.include('the run was killed');
      expect(exit).to.equal(2);
    }
    expect((await check(lines, null)).exit, 'all lines but the last').to.equal(2);
  });

  it('exits with 1 for a violation before an interruption', async () => {
    const { exit } = await check(planted('duplicated'), run('fail', { reason: 'PostgreSQL did not come back' }));
    expect(exit).to.equal(1);
  });

  it('writes a page without scripts, in which text from outside is no markup', async () => {
    const { page } = await check(history(1));
    expect(page).to.not.match(/<script|javascript:|https?:\/\//);
    expect(page).to.include('&lt;script&gt;alert(1)&lt;/script&gt;').and.include('echo &lt;b&gt;');
    expect(page).to.match(/<html lang="en">/);
    expect(page).to.include("default-src 'none'");
    expect(page.match(/<th /g)?.length ?? 0).to.be.greaterThan(10);
  });

  it('exits with 2 and one sentence for a file that is not a history', async () => {
    const cases: [string, RegExp][] = [
      ['', /has no posts/],
      ['{"op":"fault"}\n', /line 1 is not a history record/],
      ['{"op":"post"\nnonsense}\n', /line 2 is not a history record/],
    ];
    for (const [content, sentence] of cases) {
      await writeFile(file, content);
      const io = collect();
      expect(await proveCommand.run(['--check', file], io)).to.equal(2);
      expect(io.remarks.join()).to.match(sentence);
    }
    const io = collect();
    expect(await proveCommand.run(['--check', path.join(folder, 'none')], io)).to.equal(2);
    expect(io.remarks.join()).to.match(/the history cannot be read/);
  });
});

describe('The arguments of plantao prove', () => {
  const WRONG: [string[], RegExp][] = [
    [['--minutes', '0'], /--minutes must be a number from 0.1 to 1440, not "0"/],
    [['--nodes', '1'], /--nodes must be a whole number from 2 to 7/],
    [['--nodes', '2.5'], /--nodes must be a whole number/],
    [['--rate', ''], /--rate must be a whole number/],
    [['--faults', 'earthquake'], /no fault's name contains "earthquake"/],
    [['--database', 'postgres://a:b@c/d'], /give a URL with --url/],
    [['--database', ' '], /--database is empty/],
    [['--frobnicate'], /Unknown option '--frobnicate'/],
  ];
  for (const [args, sentence] of WRONG) {
    it(`are refused with exit code 2: ${args.join(' ')}`, async () => {
      const io = collect();
      expect(await proveCommand.run(args, io)).to.equal(2);
      expect(io.remarks.join()).to.match(sentence);
      expect(io.printed).to.deep.equal([]);
      const asJson = collect();
      expect(await proveCommand.run([...args, '--json'], asJson)).to.equal(2);
      expect(JSON.stringify(asJson.json)).to.include('"verdict":"incomplete"');
    });
  }
});

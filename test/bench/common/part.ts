import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { wholeOption } from '../../../src/terminal/arguments.ts';
import { programArguments } from '../../support/run/arguments.ts';
import { plot } from './plot.ts';
import { Progress } from './progress.ts';
import { runSection, type Section, type SectionResult, showSection } from './section.ts';

/** Folder for results, plots and profiles, ignored by git. */
export const RESULTS = fileURLToPath(new URL('../../../.bench', import.meta.url));

/** The content of `.bench/<name>.json`. */
export interface PartResult {
  name: string;
  title: string;
  at: string;
  machine: { cpu: string; cores: number; memoryGb: number; node: string; load: number };
  sections: SectionResult[];
  remarks: string[];
}

/** The tools of a part of the benchmark. */
export interface Bench {
  rounds: number;
  /** True if `--rounds` names their number. */
  hasOwnRounds: boolean;
  /** The number that `--rows` or `--messages` names; null if it is not given. */
  size(option: 'rows' | 'messages'): number | null;
  /** A short run that shows that everything works; its figures are not meaningful. */
  isQuick: boolean;
  /** Returns whether to run a section, by part of its title (`--only`). */
  wants(title: string): boolean;
  /** Returns the file for a CPU profile, or null without `--profile`. */
  profileFile(name: string): string | null;
  progress: Progress;
  /** Measures a section, prints it and adds it to the results. */
  section(section: Section): Promise<SectionResult>;
  /** Prints a remark and adds it to the results. */
  remark(text: string | null): void;
  /** Runs `stop` at the end, in reverse order, also after Ctrl-C. */
  defer(stop: () => Promise<unknown>): void;
}

const USAGE = `npm run bench:PART -- [--rounds N] [--quick] [--only TEXT] [--profile] [--rows N] [--messages N]
  --rounds    how often each figure is measured; the median is shown
  --quick     one short round, which only shows that everything works
  --only      only sections whose title contains the text, and of bench:failover only such faults
  --profile   write CPU profiles into .bench/, where the part has any
  --rows      size of the large table (history, retention, log)
  --messages  number of messages (search)`;

/** Runs a part of the benchmark: `--rounds N`, `--quick`, `--only <part of a section's title>`, `--profile`. */
export async function runPart(name: string, title: string, work: (bench: Bench) => Promise<void>): Promise<void> {
  const options = partOptions();
  const load = os.loadavg()[0] ?? 0;
  await mkdir(RESULTS, { recursive: true });
  const results: Results = { sections: [], remarks: [] };
  const progress = new Progress();
  const cleanUps = new CleanUps();
  try {
    await work(benchOf(name, options, { results, progress, cleanUps }));
  } finally {
    await cleanUps.finish();
  }
  await save({ name, title, at: new Date().toISOString(), machine: machine(load), ...results });
  progress.clear();
}

type PartOptions = ReturnType<typeof partOptions>;
type Results = Pick<PartResult, 'sections' | 'remarks'>;

/** Reads the arguments of the program; prints its usage and exits if they are not valid. */
function partOptions() {
  const size = (name: string, value: string | undefined) =>
    value === undefined ? null : wholeOption(name, value, 1, 1e9);
  return programArguments(
    USAGE,
    {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      profile: { type: 'boolean', default: false },
      rows: { type: 'string' },
      messages: { type: 'string' },
    },
    ({ rounds, rows, messages, ...values }) => ({
      ...values,
      rounds: wholeOption('rounds', rounds ?? '5', 1, 1000),
      hasOwnRounds: rounds !== undefined,
      sizes: { rows: size('rows', rows), messages: size('messages', messages) },
    }),
  );
}

/** What is to be stopped at the end, in reverse order, also after Ctrl-C. */
class CleanUps {
  readonly #all: (() => Promise<unknown>)[] = [];
  readonly #interrupted = () => void this.#run().finally(() => process.exit(130));

  constructor() {
    process.once('SIGINT', this.#interrupted).once('SIGTERM', this.#interrupted);
  }

  add(stop: () => Promise<unknown>): void {
    this.#all.push(stop);
  }

  async finish(): Promise<void> {
    await this.#run();
    process.off('SIGINT', this.#interrupted).off('SIGTERM', this.#interrupted);
  }

  async #run(): Promise<void> {
    for (const stop of this.#all.splice(0).reverse()) await stop().catch((error) => console.error(error));
  }
}

/** Returns the tools of a part, which print and collect its results. */
function benchOf(
  name: string,
  options: PartOptions,
  { results, progress, cleanUps }: { results: Results; progress: Progress; cleanUps: CleanUps },
): Bench {
  const { quick, only, profile, sizes, hasOwnRounds } = options;
  const rounds = quick ? 1 : options.rounds;
  const print = (text: string) => {
    progress.clear();
    console.log(`\n${text}`);
  };
  return {
    rounds,
    hasOwnRounds,
    size: (option) => sizes[option],
    isQuick: quick,
    wants: (section) => section.toLowerCase().includes(only.toLowerCase()),
    profileFile: (what) => (profile ? `${RESULTS}/${name}-${what}.cpuprofile` : null),
    progress,
    async section(section) {
      const result = await runSection(section, rounds, progress);
      print(showSection(result));
      results.sections.push(result);
      return result;
    },
    remark(text) {
      if (text === null || results.remarks.includes(text)) return;
      results.remarks.push(text);
      print(text);
    },
    defer: (stop) => cleanUps.add(stop),
  };
}

async function save(result: PartResult): Promise<void> {
  await writeFile(`${RESULTS}/${result.name}.json`, `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(`${RESULTS}/${result.name}.svg`, plot(result.title, result.sections));
  console.log(`\nresults: .bench/${result.name}.json, plot: .bench/${result.name}.svg`);
}

function machine(load: number): PartResult['machine'] {
  const [first] = os.cpus();
  return {
    cpu: first?.model ?? 'unknown',
    cores: os.cpus().length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    node: process.version,
    load,
  };
}

import { access, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorMessage } from '../../error-message.ts';
import { printable } from '../../log/printable.ts';
import { PROVE_USAGE, type ProveArguments, parseProveArguments, repeatCommand } from '../../prove/arguments.ts';
import type { CheckResult } from '../../prove/checker/check-result.ts';
import { checkFile } from '../../prove/checker/checker.ts';
import { LiveOutput } from '../../prove/live-output.ts';
import { prove } from '../../prove/prove.ts';
import { ProveError } from '../../prove/prove-error.ts';
import { htmlReport } from '../../prove/report/html-report.ts';
import { type ReportFiles, textReport } from '../../prove/report/text-report.ts';
import { processEnvironment } from '../../settings/process-environment.ts';
import { readDatabaseSettings } from '../../settings.ts';
import type { Command } from '../command/command.ts';
import { describeFailure, Exit, type ExitCode } from '../command/exit.ts';
import type { Io } from '../command/io.ts';

/** The test could not start or could not finish. */
const INCOMPLETE: ExitCode = 2;

/** `plantao prove` */
export const proveCommand: Command = {
  usage: PROVE_USAGE,
  async run(args, io) {
    const live = new LiveOutput({
      write: (text) => void process.stderr.write(text),
      isTerminal: process.stderr.isTTY === true,
      columns: () => process.stderr.columns ?? 80,
    });
    let asJson = args.includes('--json');
    try {
      const options = parseProveArguments(args);
      asJson = options.json;
      return options.check === null ? await runTest(options, io, live) : await checkAgain(options.check, options, io);
    } catch (error) {
      live.clear();
      const sentence = error instanceof ProveError ? error.message : describeFailure(error).sentence;
      if (asJson) io.printJson({ verdict: 'incomplete', error: sentence });
      else io.notice(`plantao prove: ${sentence}`);
      return INCOMPLETE;
    }
  },
};

async function runTest(options: ProveArguments, io: Io, live: LiveOutput): Promise<ExitCode> {
  const env = processEnvironment();
  const given = options.url === null ? env : { DATABASE_URL: options.url };
  const { databaseUrl: url, databaseDirectUrl: directUrl } = readDatabaseSettings(given);
  const folder = path.resolve(options.out ?? `plantao-prove-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`);
  const signals = listenForSignals(live);
  try {
    const { result, history, leftover } = await prove({
      ...options,
      ...signals,
      urls: { url, directUrl },
      folder,
      env,
      command: printable(repeatCommand(options)),
      listener: live,
    });
    live.clear();
    return await report(result, history, folder, leftover, options, io);
  } finally {
    signals.stop();
  }
}

/** The first Ctrl-C ends the faults, the second ends the run at once; both clean up. The third exits. */
function listenForSignals(live: LiveOutput) {
  const end = new AbortController();
  const force = new AbortController();
  const onSignal = () => {
    if (force.signal.aborted) process.exit(130);
    if (end.signal.aborted) {
      live.say('stopping at once (press Ctrl-C again to exit without removing the database)');
      force.abort();
    } else {
      live.say('ending the faults, reading to the end, checking, cleaning up (press Ctrl-C again to stop at once)');
      end.abort();
    }
  };
  // The nodes and the database are removed even after an error that nothing caught.
  const onError = (error: unknown) => {
    live.say(`an error of plantao prove itself: ${errorMessage(error)}`);
    end.abort();
    force.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  process.on('uncaughtException', onError).on('unhandledRejection', onError);
  return {
    end: end.signal,
    force: force.signal,
    stop() {
      for (const signal of signals) process.off(signal, onSignal);
      process.off('uncaughtException', onError).off('unhandledRejection', onError);
    },
  };
}

async function checkAgain(file: string, options: ProveArguments, io: Io): Promise<ExitCode> {
  await access(file).catch((error) => {
    throw new ProveError(`the history cannot be read (${errorMessage(error)})`);
  });
  const result = await checkFile(file, { mayLose: true }).catch((error) => {
    throw new ProveError(`${file} is not a history of plantao prove: ${errorMessage(error)}`);
  });
  if (result.counts.posts === 0) throw new ProveError(`${file} has no posts: it is not a history of plantao prove`);
  return report(result, file, options.out === null ? null : path.resolve(options.out), null, options, io);
}

async function report(
  result: CheckResult,
  history: string,
  folder: string | null,
  leftover: string | null,
  options: ProveArguments,
  io: Io,
): Promise<ExitCode> {
  const shown = pathToShow(history);
  const files: ReportFiles = { history: shown, checkCommand: `plantao prove --check ${shown}` };
  const text = textReport(result, files);
  if (folder !== null) {
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'report.txt'), text);
    await writeFile(path.join(folder, 'report.html'), htmlReport(result, files));
  }
  const exit = exitOf(result);
  const verdict = { 0: 'kept', 1: 'broken', 2: 'incomplete' }[exit as 0 | 1 | 2];
  if (options.json) io.printJson({ verdict, ...result, history: shown, folder, leftover });
  else {
    io.print(text.trimEnd());
    if (folder !== null) io.print(`\nreport: ${pathToShow(path.join(folder, 'report.html'))}`);
  }
  if (leftover !== null) io.notice(leftover);
  return exit;
}

/** Returns a path as it is shown: relative in or below the current folder, where that is shorter. */
function pathToShow(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative === '' || relative.startsWith('..') ? path.resolve(file) : relative;
}

function exitOf({ valid, interruption }: CheckResult): ExitCode {
  if (!valid) return Exit.FAILED;
  return interruption === null ? Exit.OK : INCOMPLETE;
}

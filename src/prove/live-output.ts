import { printable } from '../log/printable.ts';
import type { ProveListener, ProveProgress } from './progress.ts';

/** In a file or pipe, progress is written this often, ms. */
const PLAIN_EVERY_MS = 15_000;

/** The stream for progress: standard error, so that standard output has the result only. */
export interface LiveTarget {
  write(text: string): void;
  isTerminal: boolean;
  /** Columns of the terminal now. */
  columns(): number;
}

/** Shows the progress of a run: a line that is overwritten on a terminal, lines in a file or pipe. */
export class LiveOutput implements ProveListener {
  readonly #target: LiveTarget;
  #line = '';
  #wroteAt = Number.NEGATIVE_INFINITY;

  constructor(target: LiveTarget) {
    this.#target = target;
  }

  readonly say = (sentence: string): void => {
    const line = this.#line;
    this.clear();
    this.#target.write(`${new Date().toISOString().slice(11, 19)} ${printable(sentence)}\n`);
    this.#line = line;
    this.#draw();
  };

  progress(state: ProveProgress): void {
    const line = progressLine(state);
    if (this.#target.isTerminal) {
      this.clear();
      this.#line = line;
      this.#draw();
    } else if (performance.now() - this.#wroteAt >= PLAIN_EVERY_MS) {
      this.#wroteAt = performance.now();
      this.say(line);
    }
  }

  /** Removes the line of progress, before the report. */
  clear(): void {
    if (this.#line !== '') this.#target.write('\r\u001b[K');
    this.#line = '';
  }

  #draw(): void {
    // A line that wraps could not be overwritten.
    if (this.#line !== '') this.#target.write(this.#line.slice(0, Math.max(20, this.#target.columns() - 1)));
  }
}

const PHASES = { faults: 'left', healing: 'healing', 'reading to the end': 'reading to the end' } as const;

function progressLine({ phase, leftMs, posts, acknowledged, faults, term, running }: ProveProgress): string {
  const whole = Math.ceil(leftMs / 1000);
  const clock = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')} `;
  const where = `${phase === 'faults' ? clock : ''}${PHASES[phase]}`;
  const counts = `${posts} posts, ${acknowledged} acknowledged · fault ${faults} · term ${term}`;
  return `${where} · ${counts}${running === '' ? '' : ` · now: ${running}`}`;
}

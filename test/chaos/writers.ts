import { setTimeout as pause } from 'node:timers/promises';
import { post } from '../support/http.ts';
import type { Crowd } from './crowd.ts';
import { type Outcome, outcomeOf, outcomeOfError } from './outcome.ts';
import { createRandom, type Random } from './random.ts';
import type { Rig } from './rig.ts';
import type { SupervisedNode } from './supervised-node.ts';

/** One text on its way, under a key or not. */
export interface Letter {
  value: string;
  group: number;
  key: string | null;
}

/** What every writer gets. */
export interface WriterOptions {
  rig: Rig;
  crowd: Crowd;
  name: string;
  user: number;
  /** Posts a second while all goes well. */
  rate: number;
  seed: number;
  signal: AbortSignal;
}

/** A client gives up waiting after so long, ms. Drawn anew for each post: a late commit must not fall into step. */
const PATIENCE_MS: [number, number] = [400, 2500];
/** After a failure the next try waits so long, ms. */
const BACKOFF_MS: [number, number] = [10, 80];

/** A writer: draws texts and groups, keeps its pace, writes the history. Subclasses say what is sent where. */
abstract class Writer {
  protected readonly options: WriterOptions;
  protected readonly random: Random;
  #count = 0;

  constructor(options: WriterOptions) {
    this.options = options;
    this.random = createRandom(options.seed);
  }

  /** Writes until the signal; resolves when the last post has ended. */
  async run(): Promise<void> {
    const { rate, signal } = this.options;
    while (!signal.aborted) {
      await this.step();
      // Exponential pauses: writers that were held up together do not go on in step.
      await pause((-Math.log(1 - this.random.next()) * 1000) / rate, undefined, { signal }).catch(() => undefined);
    }
  }

  protected abstract step(): Promise<void>;

  protected letter(keyed: boolean): Letter {
    const value = `${this.options.name}-${this.#count++}`;
    return { value, group: this.random.pick(this.options.crowd.groups), key: keyed ? value : null };
  }

  /** One post, recorded from begin to end. `process` differs from the writer's where two go side by side. */
  protected async record(
    letter: Letter,
    node: string | null,
    send: () => Promise<Outcome>,
    process = this.options.name,
  ): Promise<Outcome> {
    const { history } = this.options.rig;
    const line = { op: 'post', process, node, term: null, ...letter } as const;
    history.record({ ...line, type: 'invoke' });
    const outcome = await send();
    if (outcome.type === 'ok') history.record({ ...line, ...outcome });
    else history.record({ ...line, type: outcome.type, reason: outcome.reason });
    return outcome;
  }

  protected backOff(): Promise<unknown> {
    const { signal } = this.options;
    return pause(this.random.spread(...BACKOFF_MS), undefined, { signal }).catch(() => undefined);
  }
}

/** Posts straight to nodes and never again by itself, so that what is recorded is exactly one request. */
abstract class RawWriter extends Writer {
  #target: SupervisedNode | null = null;

  protected target(): SupervisedNode {
    this.#target ??= this.random.pick(this.options.rig.nodes);
    return this.#target;
  }

  protected async post(letter: Letter, node = this.target(), process = this.options.name): Promise<Outcome> {
    const { user } = this.options;
    const headers: Record<string, string> = letter.key === null ? {} : { 'Idempotency-Key': letter.key };
    const body = { userId: user, groupId: letter.group, content: letter.value };
    const deadline = this.random.spread(...PATIENCE_MS);
    const send = () => post(`${node.url}/messages`, body, { headers, deadline }).then(outcomeOf, outcomeOfError);
    const outcome = await this.record(letter, node.name, send, process);
    this.#follow(outcome);
    return outcome;
  }

  #follow(outcome: Outcome): void {
    if (outcome.type === 'ok') return;
    const named = outcome.type === 'fail' ? this.options.rig.byUrl(outcome.activeUrl) : null;
    this.#target = named !== null && named !== this.#target ? named : this.random.pick(this.options.rig.nodes);
  }
}

/** Writes without keys and without a second try: what fails is refused, what is in doubt stays so. */
export class OnceWriter extends RawWriter {
  protected async step(): Promise<void> {
    if ((await this.post(this.letter(false))).type !== 'ok') await this.backOff();
  }
}

/**
 * Writes with keys, and plays the careless client: tries again what was in doubt, on any node; sends some twice at once
 * to two nodes; asks some again after they were answered.
 */
export class KeyWriter extends RawWriter {
  protected async step(): Promise<void> {
    const letter = this.letter(true);
    const twin = `${this.options.name}-twin`;
    const tries = this.random.whole(1, 6);
    for (let left = tries; left > 0; left -= 1) {
      const sending = [this.post(letter)];
      if (this.random.chance(0.15)) sending.push(this.post(letter, this.random.pick(this.options.rig.nodes), twin));
      const outcomes = await Promise.all(sending);
      if (outcomes.some(({ type }) => type === 'ok')) break;
      await this.backOff();
    }
    if (this.random.chance(0.1)) await this.post(letter, this.random.pick(this.options.rig.nodes));
  }
}

/** Writes through anything that sends by itself until it has an answer. */
export class ClientWriter extends Writer {
  readonly #send: (letter: Letter) => Promise<Outcome>;

  constructor(options: WriterOptions, send: (letter: Letter) => Promise<Outcome>) {
    super(options);
    this.#send = send;
  }

  protected async step(): Promise<void> {
    const letter = this.letter(true);
    const outcome = await this.record(letter, null, () => this.#send(letter));
    if (outcome.type !== 'ok') await this.backOff();
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { post } from '../http.ts';
import { createRandom, type Random } from '../random.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import type { SupervisedNode } from '../rig/supervised-node.ts';
import type { ChatFixture } from './chat-fixture.ts';
import { type Outcome, outcomeOfError, outcomeOfResponse } from './outcome.ts';

/** A message to post, with an idempotency key or without. */
export interface OutgoingMessage {
  value: string;
  group: number;
  key: string | null;
}

/** Options of a writer. */
export interface WriterOptions {
  rig: NodeRig;
  fixture: ChatFixture;
  name: string;
  user: number;
  /** Posts per second without faults. */
  rate: number;
  seed: number;
  signal: AbortSignal;
}

/** Timeout of a post, ms. Chosen for each post, so that late commits and timeouts do not synchronise. */
const TIMEOUT_MS: [number, number] = [400, 2500];
/** Delay before the next try after a failure, ms. */
const BACKOFF_MS: [number, number] = [10, 80];

/** Posts messages to random groups at a rate and records them in the history. Subclasses choose what to send where. */
abstract class Writer {
  protected readonly options: WriterOptions;
  protected readonly random: Random;
  #count = 0;

  constructor(options: WriterOptions) {
    this.options = options;
    this.random = createRandom(options.seed);
  }

  /** Writes until the signal. Resolves when the last post has ended. */
  async run(): Promise<void> {
    const { rate, signal } = this.options;
    while (!signal.aborted) {
      await this.step();
      // Exponential pauses: writers that were blocked together do not continue in lockstep.
      await sleep((-Math.log(1 - this.random.next()) * 1000) / rate, undefined, { signal }).catch(() => undefined);
    }
  }

  protected abstract step(): Promise<void>;

  protected nextMessage(keyed: boolean): OutgoingMessage {
    const value = `${this.options.name}-${this.#count++}`;
    return { value, group: this.random.pick(this.options.fixture.groups), key: keyed ? value : null };
  }

  /** Sends one post and records its start and end. `process` differs from the writer's name for concurrent posts. */
  protected async record(
    message: OutgoingMessage,
    node: string | null,
    send: () => Promise<Outcome>,
    process = this.options.name,
  ): Promise<Outcome> {
    const { history } = this.options.rig;
    const line = { op: 'post', process, node, term: null, ...message } as const;
    history.record({ ...line, type: 'invoke' });
    const outcome = await send();
    if (outcome.type === 'ok') history.record({ ...line, ...outcome });
    else history.record({ ...line, type: outcome.type, reason: outcome.reason });
    return outcome;
  }

  protected backOff(): Promise<unknown> {
    const { signal } = this.options;
    return sleep(this.random.logUniform(...BACKOFF_MS), undefined, { signal }).catch(() => undefined);
  }
}

/** Posts to nodes directly, without automatic retries, so that each record is exactly one request. */
abstract class RawWriter extends Writer {
  #target: SupervisedNode | null = null;

  protected target(): SupervisedNode {
    this.#target ??= this.random.pick(this.options.rig.nodes);
    return this.#target;
  }

  protected async post(message: OutgoingMessage, node = this.target(), process = this.options.name): Promise<Outcome> {
    const { user } = this.options;
    const headers: Record<string, string> = message.key === null ? {} : { 'Idempotency-Key': message.key };
    const body = { userId: user, groupId: message.group, content: message.value };
    const deadline = this.random.logUniform(...TIMEOUT_MS);
    const send = () =>
      post(`${node.url}/messages`, body, { headers, deadline }).then(outcomeOfResponse, outcomeOfError);
    const outcome = await this.record(message, node.name, send, process);
    this.#follow(outcome);
    return outcome;
  }

  #follow(outcome: Outcome): void {
    if (outcome.type === 'ok') return;
    const named = outcome.type === 'fail' ? this.options.rig.byUrl(outcome.activeUrl) : null;
    this.#target = named !== null && named !== this.#target ? named : this.random.pick(this.options.rig.nodes);
  }
}

/** Writes without keys and without retries: a failed post stays refused or unknown. */
export class OnceWriter extends RawWriter {
  protected async step(): Promise<void> {
    if ((await this.post(this.nextMessage(false))).type !== 'ok') await this.backOff();
  }
}

/**
 * Writes with keys, like a careless client: retries unknown outcomes on any node, sends some posts to two nodes at once,
 * and repeats some after they were acknowledged.
 */
export class KeyWriter extends RawWriter {
  protected async step(): Promise<void> {
    const message = this.nextMessage(true);
    const twin = `${this.options.name}-twin`;
    const tries = this.random.integer(1, 6);
    for (let left = tries; left > 0; left -= 1) {
      const sending = [this.post(message)];
      if (this.random.chance(0.15)) sending.push(this.post(message, this.random.pick(this.options.rig.nodes), twin));
      const outcomes = await Promise.all(sending);
      if (outcomes.some(({ type }) => type === 'ok')) break;
      await this.backOff();
    }
    if (this.random.chance(0.1)) await this.post(message, this.random.pick(this.options.rig.nodes));
  }
}

/** Writes through a client that retries by itself. */
export class ClientWriter extends Writer {
  readonly #send: (message: OutgoingMessage) => Promise<Outcome>;

  constructor(options: WriterOptions, send: (message: OutgoingMessage) => Promise<Outcome>) {
    super(options);
    this.#send = send;
  }

  protected async step(): Promise<void> {
    const message = this.nextMessage(true);
    const outcome = await this.record(message, null, () => this.#send(message));
    if (outcome.type !== 'ok') await this.backOff();
  }
}

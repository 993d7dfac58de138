import type { DeliveredMessage, HistoryRecord, UntimedRecord } from '../../src/prove/history/history-record.ts';
import type { Random } from '../../src/prove/random.ts';

const NODES = ['a', 'b', 'c'];
const GROUPS = [1, 2];

/** A message in the model's log. */
interface Entry {
  value: string;
  group: number;
  message: number;
  position: number;
  node: string;
  term: number;
}

/** A pending post: committed or not, and the term of the node that will respond. */
interface PendingPost {
  process: string;
  value: string;
  group: number;
  key: string | null;
  committedIn: { node: string; term: number } | null;
}

interface Follower {
  process: string;
  groups: number[];
  read: number;
}

/** A simple model of the service: a log, a term, and posts that are committed while they are pending. */
class Model {
  readonly records: HistoryRecord[] = [];
  readonly #random: Random;
  readonly #log: Entry[] = [];
  readonly #pending: PendingPost[] = [];
  readonly #retriable: PendingPost[] = [];
  readonly #followers: Follower[];
  #time = 0;
  #term = 1;
  #owner = 'a';
  #position: number;
  #values = 0;
  #faults = 0;
  #fault: { process: string; kind: string } | null = null;

  constructor(random: Random) {
    this.#random = random;
    this.#position = random.integer(0, 5);
    this.#followers = Array.from({ length: random.integer(1, 4) }, (_, index) => {
      const groups = index === 0 || random.chance(0.3) ? GROUPS : [random.pick(GROUPS)];
      return { process: `r${index}`, groups, read: 0 };
    });
    this.#recordTerm();
    for (const { process, groups } of this.#followers) {
      this.#add({ op: 'read', type: 'invoke', process, node: null, term: null, groups, from: this.#position });
    }
  }

  #add(record: UntimedRecord): void {
    this.#time += this.#random.integer(1, 50);
    this.records.push({ ...record, time: this.#time });
  }

  #recordTerm(): void {
    this.#add({ op: 'term', type: 'ok', process: 'observer', node: this.#owner, term: this.#term });
  }

  begin(): void {
    const process = `w${this.#random.integer(0, 3)}`;
    if (this.#pending.some((post) => post.process === process)) return;
    const again = this.#retriable.pop();
    const value = again?.value ?? `m${this.#values++}`;
    const group = again?.group ?? this.#random.pick(GROUPS);
    const key = again ? again.key : this.#random.chance(0.5) ? value : null;
    this.#pending.push({ process, value, group, key, committedIn: null });
    this.#add({ op: 'post', type: 'invoke', process, node: null, term: null, value, group, key });
  }

  commit(): void {
    const post = this.#pending.find((one) => one.committedIn === null);
    if (!post) return;
    post.committedIn = { node: this.#owner, term: this.#term };
    if (this.#log.some((entry) => entry.value === post.value)) return;
    this.#position += this.#random.integer(1, 3);
    const { value, group } = post;
    const message = 100 + this.#log.length;
    this.#log.push({ value, group, message, position: this.#position, node: this.#owner, term: this.#term });
  }

  finish(): void {
    const index = this.#random.integer(0, this.#pending.length - 1);
    const [post] = this.#pending.splice(index, 1);
    if (!post) return;
    const { process, value, group, key, committedIn } = post;
    const line = { op: 'post', process, value, group, key, node: null, term: null } as const;
    const entry = this.#log.find((one) => one.value === value);
    if (committedIn && entry && this.#random.chance(0.8)) {
      const { message, position } = entry;
      this.#add({ ...line, ...committedIn, type: 'ok', message, position });
      // Sometimes the key is used again, for the same acknowledgement.
      if (key !== null && this.#random.chance(0.2)) this.#retriable.push(post);
    } else if (!committedIn && this.#random.chance(0.5)) {
      this.#add({ ...line, type: 'fail', reason: '503 not_active' });
    } else {
      this.#add({ ...line, type: 'unknown', reason: 'ECONNRESET' });
      if (key !== null && this.#random.chance(0.7)) this.#retriable.push(post);
    }
  }

  read(follower: Follower = this.#random.pick(this.#followers), limit = this.#random.integer(1, 5)): void {
    const page = this.#log.slice(follower.read, follower.read + limit);
    follower.read += page.length;
    const values = page
      .filter(({ group }) => follower.groups.includes(group))
      .map(({ position, message, value, group }): DeliveredMessage => [position, message, value, group]);
    const { process } = follower;
    if (values.length > 0) this.#add({ op: 'read', type: 'ok', process, node: null, term: null, values });
  }

  /** Begins a fault, which ends the term; heals it if there is one. */
  toggleFault(): void {
    if (this.#fault) {
      this.#add({ op: 'fault', type: 'ok', ...this.#fault, node: this.#owner, term: null });
      this.#fault = null;
      return;
    }
    this.#fault = { process: `f${this.#faults++}`, kind: 'kill' };
    this.#add({ op: 'fault', type: 'invoke', ...this.#fault, node: this.#owner, term: null });
    this.#owner = this.#random.pick(NODES.filter((node) => node !== this.#owner));
    this.#term += 1;
    this.#recordTerm();
  }

  /** Heals the fault, accepts one more write, lets all readers reach the head, and records the table. */
  end(): void {
    if (this.#fault) this.toggleFault();
    while (this.#pending.length > 0) this.finish();
    const [process, value, group] = ['w9', `m${this.#values++}`, this.#random.pick(GROUPS)];
    const line = { op: 'post', process, value, group, key: null } as const;
    this.#add({ ...line, type: 'invoke', node: null, term: null });
    this.#position += 1;
    const stored = { value, group, message: 100 + this.#log.length, position: this.#position };
    const { message, position } = stored;
    this.#log.push({ ...stored, node: this.#owner, term: this.#term });
    this.#add({ ...line, type: 'ok', node: this.#owner, term: this.#term, message, position });
    for (const follower of this.#followers) {
      while (follower.read < this.#log.length) this.read(follower);
      this.#add({ op: 'read', type: 'ok', process: follower.process, node: null, term: null, done: true });
    }
    for (const entry of this.#log) this.#add({ op: 'stored', type: 'ok', process: 'observer', ...entry });
  }
}

/** Creates a history without violations, from `steps` random steps of writers, readers and faults. */
export function validHistory(random: Random, steps: number): HistoryRecord[] {
  const model = new Model(random);
  for (let step = 0; step < steps; step += 1) {
    const choice = random.next();
    if (choice < 0.3) model.begin();
    else if (choice < 0.55) model.commit();
    else if (choice < 0.78) model.finish();
    else if (choice < 0.94) model.read();
    else model.toggleFault();
  }
  model.end();
  return model.records;
}

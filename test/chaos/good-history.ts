import type { HistoryRecord, Sighting, UntimedRecord } from './history-record.ts';
import type { Random } from './random.ts';

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

/** A post under way: committed or not, and the term of the node that will answer. */
interface Open {
  process: string;
  value: string;
  group: number;
  key: string | null;
  answeredIn: { node: string; term: number } | null;
}

interface Follower {
  process: string;
  groups: number[];
  read: number;
}

/** A plain model of the service: a log, a term, posts that are committed at some moment while they are under way. */
class Model {
  readonly records: HistoryRecord[] = [];
  readonly #random: Random;
  readonly #log: Entry[] = [];
  readonly #open: Open[] = [];
  readonly #doubtful: Open[] = [];
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
    this.#position = random.whole(0, 5);
    this.#followers = Array.from({ length: random.whole(1, 4) }, (_, index) => {
      const groups = index === 0 || random.chance(0.3) ? GROUPS : [random.pick(GROUPS)];
      return { process: `r${index}`, groups, read: 0 };
    });
    this.#seen();
    for (const { process, groups } of this.#followers) {
      this.#add({ op: 'read', type: 'invoke', process, node: null, term: null, groups, from: this.#position });
    }
  }

  #add(record: UntimedRecord): void {
    this.#time += this.#random.whole(1, 50);
    this.records.push({ ...record, time: this.#time });
  }

  #seen(): void {
    this.#add({ op: 'term', type: 'ok', process: 'witness', node: this.#owner, term: this.#term });
  }

  begin(): void {
    const process = `w${this.#random.whole(0, 3)}`;
    if (this.#open.some((post) => post.process === process)) return;
    const again = this.#doubtful.pop();
    const value = again?.value ?? `m${this.#values++}`;
    const group = again?.group ?? this.#random.pick(GROUPS);
    const key = again ? again.key : this.#random.chance(0.5) ? value : null;
    this.#open.push({ process, value, group, key, answeredIn: null });
    this.#add({ op: 'post', type: 'invoke', process, node: null, term: null, value, group, key });
  }

  commit(): void {
    const post = this.#open.find((one) => one.answeredIn === null);
    if (!post) return;
    post.answeredIn = { node: this.#owner, term: this.#term };
    if (this.#log.some((entry) => entry.value === post.value)) return;
    this.#position += this.#random.whole(1, 3);
    const { value, group } = post;
    const message = 100 + this.#log.length;
    this.#log.push({ value, group, message, position: this.#position, node: this.#owner, term: this.#term });
  }

  finish(): void {
    const index = this.#random.whole(0, this.#open.length - 1);
    const [post] = this.#open.splice(index, 1);
    if (!post) return;
    const { process, value, group, key, answeredIn } = post;
    const line = { op: 'post', process, value, group, key, node: null, term: null } as const;
    const entry = this.#log.find((one) => one.value === value);
    if (answeredIn && entry && this.#random.chance(0.8)) {
      const { message, position } = entry;
      this.#add({ ...line, ...answeredIn, type: 'ok', message, position });
      // Now and then the key is used once more, to hear the same answer.
      if (key !== null && this.#random.chance(0.2)) this.#doubtful.push(post);
    } else if (!answeredIn && this.#random.chance(0.5)) {
      this.#add({ ...line, type: 'fail', reason: '503 not_active' });
    } else {
      this.#add({ ...line, type: 'unknown', reason: 'ECONNRESET' });
      if (key !== null && this.#random.chance(0.7)) this.#doubtful.push(post);
    }
  }

  read(follower: Follower = this.#random.pick(this.#followers), limit = this.#random.whole(1, 5)): void {
    const page = this.#log.slice(follower.read, follower.read + limit);
    follower.read += page.length;
    const values = page
      .filter(({ group }) => follower.groups.includes(group))
      .map(({ position, message, value, group }): Sighting => [position, message, value, group]);
    const { process } = follower;
    if (values.length > 0) this.#add({ op: 'read', type: 'ok', process, node: null, term: null, values });
  }

  fail(): void {
    if (this.#fault) {
      this.#add({ op: 'fault', type: 'ok', ...this.#fault, node: this.#owner, term: null });
      this.#fault = null;
      return;
    }
    this.#fault = { process: `f${this.#faults++}`, kind: 'kill' };
    this.#add({ op: 'fault', type: 'invoke', ...this.#fault, node: this.#owner, term: null });
    this.#owner = this.#random.pick(NODES.filter((node) => node !== this.#owner));
    this.#term += 1;
    this.#seen();
  }

  /** Heals, has one more write accepted, lets all readers come to the head, and tells what the table holds. */
  end(): void {
    if (this.#fault) this.fail();
    while (this.#open.length > 0) this.finish();
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
    for (const entry of this.#log) this.#add({ op: 'stored', type: 'ok', process: 'witness', ...entry });
  }
}

/** A history in which every promise was kept, through `steps` random steps of writers, readers and faults. */
export function goodHistory(random: Random, steps: number): HistoryRecord[] {
  const model = new Model(random);
  for (let step = 0; step < steps; step += 1) {
    const dice = random.next();
    if (dice < 0.3) model.begin();
    else if (dice < 0.55) model.commit();
    else if (dice < 0.78) model.finish();
    else if (dice < 0.94) model.read();
    else model.fail();
  }
  model.end();
  return model.records;
}

import { FairQueue } from '../../async/fair-queue.ts';
import { Refused } from '../errors.ts';
import type { Post, Posted } from './post.ts';

/** Queued posts: half a second of work at about 10,000 posts a second. */
const CAPACITY = 5000;
/** Maximum number of posts and characters per commit: in measurements, more of them added latency but no throughput. */
const MAX_POSTS = 256;
const MAX_CHARACTERS = 1024 * 1024;
/** How long a post may be queued, in milliseconds. */
const QUEUE_LIMIT_MS = 3000;

const TOO_SLOW = 'the database is too slow: nothing was stored, try again';

/** A post that waits for its result. */
export class QueuedPost {
  readonly post: Post;
  readonly resolve: (posted: Posted) => void;
  readonly reject: (error: unknown) => void;
  readonly arrivedAt = performance.now();
  /** The number of commits with this post whose outcome is unknown. */
  tries = 0;
  isGivenUp = false;
  /** Rejects the post when it was queued for too long. */
  #timer: NodeJS.Timeout | undefined;

  constructor(post: Post, resolve: (posted: Posted) => void, reject: (error: unknown) => void) {
    this.post = post;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Rejects the post with `error`; with outcome_unknown instead if an earlier commit may have stored it. */
  fail(error: unknown): void {
    this.reject(this.tries === 0 ? error : new Refused('outcome_unknown', { cause: error }));
  }

  startTimer(): void {
    this.#timer = setTimeout(() => {
      this.isGivenUp = true;
      this.fail(new Refused('unavailable', { sentence: TOO_SLOW }));
    }, QUEUE_LIMIT_MS);
  }

  stopTimer(): void {
    clearTimeout(this.#timer);
  }
}

/** The posts that wait for the next commit, served round robin by group. Rejects those that wait too long. */
export class PostQueue {
  readonly #queue = new FairQueue<QueuedPost>(CAPACITY);

  get size(): number {
    return this.#queue.size;
  }

  /** Adds a post; returns false if the queue is full. */
  push(queued: QueuedPost): boolean {
    if (!this.#queue.push(queued.post.groupId, queued)) return false;
    queued.startTimer();
    return true;
  }

  /** Takes the posts of the next commit: no two with the same sender and key. May be empty although posts were queued. */
  takeBatch(): QueuedPost[] {
    const keys = new Set<string>();
    let posts = 0;
    let characters = 0;
    const taken = this.#queue.take(({ post, isGivenUp }) => {
      if (isGivenUp) return 'take';
      if (posts === MAX_POSTS || (posts > 0 && characters + post.content.length > MAX_CHARACTERS)) return 'stop';
      // The second of two posts with one key waits for the next batch, which returns the result of the first.
      const key = post.key === null ? null : `${post.senderId} ${post.key}`;
      if (key !== null && keys.has(key)) return 'skip';
      if (key !== null) keys.add(key);
      posts++;
      characters += post.content.length + (post.meta?.length ?? 0);
      return 'take';
    });
    for (const queued of taken) queued.stopTimer();
    return taken.filter(({ isGivenUp }) => !isGivenUp);
  }
}

import { Counter, Histogram, Registry } from 'prom-client';
import { LoadMeter } from './load-meter.ts';

/** Upper bounds in seconds, from a commit on a fast disk to the timeout of a post. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const POSTS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/**
 * Counters and histograms that parts of a node update as they work; /metrics reads them. An update takes about a microsecond,
 * never waits and never throws. Values that a part knows anyway are not here: http/routes/cluster/metrics-routes.ts reads them.
 */
export class Measurements {
  readonly registry = new Registry();
  /** The load of the last second, for plantao.nodes. */
  readonly load = new LoadMeter();
  readonly #posts = this.#counter('plantao_posts_total', 'Posts by their outcome', 'outcome');
  readonly #errors = this.#counter(
    'plantao_errors_total',
    'Error responses by their code, as /docs lists them',
    'code',
  );
  readonly #promotions = this.#counter(
    'plantao_promotions_total',
    'Times that this node became active, by the reason for the attempt',
    'reason',
  );
  /** Without a label, so that it is there from the start: Prometheus does not see the first increment of a series. */
  readonly #terms = new Counter({
    name: 'plantao_terms_total',
    help: 'Times that this node became active',
    registers: [this.registry],
  });
  readonly #commitTime = this.#histogram(
    'plantao_commit_duration_seconds',
    'Time that PostgreSQL took to commit a batch of posts',
    SECONDS,
  );
  readonly #batchSize = this.#histogram('plantao_commit_posts', 'Posts that one commit stored together', POSTS);
  readonly #deliveryTime = this.#histogram(
    'plantao_delivery_delay_seconds',
    "Time from when PostgreSQL recorded an event until this node delivered it to its waiters. Observed once per read of the event log, for the oldest event read. Includes the difference between the two machines' clocks",
    SECONDS,
  );
  readonly #wakeUpTime = this.#histogram(
    'plantao_wake_up_duration_seconds',
    'Time from when events were handed to the waiters until the last response was sent',
    SECONDS,
  );

  /** Makes the series of these labels visible with the value 0, so that an alert sees their first increment. */
  announce({ outcomes, codes }: { outcomes: readonly string[]; codes: readonly string[] }): void {
    for (const outcome of outcomes) this.#posts.inc({ outcome }, 0);
    for (const code of codes) this.#errors.inc({ code }, 0);
  }

  countPost(outcome: string): void {
    this.#posts.inc({ outcome });
  }

  countError(code: string): void {
    this.#errors.inc({ code });
  }

  /** Counts a promotion. The address of a peer in `reason` is left out: each value of a label is a series of its own forever. */
  countPromotion(reason: string): void {
    this.#terms.inc();
    this.#promotions.inc({ reason: reason.replace(/https?:\/\/\S+/g, 'a peer') });
  }

  committed(posts: number, ms: number): void {
    this.#batchSize.observe(posts);
    this.#commitTime.observe(ms / 1000);
    this.load.committed(posts, ms);
  }

  delivered(ageMs: number): void {
    this.#deliveryTime.observe(Math.max(0, ageMs) / 1000);
    this.load.delivered(Math.max(0, ageMs));
  }

  wokeAll(ms: number): void {
    this.#wakeUpTime.observe(ms / 1000);
  }

  #counter(name: string, help: string, label: string) {
    return new Counter({ name, help, labelNames: [label], registers: [this.registry] });
  }

  #histogram(name: string, help: string, buckets: number[]) {
    return new Histogram({ name, help, buckets, registers: [this.registry] });
  }
}

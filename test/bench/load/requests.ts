/** A request as the bench describes it to the load generator. */
export interface RequestSpec {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Requests again and again, over connections that are kept alive. */
export interface DriveSpec {
  /** Connections are spread over these. */
  ports: number[];
  connections: number;
  /** Sent in turn. */
  requests: RequestSpec[];
  warmupMs: number;
  forMs: number;
  /** A second, over all connections; without it each connection sends its next request when it has its answer. */
  rate?: number;
}

/** How it went. Times in milliseconds, from when a request was meant to be sent. */
export interface DriveResult {
  perSecond: number;
  answered: number;
  /** Answers that were no 2xx, by status. */
  refused: Record<string, number>;
  latency: { p50: number; p95: number; p99: number; most: number };
  /** Share of the time in which the load generator itself was at work; above 0.9 it may be the bottleneck. */
  busy: number;
}

/** Polls that wait, one a connection. */
export interface ParkSpec {
  ports: number[];
  count: number;
  /** What each sends before it polls; `{sid}` in later ones is what the first answer gave (engine.io), `{user}` a number. */
  before?: RequestSpec[];
  poll: RequestSpec;
}

/** One wake-up of everything that is parked. */
export interface WakeSpec {
  port: number;
  /** What wakes them. */
  trigger: RequestSpec;
}

/** Milliseconds from sending the trigger to the answers of the polls. */
export interface WakeResult {
  first: number;
  half: number;
  last: number;
  answered: number;
  busy: number;
}

/** Waiters that poll on with their cursors while messages are posted at a fixed rate. */
export interface CarrySpec {
  ports: number[];
  waiters: number;
  pollPath: string;
  postPort: number;
  /** The message's text is `<prefix><number>`. */
  post: { userId: number; groupId: number };
  rate: number;
  forMs: number;
}

/** How far behind the waiters were. */
export interface CarryResult {
  posted: number;
  /** Messages times waiters that heard them, a second. */
  carriedPerSecond: number;
  /** Milliseconds from when a message was meant to be sent until a waiter had it: in the first and the last third. */
  lagFirst: number;
  lagLast: number;
  lagP99: number;
  /** Messages that some waiter did not get, or got twice. */
  missing: number;
  doubled: number;
  busy: number;
}

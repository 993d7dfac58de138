/** A request as the bench describes it to the load generator. */
export interface RequestSpec {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Repeated requests over kept-alive connections. */
export interface DriveSpec {
  /** Connections are spread over these. */
  ports: number[];
  connections: number;
  /** Sent in turn. */
  requests: RequestSpec[];
  warmupMs: number;
  forMs: number;
  /** Requests per second over all connections; without it each connection sends its next request after its response. */
  rate?: number;
}

/** The result. Times in milliseconds, from when a request was due. */
export interface DriveResult {
  perSecond: number;
  answered: number;
  /** Responses other than 2xx, by status. */
  refused: Record<string, number>;
  latency: { p50: number; p95: number; p99: number; max: number };
  /** Utilisation of the load generator; above 0.9 it may be the bottleneck. */
  busy: number;
}

/** Waiting polls, one per connection. */
export interface ParkSpec {
  ports: number[];
  count: number;
  /** Requests before each poll; `{sid}` in later ones is from the first response (engine.io), `{user}` a number. */
  before?: RequestSpec[];
  poll: RequestSpec;
  /** Sends a poll again that ends at its time-out; otherwise that counts as a failure. */
  repeats?: boolean;
}

/** One wake-up of all waiting polls. */
export interface WakeSpec {
  port: number;
  /** The request that wakes them. */
  trigger: RequestSpec;
}

/** Milliseconds from sending the trigger to the responses of the polls. */
export interface WakeResult {
  first: number;
  half: number;
  last: number;
  answered: number;
  busy: number;
}

/** Waiters that continue with their cursors while messages are posted at a fixed rate. */
export interface DeliverySpec {
  ports: number[];
  waiters: number;
  pollPath: string;
  postPort: number;
  /** The message's text is `<prefix><number>`. */
  post: { userId: number; groupId: number };
  rate: number;
  forMs: number;
}

/** The lag of the waiters. */
export interface DeliveryResult {
  posted: number;
  /** Deliveries per second. */
  deliveredPerSecond: number;
  /** Milliseconds from when a message was due until a waiter received it: in the first and the last third. */
  lagFirst: number;
  lagLast: number;
  lagP99: number;
  /** Messages that a waiter did not receive, or received twice. */
  missing: number;
  doubled: number;
  busy: number;
}

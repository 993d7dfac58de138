/** The times of a search, in milliseconds. */
export const SEARCH_TIMES = {
  /** If the server is silent for longer while a session is opened, a search starts: the server may have failed since the last check. */
  silentOpeningMs: 250,
  /**
   * How long a silent server delays the next one (RFC 8305 recommends 100 ms at least). A server that fails does not delay it.
   */
  staggerMs: 100,
  /** How long the last used server must have failed before a server on the same timeline is used: the last used one may be restarting. */
  failedMs: 2000,
  /** The same, counted from the start of the search, if the last used server neither replies nor fails: it may be overloaded. */
  silentMs: 4000,
  /**
   * How long a search lasts before a server on a lower timeline is used: it may be a former primary, which lacks what was written
   * since, or a restored one.
   */
  olderMs: 15_000,
  /** How often a server that accepts writes is checked again while the last used one is waited for. */
  checkAgainMs: 250,
  /** How often a name is resolved again during one search: a failover may change it. */
  resolveEveryMs: 1000,
  /** The longest delay before a server that failed is tried again. A promotion is noticed within it. */
  maxRetryMs: 100,
  /** A search without a waiting caller continues for this long, so that the next attempt can join it. */
  idleMs: 2000,
};
export type SearchTimes = Readonly<typeof SEARCH_TIMES>;

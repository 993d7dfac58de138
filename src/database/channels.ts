/** The NOTIFY channels, as the functions in migrations/ name them. */
export const CHANNELS = {
  /** A new position in the event log. */
  events: 'plantao_events',
  /** A promotion, a resignation or a request to switch over. */
  cluster: 'plantao_cluster',
  /** Tokens were revoked. */
  tokens: 'plantao_tokens',
  /** Signals of typing and presence; encrypted (chat/live/signal-seal.ts). */
  signals: 'plantao_signals',
} as const;

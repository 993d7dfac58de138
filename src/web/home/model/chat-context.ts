import type { ChatClient } from '../../../client/index.ts';

/** The page cannot work without these requests, so they retry without limit. Until they succeed, the node bar shows the cause. */
export const NO_DEADLINE = { deadlineMs: Number.POSITIVE_INFINITY };

/** The context that the parts of a chat share. */
export interface ChatContext {
  client: ChatClient;
  /** Aborted when the session ends. */
  signal: AbortSignal;
  /** Reports that something visible has changed. */
  changed(): void;
  /** Reports an error that may end the session. */
  failed(error: unknown): void;
}

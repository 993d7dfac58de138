import type { ChatClient } from '../../../client/index.ts';

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

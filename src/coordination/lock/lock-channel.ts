import {
  DatabaseUnavailableError,
  isRefusedOpening,
  isUnavailable,
  markRefusedOpening,
  sqlState,
} from '../../database/errors.ts';
import type { FoundServer } from '../../database/servers/server-search.ts';
import type { connectionOptions } from '../../database/session/connection.ts';
import { errorMessage } from '../../error-message.ts';
import type { EndCause, Resignation } from '../end-cause.ts';
import type { OpenedTerm, Promotion } from './lock-statements.ts';

/** The start parameters of the thread that keeps the leader lock. */
export interface LockWorkerData {
  /** Arguments of `connectionOptions` for the lock session; the options hold functions, which cannot be sent. */
  session: Parameters<typeof connectionOptions>;
  node: string;
  leaseMs: number;
  /** The memory of the lease (lease.ts) that the thread writes. */
  lease: SharedArrayBuffer;
  /** The memory of the main thread's liveness stamp (liveness-stamp.ts), and of the thread's own. */
  mainThread: SharedArrayBuffer;
  lockThread: SharedArrayBuffer;
}

/** The calls of the main thread, each with one reply; see leader-lock.ts. */
export interface LockCalls {
  open(): Promise<void>;
  prepare(): Promise<void>;
  /** Returns the term without its lease (the main thread has that), or null. */
  tryAcquire(promotion: Promotion): Promise<OpenedTerm | null>;
  renew(): Promise<boolean>;
  release(resignation: Resignation): Promise<void>;
  isTaken(): Promise<boolean>;
  instance(): Promise<string | null>;
  close(): Promise<void>;
}

export type LockCall = keyof LockCalls;
export type ArgumentsOf<Call extends LockCall> = Parameters<LockCalls[Call]>;
export type ReplyTo<Call extends LockCall> = Awaited<ReturnType<LockCalls[Call]>>;

/** Sent by the main thread, with the node's current address: a call, or an order that is carried out at once and has no reply. */
export type LockRequest = (SentCall | { order: LockOrder; reason: string }) & SenderServer & { url: string };

export type LockOrder = 'follow' | 'interrupt' | 'abandon' | 'end';

/** In every message between the threads: the server that the sender's sessions use, for `Servers.follow` (servers.ts). */
interface SenderServer {
  server: FoundServer | null;
}

export interface SentCall {
  call: LockCall;
  /** The id that the reply repeats. */
  id: number;
  args: unknown[];
}

/** Sent by the thread: a reply, the loss of the lock, a line for the node's log, or only the server that it has found. */
export type LockThreadMessage = SenderServer & LockThreadEvent;

export type LockThreadEvent =
  | { id: number; value: unknown }
  | { id: number; error: SentError }
  | { lost: string; cause: EndCause }
  | { warn: string; fields: object }
  | { found: true };

/** An error in a form that survives the transfer between threads, which keeps only the message of an Error. */
interface SentError {
  name: string;
  message: string;
  /** The SQLSTATE of the error or of its cause; without one, the code of the error. */
  code: string | null;
  /** True for an error of the connection. */
  isUnavailable: boolean;
  isRefusedOpening: boolean;
}

/** Packs an error for sending, with everything that database/errors.ts needs to classify it. */
export function packError(error: unknown): SentError {
  const { name, code } = error instanceof Error ? (error as NodeJS.ErrnoException) : { name: 'Error', code: null };
  return {
    name,
    message: errorMessage(error),
    code: sqlState(error) ?? (typeof code === 'string' ? code : null),
    isUnavailable: isUnavailable(error),
    isRefusedOpening: isRefusedOpening(error),
  };
}

/** Returns the error that was packed. */
export function unpackError({ name, message, code, isUnavailable, isRefusedOpening }: SentError): Error {
  const isLost = isUnavailable && !isRefusedOpening;
  const error = isLost ? new DatabaseUnavailableError(message) : new Error(message);
  if (isRefusedOpening) markRefusedOpening(error);
  return Object.assign(error, { name }, code === null ? {} : { code });
}

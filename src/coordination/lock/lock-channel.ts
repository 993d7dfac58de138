import type { connectionOptions } from '../../database/session/connection.ts';
import { messageOf } from '../../message-of.ts';
import type { LockKeeping } from './lock-keeper.ts';

/** What the thread that keeps the leader lock is started with. */
export interface LockWorkerData {
  /** What the lock session is opened with; made into options there, since they hold functions. */
  session: Parameters<typeof connectionOptions>;
  node: string;
  leaseMs: number;
  /** The memory of the {@link Lease} that it writes. */
  lease: SharedArrayBuffer;
  /** Of the {@link SignOfLife} that the main thread gives, and of its own. */
  owner: SharedArrayBuffer;
  keeper: SharedArrayBuffer;
}

/** The calls that are answered, each once. */
export type LockCall = 'prepare' | 'tryAcquire' | 'holder' | 'renew' | 'release' | 'close';

/** What the main thread says: a call, or an order that is obeyed at once and not answered. */
export type LockRequest = SentCall | { url: string; order: 'interrupt' | 'abandon' | 'end'; reason: string };

export interface SentCall {
  /** Where the node is reached now. */
  url: string;
  call: LockCall;
  /** Of its answer. */
  id: number;
  args: unknown[];
}

/** What the thread says: an answer, that the lock was lost, or a line for the node's log. */
export type LockNews =
  | { id: number; value: unknown }
  | { id: number; error: SentError }
  | { lost: string }
  | { warn: string; fields: object };

export type ArgumentsOf<Call extends LockCall> = Parameters<LockKeeping[Call]>;
export type AnswerOf<Call extends LockCall> = Awaited<ReturnType<LockKeeping[Call]>>;

/** An error on its way between threads, which would lose all but its message. */
interface SentError {
  name: string;
  message: string;
  code: string | null;
}

/** Makes an error ready to be sent: what database/errors.ts tells them apart by. */
export function packError(error: unknown): SentError {
  const { name, code } = error instanceof Error ? (error as NodeJS.ErrnoException) : { name: 'Error', code: null };
  return { name, message: messageOf(error), code: typeof code === 'string' ? code : null };
}

/** The error that was sent. */
export function unpackError({ name, message, code }: SentError): Error {
  return Object.assign(new Error(message), { name }, code === null ? {} : { code });
}

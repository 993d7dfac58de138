import type { NoticeMessage } from 'pg-protocol/dist/messages.js';

/**
 * Returns true for the warning that a COMMIT did not wait for the synchronous standby because the wait was cancelled. It has
 * the SQLSTATE of all warnings and its text is in the server's language, so it is recognised by the source file that sends it.
 * If a server does not send the file, every warning counts.
 */
export function isReplicationGivenUp({ code, file }: NoticeMessage): boolean {
  return code?.startsWith('01') === true && (file === undefined || file === 'syncrep.c');
}

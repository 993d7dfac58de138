import type { NoticeMessage } from 'pg-protocol/dist/messages.js';

/**
 * True for the warning with which a COMMIT says that it did not wait for the synchronous standby to the end, since somebody
 * cancelled it. It has the SQLSTATE of all warnings and its text is in the server's language, so it is told by the file of
 * the server that sends it; where a server does not say, every warning counts.
 */
export function isReplicationGivenUp({ code, file }: NoticeMessage): boolean {
  return code?.startsWith('01') === true && (file === undefined || file === 'syncrep.c');
}

import { type ChatClient, ChatError, type CheckedInvitation } from '../../../../client/index.ts';

/** Not longer than a person waits for the sign-in that comes after it. */
const DEADLINE_MS = 5000;
/** The cluster says that there is no such invitation. */
const REFUSALS = ['invitation_not_found', 'invalid_request'];

/**
 * Returns what the cluster says about an invitation; undefined if it says nothing, as an older node or one that is overloaded:
 * then the invitation may be good. @throws {ChatError} if there is no such invitation.
 */
export async function checkInvitation(client: ChatClient, token: string): Promise<CheckedInvitation | undefined> {
  try {
    return await client.groups.checkInvitation(token, { deadlineMs: DEADLINE_MS });
  } catch (error) {
    if (error instanceof ChatError && REFUSALS.includes(error.code)) throw error;
    return undefined;
  }
}

import { type ChatClient, ChatError, type CheckedInvitation } from '../../../../client/index.ts';

/** Short: the user waits for the sign-in, which follows the check. */
const DEADLINE_MS = 5000;
/** The error codes which say that there is no such invitation. */
const REFUSALS = ['invitation_not_found', 'invalid_request'];

/**
 * Checks an invitation. Returns undefined if no node could check it, such as an older or an overloaded one: the invitation may
 * still be valid. @throws {ChatError} if there is no such invitation.
 */
export async function checkInvitation(client: ChatClient, token: string): Promise<CheckedInvitation | undefined> {
  try {
    return await client.groups.checkInvitation(token, { deadlineMs: DEADLINE_MS });
  } catch (error) {
    if (error instanceof ChatError && REFUSALS.includes(error.code)) throw error;
    return undefined;
  }
}

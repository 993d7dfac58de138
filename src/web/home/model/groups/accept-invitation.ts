/// <reference lib="dom" />
import { type AcceptedInvitation, type ChatClient, ChatError } from '../../../../client/index.ts';
import type { ChatState } from '../chat-state.ts';
import { groupHash } from '../location.ts';

/** Joins the group of the invitation in the page's address, and opens it. */
export async function acceptInvitation(
  client: ChatClient,
  chat: ChatState,
  token: string,
  signal = chat.signal,
): Promise<AcceptedInvitation> {
  const { hash } = location;
  // Before the request: a reload must not accept it again.
  history.replaceState(null, '', location.pathname);
  try {
    const accepted = await client.groups.accept(token, { signal });
    await chat.groups.refresh();
    location.hash = groupHash(accepted.group_id);
    return accepted;
  } catch (error) {
    // A reload, or the next sign-in, tries again.
    if (!isRefused(error) && location.hash === '') history.replaceState(null, '', location.pathname + hash);
    throw error;
  }
}

/** Returns true if a node has refused the invitation itself, and not the session or the rate of requests. */
function isRefused(error: unknown): boolean {
  return error instanceof ChatError && error.status >= 400 && error.status < 500 && ![401, 429].includes(error.status);
}

/** An invitation. */
export interface InvitationLink {
  token: string;
}

/** The place that a URL fragment names: a group, a message in it, or an invitation. */
export interface Place {
  groupId?: number;
  messageId?: number;
  invitation?: InvitationLink;
}

/** Returns the URL fragment of a group. With it, the back button and reloading work as on any page. */
export function groupHash(groupId: number): string {
  return `#group-${groupId}`;
}

/** Returns the full address of a fragment of this page, for sharing. */
export function pageAddressOf(hash: string): string {
  return new URL(hash, location.href).href;
}

/** Returns the URL fragment of a message. */
export function messageHash(groupId: number, messageId: number): string {
  return `${groupHash(groupId)}-message-${messageId}`;
}

/** Returns the URL fragment that accepts an invitation. */
export function invitationHash(token: string): string {
  return `#invitation-${token}`;
}

/** Returns the place that a URL fragment names. */
export function placeIn(hash: string): Place {
  const [, groupId, messageId] = /^#group-(\d{1,15})(?:-message-(\d{1,15}))?$/.exec(hash) ?? [];
  // Older links have a name after the token, and in a text punctuation may follow a link: both are ignored.
  const [, token] = /^#invitation-([\w-]{43})(?![\w-])/.exec(hash) ?? [];
  return {
    ...(groupId !== undefined && { groupId: Number(groupId) }),
    ...(messageId !== undefined && { messageId: Number(messageId) }),
    ...(token !== undefined && { invitation: { token } }),
  };
}

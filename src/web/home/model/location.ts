/** Returns the URL fragment of a group, so that the back button and reloading work as on any page. */
export function groupHash(groupId: number): string {
  return `#group-${groupId}`;
}

/** Returns the group that a URL fragment names, or undefined. */
export function groupInHash(hash: string): number | undefined {
  const id = /^#group-(\d{1,15})$/.exec(hash)?.[1];
  return id === undefined ? undefined : Number(id);
}

import { type CallOptions, type Chat, type ChatClient, ChatError, similarNameOf } from '../../client/index.ts';
import { foldedName } from '../../text/folded-name.ts';

/** Returns the group of that name. */
export function groupNamed(name: string, groups: readonly Chat[]): Chat | undefined {
  return groups.find((group) => group.name === name);
}

/** Returns the only group whose name differs from that one in case or accents. */
export function groupLike(name: string, groups: readonly Chat[]): Chat | undefined {
  const wanted = foldedName(name);
  const [similar, ...others] = groups.filter((group) => wanted !== '' && foldedName(group.name) === wanted);
  return others.length === 0 ? similar : undefined;
}

/**
 * Joins the group of exactly that name, and creates it if it is new. If there are only groups with a similar name, does neither, and
 * returns the user's own group, or else the name of another.
 */
export async function joinOrCreate(
  client: ChatClient,
  name: string,
  own: readonly Chat[],
  options: CallOptions,
): Promise<Chat | string | undefined> {
  try {
    await client.joinNamed(name, { ...options, create: false });
  } catch (error) {
    if (!(error instanceof ChatError) || error.code !== 'group_not_found') throw error;
    const similar = groupLike(name, own) ?? similarNameOf(error);
    if (similar !== undefined) return similar;
    await client.joinNamed(name, options);
  }
  return undefined;
}

import { type CallOptions, type Chat, type ChatClient, ChatError, similarNameOf } from '../../client/index.ts';
import { foldedName } from '../../folded-name.ts';

/** Returns the group of that name, or else the only one whose name differs in case or accents. */
export function groupNamed(name: string, groups: readonly Chat[]): Chat | undefined {
  const wanted = foldedName(name);
  const [similar, ...others] = groups.filter((group) => wanted !== '' && foldedName(group.name) === wanted);
  return groups.find((group) => group.name === name) ?? (others.length === 0 ? similar : undefined);
}

/**
 * Joins the group of that name, and creates it if it is new. If another group has a similar name, does neither and returns that
 * name.
 */
export async function joinOrCreate(
  client: ChatClient,
  name: string,
  options: CallOptions,
): Promise<string | undefined> {
  try {
    await client.joinNamed(name, { ...options, create: false });
  } catch (error) {
    if (!(error instanceof ChatError) || error.code !== 'group_not_found') throw error;
    const similar = similarNameOf(error);
    if (similar !== undefined) return similar;
    await client.joinNamed(name, options);
  }
  return undefined;
}

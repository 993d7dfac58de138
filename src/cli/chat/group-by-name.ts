import { type CallOptions, type Chat, type ChatClient, ChatError, similarNameOf } from '../../client/index.ts';
import { foldedName } from '../../text/folded-name.ts';

/** Returns the group of that name. */
export function groupNamed(name: string, groups: readonly Chat[]): Chat | undefined {
  return groups.find((group) => group.name === name);
}

/** Returns the only group whose name differs from that one only in case or accents. */
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

/** Returns a name as the service compares it. */
const keyOf = (name: string) => name.normalize('NFKC').toLowerCase();

/**
 * Returns the number of the direct chat with the user of that name, or else with the only one whose name differs only in case or accents.
 * @throws {ChatError} if there is no such user.
 */
export async function directGroup(client: ChatClient, name: string, options: CallOptions): Promise<number> {
  const found = await client.users(name, options);
  const [first, ...others] = found.filter(({ username }) => foldedName(username) === foldedName(name));
  // The user of exactly that name comes first.
  const isExact = first !== undefined && keyOf(first.username) === keyOf(name);
  const other = isExact || others.length === 0 ? first : undefined;
  if (other === undefined) throw new ChatError(`there is no user ${name}`);
  return (await client.openDirect(other.id, options)).group_id;
}

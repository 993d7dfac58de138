import type { Chat, Message } from '../../../../client/index.ts';
import { type Store, Stored } from '../../../shared/stored.ts';
import type { Conversation } from '../messages/conversation.ts';
import type { SystemMessage } from '../text/system-messages.ts';

/** How many groups are kept, and how many messages of each: enough to read without a network, in a few hundred kilobytes. */
const MAX_GROUPS = 30;
const MAX_MESSAGES = 50;
/** The only name under which it is stored. */
const NAME = 'chats';

/** The chats that a user saw last on this device. */
interface Seen {
  groups: {
    group: Chat;
    activeAt: string;
    messages: Message[];
    /** False if these are all messages of the group. */
    hasOlder?: boolean;
    systemMessages?: readonly SystemMessage[];
  }[];
}

function isSeen(value: unknown): value is Seen {
  const { groups } = (value ?? {}) as Partial<Seen>;
  return (
    Array.isArray(groups) && groups.every((one) => typeof one?.group?.id === 'number' && Array.isArray(one.messages))
  );
}

/** Keeps what the user has loaded, so that it is there at once after a reload, and without a network. */
export class Snapshot {
  readonly #stored: Stored<Seen>;

  constructor(store: () => Store, userId: number) {
    this.#stored = new Stored(store, `plantao.seen.${userId}.`, isSeen);
  }

  /** Stores the groups, given with the most recently active first. */
  save(conversations: readonly Conversation[]): void {
    // A message that waits to be sent must be shown, wherever its group is in the list.
    const kept = conversations.filter(({ waiting }, index) => index < MAX_GROUPS || waiting !== undefined);
    const groups = kept.map(({ group, unread, mentions, lastReadId, last, activeAt, window, systemMessages }) => ({
      group: { ...group, unread, mentions, last_read_id: lastReadId, last_message: last ?? null },
      activeAt,
      messages: window.hasNewer ? [] : window.all.slice(-MAX_MESSAGES),
      hasOlder: window.hasOlder || window.all.length > MAX_MESSAGES,
      systemMessages: systemMessages.all.slice(-MAX_MESSAGES),
    }));
    this.#stored.set(NAME, { groups });
  }

  /** Returns the groups that were stored. */
  load(): Seen['groups'] {
    return this.#stored.get(NAME)?.groups ?? [];
  }

  /** Removes everything, when the user signs out. */
  clear(): void {
    this.#stored.set(NAME, undefined);
  }
}

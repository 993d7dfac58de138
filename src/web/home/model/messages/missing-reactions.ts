import type { Message, MessagePage } from '../../../../client/index.ts';
import type { MessageWindow } from './message-window.ts';

/** Returns true for a page whose reactions could not be read. */
export const lacksReactions = ({ incomplete }: MessagePage): boolean => incomplete?.includes('reactions') === true;

/** The loaded messages of a group whose reactions could not be read with them. */
export class MissingReactions {
  readonly #window: MessageWindow;
  readonly #ids = new Set<number>();
  /** The reactions that were known before the window was cleared. */
  #earlier = new Map<number, Message['reactions']>();

  constructor(window: MessageWindow) {
    this.#window = window;
  }

  /** The newest of these messages that is still loaded. */
  get newest(): number | undefined {
    for (const id of this.#ids) if (this.#window.find(id) === undefined) this.#ids.delete(id);
    return this.#ids.size === 0 ? undefined : Math.max(...this.#ids);
  }

  /** Remembers the known reactions before the window is cleared. */
  clear(): void {
    for (const { id, reactions } of this.#window.all) this.#earlier.set(id, reactions);
    this.#ids.clear();
  }

  /** Adds the known reactions to a page that is about to be loaded without them, and records which messages lack theirs. */
  filled(page: MessagePage): MessagePage {
    const isLacking = lacksReactions(page);
    const messages = page.messages.map((message) => {
      if (isLacking) this.#ids.add(message.id);
      else this.#ids.delete(message.id);
      const known = isLacking ? (this.#window.find(message.id)?.reactions ?? this.#earlier.get(message.id)) : undefined;
      return known === undefined ? message : { ...message, reactions: known };
    });
    if (!isLacking) this.#earlier = new Map();
    return { ...page, messages };
  }

  /** Takes the missing reactions from a page that ends with the message `newest`. */
  complete(page: MessagePage, newest: number): void {
    const found = new Map(page.messages.map(({ id, reactions }) => [id, reactions ?? []]));
    const oldest = page.has_more ? (page.messages[0]?.id ?? newest) : 0;
    for (const id of this.#ids) {
      if (id < oldest || id > newest) continue;
      this.#ids.delete(id);
      const reactions = found.get(id);
      if (reactions !== undefined) this.#window.replace(id, (message) => ({ ...message, reactions }));
    }
  }
}

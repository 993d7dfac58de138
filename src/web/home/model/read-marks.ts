/** The part of localStorage that is used. Its methods may throw if storage is full or disabled. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** The last message that a user has read in each group, stored on this device. */
export class ReadMarks {
  readonly #store: () => Store;
  readonly #key: string;
  readonly #marks = new Map<number, number>();
  /** True if this user is new on this device: then all existing messages count as read. */
  readonly isNew: boolean;

  /** `store` is called at each use: a browser that denies storage throws on any access to localStorage. */
  constructor(store: () => Store, userId: number) {
    this.#store = store;
    this.#key = `plantao.read.${userId}`;
    const stored = this.#load();
    this.isNew = stored === null;
    for (const [groupId, messageId] of stored ?? []) this.#marks.set(groupId, messageId);
  }

  /** Returns the id of the last message read in a group, or 0 if none was read. */
  get(groupId: number): number {
    return this.#marks.get(groupId) ?? 0;
  }

  /** Records that everything up to a message has been read. */
  set(groupId: number, messageId: number): void {
    if (messageId <= this.get(groupId)) return;
    this.#marks.set(groupId, messageId);
    try {
      this.#store().setItem(this.#key, JSON.stringify([...this.#marks]));
    } catch {
      // Storage is full or disabled: the marks last as long as the page.
    }
  }

  #load(): [number, number][] | null {
    try {
      const marks: unknown = JSON.parse(this.#store().getItem(this.#key) ?? 'null');
      if (!Array.isArray(marks)) return null;
      return marks.filter((mark) => Array.isArray(mark) && mark.every(Number.isSafeInteger));
    } catch {
      return null;
    }
  }
}

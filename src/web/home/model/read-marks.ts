/** What a browser's localStorage does; its methods may throw where storage is full or switched off. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** The last message that a user has read in each group, kept on this device. */
export class ReadMarks {
  readonly #store: () => Store;
  readonly #key: string;
  readonly #marks = new Map<number, number>();
  /** True where this user has not been on this device before: then the past counts as read. */
  readonly isNew: boolean;

  /** `store` is called at each use: where a browser denies storage, it throws as soon as one looks at localStorage. */
  constructor(store: () => Store, userId: number) {
    this.#store = store;
    this.#key = `plantao.read.${userId}`;
    const kept = this.#kept();
    this.isNew = kept === null;
    for (const [groupId, messageId] of kept ?? []) this.#marks.set(groupId, messageId);
  }

  /** The id of the last message read in a group; 0 where none was. */
  get(groupId: number): number {
    return this.#marks.get(groupId) ?? 0;
  }

  /** Notes that everything up to a message is read. */
  set(groupId: number, messageId: number): void {
    if (messageId <= this.get(groupId)) return;
    this.#marks.set(groupId, messageId);
    try {
      this.#store().setItem(this.#key, JSON.stringify([...this.#marks]));
    } catch {
      // Full or switched off: the marks last as long as the page.
    }
  }

  #kept(): [number, number][] | null {
    try {
      const marks: unknown = JSON.parse(this.#store().getItem(this.#key) ?? 'null');
      if (!Array.isArray(marks)) return null;
      return marks.filter((mark) => Array.isArray(mark) && mark.every(Number.isSafeInteger));
    } catch {
      return null;
    }
  }
}

import type { Stored } from './stored.ts';

/** A text that the user has written in a group and not sent. */
export interface Draft {
  text: string;
  /** The message that it replies to. */
  replyTo?: number;
}

/** Returns true for a value that this page has stored as a {@link Draft}. */
export function isDraft(value: unknown): value is Draft {
  return typeof (value as Draft | null)?.text === 'string';
}

/** The drafts of a user on this device, one for each group. */
export class Drafts {
  readonly #stored: Stored<Draft>;

  constructor(stored: Stored<Draft>) {
    this.#stored = stored;
  }

  /** Returns the draft in a group; an empty one if there is none. */
  get(groupId: number): Draft {
    return this.#stored.get(String(groupId)) ?? { text: '' };
  }

  /** Keeps a draft. An empty one is removed. */
  set(groupId: number, draft: Draft): void {
    const isEmpty = draft.text === '' && draft.replyTo === undefined;
    this.#stored.set(String(groupId), isEmpty ? undefined : draft);
  }
}

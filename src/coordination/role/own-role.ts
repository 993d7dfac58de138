import type { Clock } from '../../async/clock.ts';
import type { Log } from '../../log/log.ts';
import type { Term } from '../lock/term.ts';
import { OwnActivity } from './own-activity.ts';
import type { NodeRole } from './role.ts';

/** Options of an {@link OwnRole}. */
export interface OwnRoleOptions {
  log: Log;
  clock: Clock;
  /** Called after each change. */
  onChange(role: NodeRole): void;
}

/** The role of this node, with the term of an active one, and when it was last active. */
export class OwnRole {
  readonly #options: OwnRoleOptions;
  readonly #activity: OwnActivity;
  #role: NodeRole = 'standby';
  #term: Term | null = null;
  /** True while it resigns: it is still active, and accepts no writes. */
  isResigning = false;

  constructor(options: OwnRoleOptions) {
    this.#options = options;
    this.#activity = new OwnActivity(options.clock);
  }

  get current(): NodeRole {
    return this.#role;
  }

  /** The role as others should see it: a node whose lease has expired is not "active". */
  get visible(): NodeRole {
    return this.#role === 'active' && !this.acceptsWrites ? 'standby' : this.#role;
  }

  /** The term of an active node; null in the other roles. */
  get term(): Term | null {
    return this.#term;
  }

  get acceptsWrites(): boolean {
    return this.#term?.isValid === true && !this.isResigning;
  }

  /** When this node was last active, by the clock; null if it never was. */
  get lastActiveAt(): number | null {
    return this.#activity.lastAt;
  }

  /** Records until when the lease lasts; heartbeats extend it. */
  noteLease(): void {
    if (this.#term && this.acceptsWrites) this.#activity.leased(this.#term.validUntil);
  }

  noteRelease(): void {
    this.#activity.ended();
  }

  /** Changes the role and logs it with `sentence`. `term` is that of an active node. Does nothing if the role is the same. */
  become(role: NodeRole, sentence: string, term: Term | null = null): void {
    if (role === this.#role) return;
    const isDemotion = this.#role === 'active' && role === 'standby';
    const event = role === 'active' ? 'promoted' : isDemotion ? 'demoted' : role;
    this.#activity.ended();
    if (term) this.#activity.leased(term.validUntil);
    this.#role = role;
    this.#term = term;
    this.#options.log.info({ event, ...(term ? { term: term.number } : {}) }, sentence);
    this.#options.onChange(role);
  }
}

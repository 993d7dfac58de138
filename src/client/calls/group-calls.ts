import { decodeEvent } from '../event-kinds.ts';
import type { CallOptions } from '../requests/cluster-connection.ts';
import type {
  AcceptedInvitation,
  CheckedInvitation,
  CreatedHook,
  GroupEventPage,
  GroupState,
  Hook,
  Invitation,
  MemberRole,
  OpenInvitation,
  SendResult,
} from '../types.ts';
import type { Calls } from './calls.ts';

/** The new values of a group's fields; an absent field does not change. */
export interface GroupChange {
  name?: string;
  description?: string;
  /** An archived group accepts no new messages. */
  archived?: boolean;
  /** Members see how far each of them has read: reads(), and the event read_by. */
  showsReads?: boolean;
}

/** Options of an invitation. */
export interface InvitationOptions extends CallOptions {
  /** How long it is valid, in hours. Default 168. */
  hours?: number;
  /** How many users may join with it. Default 1000. */
  uses?: number;
}

/** Administration of groups, invitations, and groups by name: `client.groups`. */
export class GroupCalls {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Renames a group, changes its description or settings, archives or restores it, for its owners and admins. */
  async change(groupId: number, change: GroupChange, options: CallOptions = {}): Promise<GroupState> {
    const request = { method: 'PATCH', body: { groupId, ...change, actorId: this.#calls.userId } } as const;
    return this.#calls.write<GroupState>('/groups', request, 'group_id', options);
  }

  /**
   * Returns the events about a group itself: members who joined, left or got another role, and changes of the group. Returns the
   * newest ones, or those before the cursor of an event. The event log keeps events for a limited time.
   */
  async events(
    groupId: number,
    { before, limit, ...options }: CallOptions & { before?: string; limit?: number } = {},
  ): Promise<GroupEventPage> {
    const page = await this.#calls.read<GroupEventPage>('/group-events', { groupId, before, limit }, 'events', options);
    // Kinds that only a newer node knows are left out.
    return { ...page, events: page.events.filter((one) => (decodeEvent(one)?.kind ?? 'unknown') !== 'unknown') };
  }

  /** Deletes a group with its messages, for its owners. */
  async delete(groupId: number, options: CallOptions = {}): Promise<void> {
    // The second is the code with AUTH=token, which reveals no group to users outside it.
    const alreadyDoneCodes = ['group_not_found', 'not_a_member'];
    const request = { method: 'DELETE', body: { groupId, actorId: this.#calls.userId }, alreadyDoneCodes } as const;
    await this.#calls.execute('/groups', request, options);
  }

  /** Gives a member another role, for owners. @throws {RefusedError} `last_owner`. */
  async setRole(groupId: number, userId: number, role: MemberRole, options: CallOptions = {}): Promise<void> {
    // An owner who has stepped down gets this code if the request is repeated.
    const alreadyDoneCodes = userId === this.#calls.userId ? ['forbidden'] : [];
    const request = {
      method: 'PATCH',
      body: { groupId, userId, role, actorId: this.#calls.userId },
      alreadyDoneCodes,
    } as const;
    await this.#calls.execute('/group-users', request, options);
  }

  /** Creates an invitation, for owners and admins. A user with its token may join. */
  async invite(groupId: number, { hours, uses, ...options }: InvitationOptions = {}): Promise<Invitation> {
    const request = { body: { groupId, hours, uses } };
    return this.#calls.write<Invitation>('/invitations', request, 'token', options);
  }

  /** Revokes all invitations to a group, for owners and admins. Returns how many there were. */
  async revokeInvitations(groupId: number, options: CallOptions = {}): Promise<number> {
    const request = { method: 'DELETE', body: { groupId } } as const;
    return (await this.#calls.write<{ revoked: number }>('/invitations', request, 'revoked', options)).revoked;
  }

  /** Returns the invitations that are still valid, newest first, for owners and admins. */
  async invitations(groupId: number, options: CallOptions = {}): Promise<OpenInvitation[]> {
    type Listed = { invitations: OpenInvitation[] };
    return (await this.#calls.read<Listed>('/invitations', { groupId }, 'invitations', options)).invitations;
  }

  /** Revokes one invitation, for owners and admins. */
  async revokeInvitation(groupId: number, invitationId: string, options: CallOptions = {}): Promise<void> {
    const alreadyDoneCodes = ['invitation_not_found'];
    const request = { method: 'DELETE', body: { groupId, invitationId }, alreadyDoneCodes } as const;
    await this.#calls.execute('/invitations', request, options);
  }

  /** Returns the group of an invitation. Requires no signed-in user. @throws {RefusedError} `invitation_not_found`. */
  async checkInvitation(token: string, options: CallOptions = {}): Promise<CheckedInvitation> {
    return this.#calls.readByPost<CheckedInvitation>('/invitations/check', { token }, 'group_name', options);
  }

  /** Joins the group of an invitation. Idempotent. */
  async accept(token: string, options: CallOptions = {}): Promise<AcceptedInvitation> {
    const body = { token, userId: this.#calls.me() };
    return this.#calls.write<AcceptedInvitation>('/invitations/accept', { body }, 'group_id', options);
  }

  /** Creates a hook, for owners and admins. Its token permits posting to the group, and nothing else. */
  async createHook(groupId: number, name: string, options: CallOptions = {}): Promise<CreatedHook> {
    return this.#calls.write<CreatedHook>('/hooks', { body: { groupId, name } }, 'token', options);
  }

  /** Returns the hooks of a group, for owners and admins. */
  async hooks(groupId: number, options: CallOptions = {}): Promise<Hook[]> {
    return (await this.#calls.read<{ hooks: Hook[] }>('/hooks', { groupId }, 'hooks', options)).hooks;
  }

  /** Revokes a hook, for owners and admins. */
  async revokeHook(hookId: number, options: CallOptions = {}): Promise<void> {
    const request = { method: 'DELETE', body: { hookId }, alreadyDoneCodes: ['hook_not_found'] } as const;
    await this.#calls.execute('/hooks', request, options);
  }

  /** Sends a message to the group of a hook. Requires no signed-in user. However often it is retried, it is stored once. */
  async postToHook(token: string, content: string, options: CallOptions = {}): Promise<SendResult> {
    const path = `/hooks/${encodeURIComponent(token)}`;
    return this.#calls.write<SendResult>(path, { body: { content } }, 'message_id', options);
  }

  /** Returns the names of the user's groups. */
  async names(options: CallOptions = {}): Promise<string[]> {
    const path = `/user/${this.#calls.me()}/groups`;
    return (await this.#calls.read<{ groups: string[] }>(path, {}, 'groups', options)).groups;
  }

  /** Replaces the user's groups with the groups of these names. Returns the names. */
  async replaceNames(names: readonly string[], options: CallOptions = {}): Promise<string[]> {
    const path = `/user/${this.#calls.me()}/groups`;
    return (await this.#calls.write<{ groups: string[] }>(path, { body: { groups: names } }, 'groups', options)).groups;
  }

  /** Leaves the groups of that name. Returns the names of the others. */
  async leaveNamed(name: string, options: CallOptions = {}): Promise<string[]> {
    const path = `/user/${this.#calls.me()}/groups/${encodeURIComponent(name)}`;
    return (await this.#calls.write<{ groups: string[] }>(path, { method: 'DELETE' }, 'groups', options)).groups;
  }

  /** Returns the names of the groups and topics that clients wait for, on the node that responds. */
  async awaited(options: CallOptions = {}): Promise<string[]> {
    type Awaited = { active_groups: string[] };
    return (await this.#calls.read<Awaited>('/groups', {}, 'active_groups', options)).active_groups;
  }
}

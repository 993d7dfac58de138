import { z } from 'zod';
import { INVITATION_LENGTH } from '../../../chat/groups/invitations.ts';
import { ROLES } from '../../../chat/groups/roles.ts';
import { actingUserId, actorId, count, id } from '../../contract/request-schemas.ts';
import { description, groupName } from '../../contract/text-schemas.ts';
import { actorOf, requireUserId } from '../../request/checks/authentication.ts';
import { requestKeyOf } from '../../request/idempotency-key.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

const role = z.enum(ROLES, 'must be owner, admin or member').describe('The role of the member in the group.');

const invitationToken = z
  .string('must be the token of an invitation')
  .max(INVITATION_LENGTH, 'must be the token of an invitation')
  .describe('The token of the invitation.');
const NO_INVITATION = 'must be the id of an invitation, as in GET /invitations';

/** `/groups`, roles and invitations: for owners and admins, and with AUTH=open for every caller. */
export function administrationRoutes(services: Services): Route[] {
  return [
    changeGroupRoute(services),
    deleteGroupRoute(services),
    roleRoute(services),
    inviteRoute(services),
    invitationsRoute(services),
    revokeInvitationsRoute(services),
    checkInvitationRoute(services),
    acceptInvitationRoute(services),
  ];
}

/** The response to PATCH /groups. */
export const groupResponse = z.object({
  group_id: z.number(),
  name: z.string(),
  description: z.string(),
  archived: z.boolean(),
  shows_reads: z.boolean(),
});

function changeGroupRoute({ administration }: Services): Route {
  return route({
    method: 'patch',
    path: '/groups',
    servedBy: 'active node',
    requires: 'user',
    summary:
      'Renames a group, changes its description or settings, archives or restores it, for owners and admins. The group gets the event group_changed',
    input: z.object({
      groupId: id,
      name: groupName.optional(),
      description: description.optional(),
      archived: z
        .boolean('must be true or false')
        .optional()
        .describe(
          'An archived group accepts no new messages. Edits, reactions and changes of members are still possible.',
        ),
      showsReads: z
        .boolean('must be true or false')
        .optional()
        .describe('Members see how far each of them has read: GET /read, and the event read_by.'),
      actorId,
    }),
    errorStatuses: [404, 409],
    responseBody: groupResponse,
    async handle({ input: { groupId, showsReads, actorId, ...state }, caller }) {
      const change = { ...state, shows_reads: showsReads };
      const changed = await administration.change(groupId, actorOf(caller, actorId), change);
      return { body: { group_id: groupId, ...changed } };
    },
  });
}

function deleteGroupRoute({ administration }: Services): Route {
  return route({
    method: 'delete',
    path: '/groups',
    servedBy: 'active node',
    // The deletion of a large group takes many statements, each with a connection of its own.
    unqueued: true,
    requires: 'user',
    summary: 'Deletes a group with its messages, for owners. The group gets the event group_deleted',
    input: z.object({ groupId: id, actorId }),
    errorStatuses: [404, 409],
    responseBody: z.object({ message: z.string(), group_id: z.number() }),
    responseExample: { message: 'group deleted' },
    async handle({ input: { groupId, actorId }, caller }) {
      await administration.delete(groupId, actorOf(caller, actorId));
      return { body: { message: 'group deleted', group_id: groupId } };
    },
  });
}

function roleRoute({ administration }: Services): Route {
  return route({
    method: 'patch',
    path: '/group-users',
    servedBy: 'active node',
    requires: 'user',
    summary:
      'Gives a member another role, for owners; the last owner cannot step down. The group gets the event role_changed',
    input: z.object({ groupId: id, userId: id.describe('The member.'), role, actorId }),
    errorStatuses: [404, 409],
    responseBody: z.object({ message: z.string(), group_id: z.number(), user_id: z.number(), role }),
    responseExample: { message: 'role changed' },
    async handle({ input: { groupId, userId, role, actorId }, caller }) {
      await administration.setRole(groupId, actorOf(caller, actorId), userId, role);
      return { body: { message: 'role changed', group_id: groupId, user_id: userId, role } };
    },
  });
}

/** The response to POST /invitations. */
export const invitationResponse = z.object({
  group_id: z.number(),
  token: z.string().describe('Shown only once.'),
  expires_at: z.iso.datetime(),
});

function inviteRoute({ invitations }: Services): Route {
  return route({
    method: 'post',
    path: '/invitations',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Creates an invitation to a group, for owners and admins: users who have its token may join',
    input: z.object({ groupId: id, hours: count(1, 8760, 168), uses: count(1, 10_000, 1000) }),
    status: 201,
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key'],
    responseBody: invitationResponse,
    async handle({ input, caller, request }) {
      const key = requestKeyOf(request, caller.userId, input);
      const { token, expiresAt } = await invitations.create({ ...input, actorId: caller.userId }, key);
      return { status: 201, body: { group_id: input.groupId, token, expires_at: expiresAt } };
    },
  });
}

function revokeInvitationsRoute({ invitations }: Services): Route {
  return route({
    method: 'delete',
    path: '/invitations',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Revokes all invitations to a group, or one of them, for owners and admins',
    input: z.object({
      groupId: id,
      invitationId: z
        .string(NO_INVITATION)
        .regex(/^[0-9a-f]{24}$/, NO_INVITATION)
        .optional()
        .describe('The invitation to revoke, as in GET /invitations; all if it is left out.'),
    }),
    errorStatuses: [404, 409],
    responseBody: z.object({ message: z.string(), group_id: z.number(), revoked: z.number() }),
    responseExample: { message: 'invitations revoked' },
    async handle({ input: { groupId, invitationId }, caller }) {
      const revoked = await invitations.revoke(groupId, caller.userId, invitationId);
      return { body: { message: 'invitations revoked', group_id: groupId, revoked } };
    },
  });
}

/** The response to GET /invitations. */
export const invitationsResponse = z.object({
  group_id: z.number(),
  invitations: z.array(
    z.object({
      id: z.string().meta({ examples: ['9b1f0c4e3b7a4c559a430d8f'] }),
      created_at: z.iso.datetime(),
      expires_at: z.iso.datetime(),
      uses_left: z.number().describe('How many more users may join with it.'),
      created_by: z
        .string()
        .nullable()
        .meta({ description: 'The name of its creator; null if that is not known.', examples: ['ana_orm'] }),
    }),
  ),
});

function invitationsRoute({ invitations }: Services): Route {
  return route({
    method: 'get',
    path: '/invitations',
    servedBy: 'every node in service',
    requires: 'user',
    summary: 'The invitations to a group that are still valid, for owners and admins; without their tokens',
    input: z.object({ groupId: id }),
    errorStatuses: [404],
    responseBody: invitationsResponse,
    async handle({ input: { groupId }, caller }) {
      return { body: { group_id: groupId, invitations: await invitations.list(groupId, caller.userId) } };
    },
  });
}

/** The response to POST /invitations/check. */
export const checkedResponse = z.object({
  group_name: z.string(),
  expires_at: z.iso.datetime(),
});

function checkInvitationRoute({ invitations }: Services): Route {
  return route({
    method: 'post',
    path: '/invitations/check',
    servedBy: 'every node in service',
    requires: 'anyone',
    summary: 'Returns the group name of an invitation token without joining or creating an account',
    description:
      'A POST, because proxies write addresses into their logs, and the token is a secret. 404 if the invitation has expired, was used up or was revoked. Repeating it is safe',
    input: z.object({ token: invitationToken }),
    errorStatuses: [404],
    responseBody: checkedResponse,
    async handle({ input }) {
      const { name, expiresAt } = await invitations.check(input.token);
      return { body: { group_name: name, expires_at: expiresAt } };
    },
  });
}

/** The response to POST /invitations/accept. */
export const acceptedResponse = z.object({
  message: z.string(),
  group_id: z.number(),
  group_name: z.string(),
  user_id: z.number(),
});

function acceptInvitationRoute({ invitations }: Services): Route {
  return route({
    method: 'post',
    path: '/invitations/accept',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Joins the group of an invitation; repeating it is safe',
    input: z.object({
      token: invitationToken,
      userId: actingUserId('The user who joins'),
    }),
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key'],
    responseBody: acceptedResponse,
    responseExample: { message: 'joined' },
    async handle({ input, caller, request }) {
      const joining = requireUserId(caller, input.userId);
      const key = requestKeyOf(request, joining, input);
      const { id: groupId, name } = await invitations.accept(input.token, joining, key);
      return { body: { message: 'joined', group_id: groupId, group_name: name, user_id: joining } };
    },
  });
}

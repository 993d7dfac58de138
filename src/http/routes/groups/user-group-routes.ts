import { z } from 'zod';
import { id } from '../../contract/request-schemas.ts';
import { groupName, nameList } from '../../contract/text-schemas.ts';
import { requireSelf } from '../../request/checks/authentication.ts';
import { requestKeyOf } from '../../request/idempotency-key.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** The maximum number of groups in one replacement, because each may have to be created. */
const MAX_GROUPS_NAMED = 100;
const groupNames = z.object({ user_id: z.number(), groups: z.array(z.string()) });
const USER_GROUPS = '/user/:id/groups';
const userId = id.describe('The id of the user.');

/** `/user/{id}/groups`: compatible routes that use group names instead of ids. */
export function userGroupRoutes(services: Services): Route[] {
  return [namesRoute(services), replaceRoute(services), joinNamedRoute(services), leaveNamedRoute(services)];
}

function namesRoute({ groups }: Services): Route {
  return route({
    method: 'get',
    path: USER_GROUPS,
    servedBy: 'every node in service',
    requires: 'user',
    summary: "The names of a user's groups: at most the 2000 newest",
    input: z.object({ id: userId }),
    errorStatuses: [404],
    responseBody: groupNames,
    async handle({ input, caller }) {
      requireSelf(caller, input.id);
      return { body: { user_id: input.id, groups: await groups.namesOfUser(input.id) } };
    },
  });
}

function replaceRoute({ namedGroups }: Services): Route {
  return route({
    method: 'post',
    path: USER_GROUPS,
    servedBy: 'active node',
    requires: 'user',
    summary: "Replaces a user's groups with the groups of these names; with none, leaves all of them",
    input: z.object({ id: userId, groups: nameList(groupName, MAX_GROUPS_NAMED) }),
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key'],
    responseBody: groupNames,
    async handle({ input, caller, request }) {
      requireSelf(caller, input.id);
      const key = requestKeyOf(request, input.id, input);
      const groups = await namedGroups.replace(input.id, input.groups, caller.userId !== null, key);
      return { body: { user_id: input.id, groups } };
    },
  });
}

function joinNamedRoute({ namedGroups }: Services): Route {
  return route({
    method: 'post',
    path: `${USER_GROUPS}/:group`,
    servedBy: 'active node',
    requires: 'user',
    summary:
      'Joins the oldest group of that name, and creates one if there is none. With AUTH=token, only groups that the caller is in already are considered, because a name is not an invitation',
    input: z.object({
      id: userId,
      group: groupName,
      create: z
        .boolean('must be true or false')
        .default(true)
        .describe(
          'False to get 404 group_not_found instead of a new group. With AUTH=open, its `details` has the `name` of the oldest group that differs in case or accents only, if there is one.',
        ),
    }),
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key'],
    responseBody: groupNames,
    async handle({ input, caller, request }) {
      const { id, group, create } = input;
      requireSelf(caller, id);
      const key = requestKeyOf(request, id, input);
      const groups = await namedGroups.join(id, group, { ownOnly: caller.userId !== null, create }, key);
      return { body: { user_id: id, groups } };
    },
  });
}

function leaveNamedRoute({ namedGroups }: Services): Route {
  return route({
    method: 'delete',
    path: `${USER_GROUPS}/:group`,
    servedBy: 'active node',
    requires: 'user',
    summary: 'Leaves the groups of that name',
    input: z.object({ id: userId, group: groupName }),
    errorStatuses: [404],
    responseBody: groupNames,
    async handle({ input, caller }) {
      requireSelf(caller, input.id);
      return { body: { user_id: input.id, groups: await namedGroups.leave(input.id, input.group) } };
    },
  });
}

import { z } from 'zod';
import { id } from '../../contract/request-schemas.ts';
import { content, hookName } from '../../contract/text-schemas.ts';
import { RateLimiter } from '../../request/checks/rate-limit.ts';
import { idempotencyKey, requestKeyOf } from '../../request/idempotency-key.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';
import { sendResponse, sentBody } from './message-routes.ts';

const hook = z
  .object({
    id: z
      .number()
      .meta({ description: 'The id of the hook, which is the `sender_id` of its messages.', examples: [12] }),
    name: z.string().meta({ examples: ['Backup'] }),
    sender: z.string().meta({
      description: 'The sender that its messages show: 🪝 (which no username contains), the name and the id.',
      examples: ['🪝 Backup #12'],
    }),
    created_by: z.number().nullable().describe('The owner or admin who created it; null with AUTH=open.'),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Hook' });

/** The response to POST /hooks. */
export const hookResponse = z.object({
  group_id: z.number(),
  hook,
  token: z.string().describe('Part of the address to post to: /hooks/<token>. Shown only once.'),
});

/** The response to GET /hooks. */
export const hooksResponse = z.object({ group_id: z.number(), hooks: z.array(hook) });

/** `/hooks`: addresses to which scripts post. Each address belongs to one group. */
export function hookRoutes(services: Services): Route[] {
  return [listRoute(services), createRoute(services), revokeRoute(services), postRoute(services)];
}

function listRoute({ hooks }: Services): Route {
  return route({
    method: 'get',
    path: '/hooks',
    servedBy: 'every node in service',
    requires: 'user',
    summary: 'The hooks of a group that are not revoked, for its owners and admins',
    input: z.object({ groupId: id }),
    errorStatuses: [404],
    responseBody: hooksResponse,
    async handle({ input: { groupId }, caller }) {
      return { body: { group_id: groupId, hooks: await hooks.list(groupId, caller.userId) } };
    },
  });
}

function createRoute({ hooks }: Services): Route {
  return route({
    method: 'post',
    path: '/hooks',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Creates a hook of a group, for its owners and admins: programs that have its token may post to the group',
    description:
      'The token permits nothing else. The hook stays when its creator leaves the group. It ends when the group or the account of its creator is deleted',
    input: z.object({ groupId: id, name: hookName }),
    status: 201,
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key'],
    responseBody: hookResponse,
    async handle({ input, caller, request }) {
      const key = requestKeyOf(request, caller.userId, input);
      const { hook, token } = await hooks.create({ ...input, actorId: caller.userId }, key);
      return { status: 201, body: { group_id: input.groupId, hook, token } };
    },
  });
}

function revokeRoute({ hooks }: Services): Route {
  return route({
    method: 'delete',
    path: '/hooks',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Revokes a hook, for owners and admins of its group; its messages stay, and its token gets 410',
    input: z.object({ hookId: id }),
    errorStatuses: [404],
    responseBody: z.object({ message: z.string(), hook_id: z.number() }),
    responseExample: { message: 'hook revoked' },
    async handle({ input: { hookId }, caller }) {
      await hooks.revoke(hookId, caller.userId);
      return { body: { message: 'hook revoked', hook_id: hookId } };
    },
  });
}

function postRoute({ hooks, hookPostsPerMinute, writer, eventLog }: Services): Route {
  const limit = hookPostsPerMinute > 0 ? new RateLimiter('messages of this hook', hookPostsPerMinute) : null;
  return route({
    method: 'post',
    path: '/hooks/:hookToken',
    servedBy: 'active node',
    requires: 'anyone',
    takesText: true,
    summary: 'Sends a message to the group of a hook; the token is the credential',
    description:
      "The body is JSON, or plain text (curl -d 'Backup finished' …/hooks/<token>). Keep the address secret, and out of the logs of proxies. An unknown token gets 404, the token of a revoked hook 410. HOOK_POSTS_PER_MINUTE limits each hook",
    input: z.object({ hookToken: z.string(), content }),
    errorStatuses: [404, 409, 410],
    headers: ['Idempotency-Key'],
    responseBody: sendResponse,
    responseExample: { message: 'message sent' },
    async handle({ input, request }) {
      const key = idempotencyKey(request);
      const { id, groupId, isRepeated } = await hooks.find(input.hookToken, key);
      if (!isRepeated) await limit?.count(String(id));
      const post = { senderId: id, groupId, content: input.content, key, mustReplicate: false, fromHook: true };
      return { body: await sentBody(await writer.post(post), eventLog) };
    },
  });
}

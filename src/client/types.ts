/**
 * The types of the API, inferred from the schemas that the server uses to check requests and to document responses. Only types
 * are imported from the server: none of its code is part of the client.
 */
import type { z } from 'zod';
import type { ephemeral, event } from '../http/contract/event-schemas.ts';
import type { chat, member, message, user } from '../http/contract/response-schemas.ts';
import type { account, passwordResponse, sessionsResponse } from '../http/routes/accounts/account-routes.ts';
import type { loginResponse } from '../http/routes/accounts/sign-in-routes.ts';
import type {
  activityResponse,
  blockingResponse,
  timelineResponse,
} from '../http/routes/cluster/cluster-detail-routes.ts';
import type { clusterResponse } from '../http/routes/cluster/cluster-routes.ts';
import type { health, switchoverResponse } from '../http/routes/cluster/control-routes.ts';
import type { logLevelResponse } from '../http/routes/cluster/log-level-routes.ts';
import type {
  acceptedResponse,
  checkedResponse,
  groupResponse,
  invitationResponse,
  invitationsResponse,
} from '../http/routes/groups/administration-routes.ts';
import type { directResponse } from '../http/routes/groups/direct-routes.ts';
import type { groupEventsResponse } from '../http/routes/groups/group-event-routes.ts';
import type { chatsResponse, createChatResponse } from '../http/routes/groups/group-routes.ts';
import type { hookResponse, hooksResponse } from '../http/routes/messages/hook-routes.ts';
import type { presenceResponse } from '../http/routes/messages/live-routes.ts';
import type { editResponse, pageResponse, sendResponse } from '../http/routes/messages/message-routes.ts';
import type { reactionResponse } from '../http/routes/messages/reaction-routes.ts';
import type { groupReads, readResponse, syncResponse } from '../http/routes/messages/read-mark-routes.ts';
import type { searchResponse } from '../http/routes/messages/search-routes.ts';
import type { notifyResponse } from '../http/routes/messages/subscribe-routes.ts';

/** A user account. */
export type User = z.output<typeof user>;
/** A member of a group, with the role there. */
export type Member = z.output<typeof member>;
/** A role in a group. */
export type MemberRole = Member['role'];
/** A group of the signed-in user, with unread count and last message. Group names are not unique, ids are. */
export type Chat = z.output<typeof chat>;
/** The part of a group that every list of groups has. */
export type GroupSummary = Pick<Chat, 'id' | 'name' | 'members'>;
/** A stored message. `timestamp` is ISO 8601 in UTC. */
export type Message = z.output<typeof message>;
/** The response to GET /me. */
export type Account = z.output<typeof account>;
/** A signed-in device. */
export type SignedInDevice = z.output<typeof sessionsResponse>['sessions'][number];
/** The response to POST /password. */
export type PasswordChange = z.output<typeof passwordResponse>;

type Login = z.output<typeof loginResponse>;
/**
 * The response to POST /login and /register. With AUTH=token, later requests need the `token`. `cluster` is the id of the
 * cluster: pass it with the token to a later client.
 */
export type SignInResult = Pick<Login, 'user_id' | 'username'> &
  Partial<Pick<Login, 'created' | 'token' | 'cluster' | 'epoch'>>;

/** A user's groups, and the cursor from which `events({ cursor })` continues without gap or overlap. */
export type ChatList = z.output<typeof chatsResponse>;
/** A page of the events about a group itself, oldest first, and the cursor at which it was read. */
export type GroupEventPage = Omit<z.output<typeof groupEventsResponse>, 'group_id'>;
/** The signed-in user with all groups, and the cursor of that snapshot. */
export type Sync = z.output<typeof syncResponse>;
/** A page of messages, oldest first, and the cursor at which it was read. */
export type MessagePage = Omit<z.output<typeof pageResponse>, 'group_id'>;
type Sent = z.output<typeof sendResponse>;
/** A stored message's id, and its cursor in the event log. `durable` is absent from older nodes. */
export type SendResult = Omit<Sent, 'message' | 'durable'> & Partial<Pick<Sent, 'durable'>>;
/** An edited message. */
export type EditResult = z.output<typeof editResponse>;
/** How many users have a reaction to a message. */
export type ReactionResult = z.output<typeof reactionResponse>;
/** The position of a read mark after POST /read. */
export type ReadMark = z.output<typeof readResponse>;
/** How far the members of a group have read. */
export type GroupReads = z.output<typeof groupReads>;
/** The messages that a search found, newest first. */
export type SearchResult = z.output<typeof searchResponse>;
/** The response to POST /notify/{group}. */
export type NotifyResult = z.output<typeof notifyResponse>;
/** A new group; `warning` names the usernames that do not exist. */
export type CreatedGroup = z.output<typeof createChatResponse>;
/** A group's name and state after a change. */
export type GroupState = z.output<typeof groupResponse>;
/** The chat of two users. */
export type DirectChat = z.output<typeof directResponse>;
/** A new invitation, with its token. */
export type Invitation = z.output<typeof invitationResponse>;
/** An invitation that is still valid; without its token. */
export type OpenInvitation = z.output<typeof invitationsResponse>['invitations'][number];
/** The group of an invitation. */
export type CheckedInvitation = z.output<typeof checkedResponse>;
/** A hook of a group. */
export type Hook = z.output<typeof hooksResponse>['hooks'][number];
/** A new hook, with its token. */
export type CreatedHook = z.output<typeof hookResponse>;
/** The group that was joined with an invitation. */
export type AcceptedInvitation = z.output<typeof acceptedResponse>;

/** An entry of the event log; `kind` is its type. The client skips kinds that only a newer node knows. */
export type ChatEvent = z.output<typeof event>;
/** A signal that is not stored in the log: a user is typing, has connected or has disconnected. */
export type Ephemeral = z.output<typeof ephemeral>;
/** The members of a group who are connected. */
export type PresenceList = z.output<typeof presenceResponse>;
/** The events of one kind. */
export type EventOf<Kind extends ChatEvent['kind']> = Extract<ChatEvent, { kind: Kind }>;
/** A user joined or left a group. */
export type MembershipChanged = EventOf<'joined' | 'left'>;

/** GET /health. */
export type Health = z.output<typeof health>;

/** `open`: a name is enough, and groups are joined by name. `token`: passwords, and members add others to a group. */
export type AuthMode = Health['auth'];

/** A node's state from GET /health; `reachable` is false if it did not respond in time. */
export interface NodeStatus {
  url: string;
  reachable: boolean;
  status: Health['status'] | 'unknown';
  active: boolean;
  node?: string;
  term?: number;
  active_node?: string | null;
  /** When the pause of failover for maintenance ends by itself; null while there is none. */
  paused_until?: string | null;
  /** How users sign in: by name alone, or with a password. */
  auth?: AuthMode;
}

/** Whether a request reads or writes: every node serves reads and long polls, only the active node accepts writes. */
export type ConnectionUse = 'read' | 'write';

/** A node started or stopped serving this client for one use. `reason` says why it was lost. */
export interface ConnectionChange {
  use: ConnectionUse;
  url: string;
  state: 'connected' | 'lost';
  reason?: string;
}

/** GET /cluster: the nodes, and the latest terms, newest first, as recorded in the database. */
export type ClusterStatus = z.output<typeof clusterResponse>;
/** GET /cluster/timeline: the terms of the last day. */
export type ClusterTimeline = z.output<typeof timelineResponse>;
/** GET /cluster/activity: the figures of every node during the last minutes. */
export type ClusterActivity = z.output<typeof activityResponse>;
/** GET /cluster/blocking: the database sessions that block the nodes. */
export type ClusterBlocking = z.output<typeof blockingResponse>;
/** The result of a switchover. */
export type Switchover = z.output<typeof switchoverResponse>;
/** The response to POST /log-level. */
export type LogLevelChange = z.output<typeof logLevelResponse>;

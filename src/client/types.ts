/** Somebody who chats. */
export interface User {
  id: number;
  username: string;
}

/** A group of the signed-in user. Names may repeat, ids do not. */
export interface Group {
  id: number;
  name: string;
  members: User[];
}

/** A stored message. `timestamp` is ISO 8601 in UTC. */
export interface Message {
  id: number;
  sender: string;
  sender_id: number;
  content: string;
  timestamp: string;
}

/** What POST /login and /register answer; `token` is what AUTH=token asks for. */
export interface Session {
  user_id: number;
  username: string;
  created?: boolean;
  token?: string;
}

/** The groups of a user and the cursor from which `events({ cursor })` goes on without gap or overlap. */
export interface ChatList {
  chats: Group[];
  cursor: string;
}

/** A page of messages, oldest first, and the cursor of that moment. */
export interface MessagePage {
  messages: Message[];
  has_more: boolean;
  cursor: string;
}

/** A stored message's number, and its place in the event log. */
export interface Sent {
  message_id: number;
  timestamp: string;
  cursor: string;
}

/** A group just made; `warning` names the members that do not exist. */
export interface CreatedGroup {
  group_id: number;
  group_name: string;
  warning?: string;
}

/** What every event has: `cursor` is its place in the log, `at` is ISO 8601 in UTC. */
export interface EventBase {
  cursor: string;
  at: string;
}

/** Somebody has written to a group. */
export interface MessagePosted extends EventBase {
  kind: 'message';
  group_id: number;
  message: Message;
}

/** A message was deleted, for everybody. */
export interface MessageRemoved extends EventBase {
  kind: 'message_deleted';
  group_id: number;
  message_id: number;
}

/** Somebody has come into a group or gone out of it. */
export interface MembershipChanged extends EventBase {
  kind: 'joined' | 'left';
  group_id: number;
  user_id: number;
  username: string;
}

/** POST /notify/{group}: `group_id` is null where the name is a free topic's. */
export interface GroupNotified extends EventBase {
  kind: 'notification';
  group: string;
  group_id: number | null;
  payload: unknown;
}

/** POST /notify/all. */
export interface EverybodyNotified extends EventBase {
  kind: 'broadcast';
  payload: unknown;
}

/** One entry of the event log. A newer node may send further kinds: pass over those you do not know. */
export type ChatEvent = MessagePosted | MessageRemoved | MembershipChanged | GroupNotified | EverybodyNotified;

/** `open`: a name is believed, and groups are joined by name. `token`: passwords, and one is added by a member. */
export type AuthMode = 'open' | 'token';

/** What one node says of itself on GET /health; `reachable` false when it said nothing in time. */
export interface NodeStatus {
  url: string;
  reachable: boolean;
  status: 'alive' | 'down' | 'unknown';
  active: boolean;
  node?: string;
  term?: number;
  active_node?: string | null;
  /** How one signs in there: by name alone, or with a password. */
  auth?: AuthMode;
}

/** What a node is asked for. Reads and long polls work on every node, writes on the active one. */
export type Use = 'read' | 'write';

/** A node began or ceased to serve this client for one use. `reason` says why it was lost. */
export interface ConnectionChange {
  use: Use;
  url: string;
  state: 'connected' | 'lost';
  reason?: string;
}

/** One node in GET /cluster: as the database knows it, which may be later or earlier than the node itself. */
export interface ClusterNode {
  node: string;
  url: string;
  role: string;
  [more: string]: unknown;
}

/** GET /cluster. `history` is the last terms, the newest first. */
export interface ClusterStatus {
  term: number | null;
  active_node: string | null;
  nodes: ClusterNode[];
  history: Record<string, unknown>[];
}

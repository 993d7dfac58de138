/** A user account. */
export interface User {
  id: number;
  username: string;
}

/** A group of the signed-in user. Group names are not unique, ids are. */
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
  /** Absent if the text was never changed. */
  edited_at?: string;
}

/** The response to POST /login and /register. With AUTH=token, later requests need the `token`. */
export interface SignInResult {
  user_id: number;
  username: string;
  created?: boolean;
  token?: string;
  /** The id of the cluster: pass it with the token to a later client. */
  cluster?: string | null;
}

/** A user's groups, and the cursor from which `events({ cursor })` continues without gap or overlap. */
export interface ChatList {
  chats: Group[];
  cursor: string;
}

/** A page of messages, oldest first, and the cursor at which it was read. */
export interface MessagePage {
  messages: Message[];
  has_more: boolean;
  cursor: string;
}

/** What a commit waited for: the disk of PostgreSQL's primary, or also those of its synchronous standbys. */
export type Durability = 'local' | 'replicated';

/** A stored message's id, and its cursor in the event log. `durable` is absent from older nodes. */
export interface SendResult {
  message_id: number;
  timestamp: string;
  cursor: string;
  durable?: Durability;
}

/** A new group; `warning` names the usernames that do not exist. */
export interface CreatedGroup {
  group_id: number;
  group_name: string;
  warning?: string;
}

/** The fields of every event: `cursor` is its position in the log, `at` is ISO 8601 in UTC. */
export interface EventBase {
  cursor: string;
  at: string;
}

/** A message was sent to a group. */
export interface MessagePosted extends EventBase {
  kind: 'message';
  group_id: number;
  message: Message;
}

/** The text of a message was changed. */
export interface MessageEdited extends EventBase {
  kind: 'message_edited';
  group_id: number;
  message: Message;
}

/** A message was deleted. */
export interface MessageRemoved extends EventBase {
  kind: 'message_deleted';
  group_id: number;
  message_id: number;
}

/** A user joined or left a group. */
export interface MembershipChanged extends EventBase {
  kind: 'joined' | 'left';
  group_id: number;
  user_id: number;
  username: string;
}

/** POST /notify/{group}: `group_id` is null if the name is a free topic, not a group. */
export interface GroupNotified extends EventBase {
  kind: 'notification';
  group: string;
  group_id: number | null;
  payload: unknown;
}

/** POST /notify/all. */
export interface Broadcast extends EventBase {
  kind: 'broadcast';
  payload: unknown;
}

/** One entry of the event log. A newer node may send other kinds: ignore those you do not know. */
export type ChatEvent = MessagePosted | MessageEdited | MessageRemoved | MembershipChanged | GroupNotified | Broadcast;

/** `open`: a name is enough, and groups are joined by name. `token`: passwords, and members add others to a group. */
export type AuthMode = 'open' | 'token';

/** A node's state from GET /health; `reachable` is false if it did not respond in time. */
export interface NodeStatus {
  url: string;
  reachable: boolean;
  status: 'alive' | 'down' | 'unknown';
  active: boolean;
  node?: string;
  term?: number;
  active_node?: string | null;
  /** How users sign in: by name alone, or with a password. */
  auth?: AuthMode;
}

/** What a request needs: every node serves reads and long polls, only the active node accepts writes. */
export type Use = 'read' | 'write';

/** A node started or stopped serving this client for one use. `reason` says why it was lost. */
export interface ConnectionChange {
  use: Use;
  url: string;
  state: 'connected' | 'lost';
  reason?: string;
}

/** One node in GET /cluster, as recorded in the database; it may lag behind the node itself. */
export interface ClusterNode {
  node: string;
  url: string;
  role: string;
  [more: string]: unknown;
}

/** What a commit survives. `messages_at_risk` is null if PostgreSQL has no standby. */
export interface ClusterDurability {
  durable: Durability;
  messages_at_risk: number | null;
  standbys: Record<string, unknown>[];
}

/** GET /cluster. `history` lists the latest terms, newest first. */
export interface ClusterStatus {
  term: number | null;
  active_node: string | null;
  nodes: ClusterNode[];
  history: Record<string, unknown>[];
  /** Absent from older nodes. */
  durability?: ClusterDurability;
}

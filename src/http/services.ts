import type { Sequelize } from 'sequelize';
import type { Accounts } from '../chat/accounts.ts';
import type { Groups } from '../chat/groups.ts';
import type { MessageWriter } from '../chat/message-writer.ts';
import type { Messages } from '../chat/messages.ts';
import type { Notifications } from '../chat/notifications.ts';
import type { Rosters } from '../chat/rosters.ts';
import type { Tokens } from '../chat/tokens.ts';
import type { Users } from '../chat/users.ts';
import type { NotifyQueue } from '../database/notify-queue.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Waiters } from '../events/waiters.ts';
import type { Log } from '../log.ts';
import type { Identify } from './caller.ts';
import type { EventStreams } from './event-streams.ts';
import type { DutyView } from './gates.ts';
import type { HostCheck } from './host-check.ts';
import type { LongPolls } from './long-poll.ts';
import type { OriginCheck } from './origin-check.ts';
import type { Traffic } from './traffic.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** How the HTTP layer sees the cluster; node.ts makes it of the SyncManager and its peers. */
export interface Cluster extends DutyView {
  /** Of the cluster; null until it is known. */
  readonly id: string | null;
  /** The history of the event log that this node knows. */
  readonly epoch: string;
  readonly node: string;
  readonly url: string;
  readonly term: number | null;
  readonly activeNode: string | null;
  /** It could do now what its role asks for. */
  readonly isReady: boolean;
  /** It could answer reads and polls now. */
  readonly canRead: boolean;
  /** What is wrong now. */
  readonly conditions: readonly { name: string; reason: string; since: Date }[];
  peers(): { url: string; node: string | null; alive: boolean; active: boolean }[];
  fall(): Promise<void>;
  revive(): Promise<void>;
  /** Null when handed over, else why not. */
  switchover(to: string | null): Promise<string | null>;
}

/** Everything that the routes use, put together in node.ts. */
export interface Services {
  version: string;
  hosts: HostCheck;
  origins: OriginCheck;
  trustProxy: number | string[] | null;
  authMode: 'open' | 'token';
  adminToken: string | null;
  /** 0 is no limit. */
  requestsPerMinute: number;
  log: Log;
  sequelize: Sequelize;
  cluster: Cluster;
  identify: Identify;
  users: Users;
  accounts: Accounts;
  tokens: Tokens;
  groups: Groups;
  messages: Messages;
  writer: MessageWriter;
  notifications: Notifications;
  rosters: Rosters;
  eventLog: EventLog;
  waiters: Waiters;
  polls: LongPolls;
  streams: EventStreams;
  notifyQueue: Pick<NotifyQueue, 'usage'>;
  /** In this term, in milliseconds. */
  lease: { readonly worstDelayMs: number };
  room: WaitingRoom;
  traffic: Traffic;
}

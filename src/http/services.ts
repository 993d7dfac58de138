import type { Sequelize } from 'sequelize';
import type { AccountChanges } from '../chat/auth/account-changes.ts';
import type { Accounts } from '../chat/auth/accounts.ts';
import type { Tokens } from '../chat/auth/tokens.ts';
import type { ChatServices } from '../chat/chat-services.ts';
import type { MembershipLoader } from '../chat/delivery/membership-loader.ts';
import type { LiveSignals } from '../chat/live/live-signals.ts';
import type { MessageWriter } from '../chat/posting/message-writer.ts';
import type { NotifyQueue } from '../database/checks/notify-queue.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Waiters } from '../events/waiters.ts';
import type { Log } from '../log/log.ts';
import type { LogLevel } from '../log/log-level.ts';
import type { Measurements } from '../measurements/measurements.ts';
import type { ConnectionTracker } from './connection-tracker.ts';
import type { ErrorCode } from './contract/error-codes.ts';
import type { LongPolls } from './delivery/long-polls.ts';
import type { PollSlots } from './delivery/poll-slots.ts';
import type { SseStreams } from './delivery/sse-streams.ts';
import type { WriteForwarder } from './forwarding/write-forwarder.ts';
import type { Authenticator } from './request/checks/authentication.ts';
import type { HostCheck } from './request/checks/host-check.ts';
import type { OriginCheck } from './request/checks/origin-check.ts';
import type { NotificationLimits } from './request/checks/rate-limit.ts';
import type { RoleView } from './request/checks/role-gate.ts';
import type { RequestQueues } from './request/request-queues.ts';

/** The cluster as the HTTP layer sees it. node/cluster-view.ts implements it. */
export interface Cluster extends RoleView {
  /** The id of the cluster; null until it is known. */
  readonly id: string | null;
  /** The epoch of the event log that this node knows. */
  readonly epoch: string;
  readonly node: string;
  readonly url: string;
  readonly term: number | null;
  readonly activeNode: string | null;
  /** The time for which no node has been active, in milliseconds; null while one is, and if this process has never known one. */
  readonly noActiveMs: number | null;
  /** An active node of the same cluster id on another database; null if there is none. */
  readonly secondActive: { node: string; url: string; term: number; epoch: string | null } | null;
  /** The pause of failover as this node read it last, about a second ago at most; null if there is none. */
  readonly pause: { since: Date; until: Date; reason: string | null; askedBy: string } | null;
  peers(): { url: string; node: string | null; alive: boolean; active: boolean }[];
  /** Takes the node out of service. */
  fall(): Promise<void>;
  /** Brings the node back into service. */
  revive(): Promise<void>;
  /** Returns null on success, otherwise the error code and its sentence. */
  switchover(
    to: string | null,
    requester: { name: string; address: string | null },
  ): Promise<{ code: ErrorCode; sentence: string } | null>;
}

/** The ability of this node to work now, with its database as it is. node/readiness.ts implements it. */
interface Readiness {
  /** True if the node can do the work of its role. */
  readonly isReady: boolean;
  /** True if the node can serve reads and polls. */
  readonly canRead: boolean;
  /** Current problems. */
  readonly conditions: readonly { name: string; reason: string; since: Date }[];
}

/** The figures of the nodes in intervals of `stepMs`, oldest first; null where a node reported nothing. */
interface RecentFigures {
  readonly stepMs: number;
  view(): ({ node: string } & Record<
    'posts_per_second' | 'waiters' | 'commit_ms' | 'delivery_ms',
    readonly (number | null)[]
  >)[];
}

/** Everything that the app and its routes use. Assembled in node/parts/http.ts. */
export interface Services extends ChatServices {
  version: string;
  hosts: HostCheck;
  origins: OriginCheck;
  trustProxy: number | string[] | null;
  authMode: 'open' | 'token';
  adminToken: string | null;
  /** False if responses must not name the address of the active node: `active_url` is null then. */
  showsActiveUrl: boolean;
  /** Forwards writes from a standby to the active node; null if a standby refuses them. */
  forwarder: WriteForwarder | null;
  /** 0 means no limit. */
  requestsPerMinute: number;
  notificationLimits: NotificationLimits;
  /** 0 means no limit. */
  hookPostsPerMinute: number;
  log: Log;
  logLevel: LogLevel;
  /** The number of lines of the log that were dropped because nothing read it. */
  logOutput: { readonly lost: number };
  sequelize: Sequelize;
  cluster: Cluster;
  readiness: Readiness;
  authenticator: Authenticator;
  accounts: Accounts;
  accountChanges: AccountChanges;
  tokens: Tokens;
  writer: MessageWriter;
  memberships: MembershipLoader;
  /** Typing and presence; null with PRESENCE=off. */
  live: LiveSignals | null;
  eventLog: EventLog;
  waiters: Waiters;
  polls: LongPolls;
  streams: SseStreams;
  notifyQueue: Pick<NotifyQueue, 'usage' | 'standbyWaits'>;
  /** Milliseconds: the longest delay of a renewal in this term, the time left, and LEASE_MS. */
  lease: { readonly worstDelayMs: number; readonly remainingMs: number; readonly lengthMs: number };
  listener: { readonly isListening: boolean; readonly replacements: number };
  /** The figures of all nodes during the last minutes. */
  activity: RecentFigures;
  tokenCache: { readonly size: number; readonly misses: number };
  measurements: Measurements;
  pollSlots: PollSlots;
  queues: RequestQueues;
  connectionTracker: ConnectionTracker;
}

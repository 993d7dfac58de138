import type { TokenCache } from '../../chat/auth/token-cache.ts';
import { CatchUpReader } from '../../chat/delivery/catch-up-reader.ts';
import { EventDelivery } from '../../chat/delivery/event-delivery.ts';
import { MembershipCache } from '../../chat/delivery/membership-cache.ts';
import { MembershipLoader } from '../../chat/delivery/membership-loader.ts';
import { Subscriptions } from '../../chat/delivery/subscriptions.ts';
import { LiveSignals } from '../../chat/live/live-signals.ts';
import { EventLog } from '../../events/event-log.ts';
import { EventDecoder } from '../../events/reading/event-decoder.ts';
import { Waiters } from '../../events/waiters.ts';
import type { Log } from '../../log/log.ts';
import type { Measurements } from '../../measurements/measurements.ts';
import type { Settings } from '../../settings.ts';
import type { NodeDatabase } from './database.ts';
import type { NodeEvents } from './node-events.ts';

/** Options of {@link buildDelivery}. */
export interface DeliveryOptions {
  settings: Settings;
  log: Log;
  database: NodeDatabase;
  tokenCache: TokenCache;
  measurements: Measurements;
  events: NodeEvents;
}

/** Builds the event log, the waiters to which its events are delivered, and the parts that decide which client receives an event. */
export function buildDelivery({ settings, log, database, tokenCache, measurements, events }: DeliveryOptions) {
  const { logSession } = database;
  const waiters = new Waiters((ms) => measurements.wokeAll(ms));
  const membershipCache = new MembershipCache(settings.maxWaiters);
  const delivery = new EventDelivery(waiters, membershipCache);
  const decoder = new EventDecoder(log);
  const eventLog = new EventLog({
    session: settings.auth === 'token' ? tokenCache.afterRevocations(logSession) : logSession,
    log,
    decoder,
    onEvents: (batch, end) => delivery.deliver(batch, end),
    comparisons: (event) => waiters.comparisons(event),
    onDelivered: (ageMs) => measurements.delivered(ageMs),
    interest: () => delivery.interest(),
    onNewHistory(cursor) {
      tokenCache.forget();
      delivery.abandon(cursor);
    },
    onMissedNotification: () => void events.emit('notificationMissed'),
  });
  const memberships = new MembershipLoader(logSession, eventLog, membershipCache);
  const catchUpReader = new CatchUpReader(database.catchUpSession, decoder);
  const subscriptions = new Subscriptions(eventLog, catchUpReader, waiters, membershipCache);
  const live = settings.presence
    ? new LiveSignals({ session: database.signalSession, log, eventLog, waiters, cache: membershipCache, memberships })
    : null;
  return { waiters, eventLog, memberships, subscriptions, live };
}

import { monotonic } from '../../async/clock.ts';
import { parseClusterSignal } from '../../coordination/peers/cluster-signal.ts';
import { SignalLimit } from '../../coordination/peers/signal-limit.ts';
import { CHANNELS } from '../../database/channels.ts';
import { Listener, type ListenerOptions } from '../../database/listener.ts';
import type { NodeChat } from './chat.ts';
import type { NodeEvents } from './node-events.ts';

/** Creates the listener, which hands each notification to the part of the chat that it is for, or emits it as a signal of the cluster. */
export function buildListener(
  { eventLog, tokenCache, live }: NodeChat,
  { events, ...options }: Pick<ListenerOptions, 'connection' | 'log'> & { events: NodeEvents },
): Listener {
  const signalLimit = new SignalLimit(monotonic);
  return new Listener({
    ...options,
    channels: Object.values(CHANNELS).filter((channel) => channel !== CHANNELS.signals || live !== null),
    onListening: () => void eventLog.hint(),
    onNotification(channel, payload) {
      if (channel === CHANNELS.events) return void eventLog.hint(payload);
      if (channel === CHANNELS.tokens) return tokenCache.readRevocationsSoon();
      if (channel === CHANNELS.signals) return live?.receive(payload);
      const signal = signalLimit.allows() ? parseClusterSignal(payload) : null;
      if (signal) events.emit('clusterSignal', signal);
    },
  });
}

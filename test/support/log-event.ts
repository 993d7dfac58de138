import type { LogEvent } from '../../src/events/log-event.ts';

/** Returns an event at this position of the log: a message that concerns no one, unless `more` says otherwise. */
export function logEvent(position: number, more: Partial<LogEvent> = {}): LogEvent {
  const none = { groupId: null, groupName: null, topic: null, userId: null, messageId: null, message: null };
  return { position, cursor: `e-${position}`, kind: 'message', json: `{"n":${position}}`, ...none, ...more };
}

/** Returns a function that makes events, each at the position after the last one. */
export function logEvents(): (more?: Partial<LogEvent>) => LogEvent {
  let position = 0;
  return (more = {}) => {
    position += 1;
    return logEvent(position, more);
  };
}

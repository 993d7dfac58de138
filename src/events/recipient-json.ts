import type { LogEvent } from './log-event.ts';

/** Returns the JSON of an event's message for a user, who may be its sender; null if the event carries no message. */
export function messageFor({ message, echo }: LogEvent, userId: number | undefined): string | null {
  if (message === null || echo === undefined || echo.senderId !== userId) return message;
  return message.slice(0, -1) + echo.end;
}

/** Returns the JSON of an event for a user; null if it is not delivered. */
export function jsonFor(event: LogEvent, userId: number | undefined): string | null {
  const { json, message, echo } = event;
  if (json === null || message === null || echo === undefined || echo.senderId !== userId) return json;
  return json.replace(message, () => messageFor(event, userId) ?? message);
}

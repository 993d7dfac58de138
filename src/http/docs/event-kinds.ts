import type { z } from 'zod';
import { escapeHtml } from '../../text/escape-html.ts';
import type { event } from '../contract/event-schemas.ts';
import type { JsonSchema } from '../contract/json-schema.ts';
import { exampleOf } from './examples.ts';
import { inline } from './html.ts';

/** The cause of each kind of event, and its recipients. A kind without an entry fails to compile. */
export const EVENT_KINDS: Record<z.output<typeof event>['kind'], string> = {
  message: 'A message was sent to the group.',
  message_edited: 'The text or the meta of a message was changed; `edited_at` says when.',
  message_deleted: 'A message was deleted.',
  reaction: 'A user added a reaction to a message, or removed it.',
  read: 'The user has read further in the group, on any device. Only the user’s own devices receive it.',
  read_by: 'A member has read further, in a group with `shows_reads`. At most two events a second for one member.',
  role_changed:
    'The role of a member in the group has changed; also sent if the last owner left and another member became owner.',
  group_changed:
    'The group was renamed, its description or settings changed, or it was archived or restored. A poll by its earlier name receives it too.',
  group_deleted: 'The group was deleted, with its messages. A poll by its name receives it too.',
  user_renamed:
    'The name of a user has changed, to deleted-… for a deleted account. Delivered once for each group of the user, and to the user’s own devices.',
  joined: 'A user joined the group, or created it. Delivered to the group, and to the user.',
  left: 'A user left the group or was removed. Delivered to the group, and to the user.',
  notification:
    'A notification was sent, by POST /notify/{group} or plantao.notify_group() in SQL. `group_id` is null for a topic, and always with AUTH=open.',
  broadcast: 'A notification was sent to all, by POST /notify/all. Every poll and stream receives it.',
};

/** Returns the kinds of events as HTML, each with an example as a poll or stream delivers it. */
export function eventKinds(schemas: Record<string, JsonSchema>): string {
  const { mapping = {} } = (schemas.Event?.discriminator ?? {}) as { mapping?: Record<string, string> };
  const kinds = Object.entries(mapping).map(([kind, $ref]) => {
    const name = $ref.split('/').at(-1) ?? '';
    const example = JSON.stringify(exampleOf({ $ref }, schemas), null, 2);
    const about = schemas[name]?.description ?? '';
    return `<section id="event-${kind}" data-title="event ${kind}" data-text="${escapeHtml(String(about))}">
<h3><code>${kind}</code></h3><p>${inline(String(about))} Fields: <a href="#schema-${name}">${name}</a>.</p>
<details class="example"><summary>Example</summary><pre>${escapeHtml(example)}</pre></details></section>`;
  });
  return kinds.join('\n');
}

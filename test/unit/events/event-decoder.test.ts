import { expect } from 'chai';
import type { FeedRow } from '../../../src/events/event-feed.ts';
import { EventDecoder } from '../../../src/events/reading/event-decoder.ts';
import { event as schema } from '../../../src/http/contract/event-schemas.ts';

const STATE = { name: 'Sala', description: '', archived: false, shows_reads: true };

/** The payloads that the triggers write, by kind. */
const PAYLOADS: Record<string, object | null> = {
  reaction: { user_id: 3, emoji: '👍', added: true, count: 2 },
  read: { group_id: 7, message_id: 9 },
  read_by: { user_id: 3, message_id: 9 },
  role_changed: { user_id: 3, role: 'admin' },
  group_changed: { ...STATE, changed: ['name'] },
  group_deleted: STATE,
  user_renamed: null,
  joined: { created: true },
  left: null,
  message_deleted: null,
};
const NEEDS_PAYLOAD = ['reaction', 'read', 'read_by', 'role_changed', 'group_changed', 'group_deleted'];
const WRONG: unknown[] = [null, -1, 1.5, 2 ** 53, 'x', '1', '', true, [], ['x'], {}, { toString: 1 }];

const row = (kind: string, payload: unknown): FeedRow => ({
  position: 5,
  kind,
  group_id: kind === 'read' ? null : 7,
  group_name: 'Sala',
  topic: null,
  user_id: 3,
  username: 'caio',
  actor_id: null,
  actor: null,
  message_id: 9,
  sender_id: null,
  sender: null,
  is_hook: null,
  content: null,
  sent_at: null,
  edited_at: null,
  is_outdated: null,
  idempotency_key: null,
  meta: null,
  reply_to: null,
  payload: payload === null ? null : JSON.stringify(payload),
  at: new Date(0),
  bytes: payload === null ? 0 : 100,
});

describe('The decoder of events', () => {
  /** Decodes a row, and returns the event if it is delivered, with what was logged. */
  const decode = (kind: string, payload: unknown) => {
    const logged: string[] = [];
    const log = { error: (_: object, text: string) => logged.push(text), warn: () => {} };
    const { json, endsAccount } = new EventDecoder(log as never).decode(row(kind, payload), 'e');
    return { event: json === null ? null : JSON.parse(json), logged, endsAccount };
  };
  const strict = (event: unknown) => expect(schema.parse(event), JSON.stringify(event)).to.deep.equal(event);

  for (const [kind, payload] of Object.entries(PAYLOADS)) {
    it(`takes only its own fields from the payload of ${kind}`, () => {
      const { event, logged } = decode(kind, payload);
      strict(event);
      expect(logged).to.deep.equal([]);
      const added = { cursor: 'evil', kind: 'broadcast', at: 'never', group: 1, actor: 5, actor_id: 'x', extra: true };
      const own = kind === 'read' ? added : { ...added, group_id: 999 };
      expect(decode(kind, { ...payload, ...own }).event).to.deep.equal(event);
    });

    it(`delivers no ${kind} without its fields or with other types`, () => {
      for (const other of [...WRONG, ...Object.values(PAYLOADS)]) {
        const { event, logged } = decode(kind, other);
        if (event !== null) strict(event);
        expect(logged, `${kind} ${JSON.stringify(other)}`).to.have.length(event === null ? 1 : 0);
      }
      if (!NEEDS_PAYLOAD.includes(kind)) return;
      for (const field of Object.keys(payload ?? {})) {
        const without = Object.fromEntries(Object.entries(payload ?? {}).filter(([name]) => name !== field));
        const changed = WRONG.map((value) => ({ ...payload, [field]: value }));
        for (const other of [without, ...changed]) {
          const { event } = decode(kind, other);
          if (event !== null) strict(event);
        }
      }
      expect(decode(kind, {}).event).to.equal(null);
      expect(decode(kind, null).event).to.equal(null);
    });
  }

  it('delivers no event about a group without a group', () => {
    for (const kind of ['role_changed', 'group_changed', 'group_deleted']) {
      const { json } = new EventDecoder().decode({ ...row(kind, PAYLOADS[kind]), group_id: null }, 'e');
      expect(json, kind).to.equal(null);
    }
  });

  it('takes a renamed user for a deleted account only if the payload says so', () => {
    expect(decode('user_renamed', { erased: true }).endsAccount).to.equal(true);
    for (const payload of [{}, 1, { erased: 'x' }]) {
      expect(decode('user_renamed', payload).endsAccount, JSON.stringify(payload)).to.equal(undefined);
    }
  });
});

import { expect } from 'chai';
import type pg from 'pg';
import { GroupOrNameAudience, UserAudience } from '../../../../src/chat/delivery/audiences.ts';
import { Refused } from '../../../../src/chat/errors.ts';
import { CursorExpiredError, parseCursor } from '../../../../src/events/cursor.ts';
import type { DirectPoll, LogNode } from '../delivery-node.ts';
import type { LogModel, Reading } from './log-model.ts';

type Events = Parameters<LogModel['fault']>[3];

interface Reader {
  reading: Reading;
  cursor: string;
  waiting: { poll: DirectPoll; node: LogNode } | null;
}

/** Readers that poll on one node or another with their cursors. The events that they receive are compared with the model. */
export class Readers {
  /** Events delivered to all readers together. */
  delivered = 0;
  readonly #readers: Reader[];
  readonly #model: LogModel;
  readonly #sql: pg.Client;
  /** Compared after the simultaneous steps, when the model includes them. */
  readonly #heard: { reading: Reading; from: number; to: number; events: Events }[] = [];
  readonly #refused: { reason: string; position: number }[] = [];

  constructor(readings: readonly Reading[], cursor: string, model: LogModel, sql: pg.Client) {
    this.#readers = readings.map((reading) => ({ reading, cursor, waiting: null }));
    this.#model = model;
    this.#sql = sql;
  }

  end(): void {
    for (const { waiting } of this.#readers) waiting?.poll.leave();
  }

  /** Polls anew with the cursor of the last delivery. */
  async poll(number: number, node: LogNode): Promise<void> {
    const reader = this.#stop(number);
    if (!reader) return;
    const from = parseCursor(reader.cursor);
    const { userId, of } = reader.reading;
    try {
      const memberships = userId === null ? null : await node.memberships.of(userId);
      const audience =
        of === null && memberships ? new UserAudience(memberships) : new GroupOrNameAudience(of ?? '', memberships);
      const { poll, delivery } = await node.poll(audience, reader.cursor);
      if (delivery) this.#hear(reader, delivery.events, delivery.cursor);
      else reader.waiting = { poll, node };
    } catch (error) {
      // The log was replaced during this poll (503): the client returns with its cursor and loses nothing.
      if (error instanceof Refused && error.code === 'unavailable') return;
      if (!(error instanceof CursorExpiredError)) throw error;
      // The floor may be moving now; the comparison after the steps shows whether it was.
      await this.#expired(reader, error, from.position);
    }
  }

  /** Lets a reader of one group wait for another group from its cursor on, as it must when its group was deleted. */
  turn(number: number, groupId: number): void {
    const reader = this.#stop(number);
    if (typeof reader?.reading.of === 'number') reader.reading = { ...reader.reading, of: groupId };
  }

  /** Lets every reader read to the end of the log. */
  async settle(nodeOf: (reader: number) => LogNode): Promise<void> {
    for (const [at, reader] of this.#readers.entries()) {
      for (let polls = 0; reader.waiting === null || polls === 0; polls++) {
        expect(polls, 'polls to the end').to.be.below(200);
        await this.poll(at, nodeOf(at));
      }
    }
  }

  /** Compares everything that was delivered and refused with the model. */
  async compare(): Promise<void> {
    for (const reader of this.#readers) await this.#collect(reader);
    for (const { reading, from, to, events } of this.#heard.splice(0)) {
      this.delivered += events.length;
      expect(this.#model.fault(reading, from, to, events), JSON.stringify(reading)).to.equal(null);
    }
    for (const { reason, position } of this.#refused.splice(0)) {
      expect(reason).to.equal('retention');
      expect(position).to.be.below(this.#model.floor);
    }
  }

  /** Returns a reader that does not wait any more; undefined if it has a delivery to collect. */
  #stop(number: number): Reader | undefined {
    const reader = this.#readers[number % this.#readers.length];
    if (reader?.waiting?.poll.isDelivered) return undefined;
    reader?.waiting?.poll.leave();
    if (reader) reader.waiting = null;
    return reader;
  }

  async #collect(reader: Reader): Promise<void> {
    const { waiting } = reader;
    if (!waiting?.poll.isDelivered) return;
    reader.waiting = null;
    const { events, cursor } = await waiting.poll.delivered;
    this.#hear(reader, events, cursor);
  }

  #hear(reader: Reader, events: Events, cursor: string): void {
    const [from, to] = [parseCursor(reader.cursor).position, parseCursor(cursor).position];
    this.#heard.push({ reading: reader.reading, from, to, events });
    reader.cursor = cursor;
  }

  async #expired(reader: Reader, { reason }: CursorExpiredError, position: number): Promise<void> {
    this.#refused.push({ reason, position });
    const { rows } = await this.#sql.query<{ cursor: string }>(
      "SELECT epoch || '-' || head AS cursor FROM plantao.log_bounds",
    );
    reader.cursor = rows[0]?.cursor ?? '';
  }
}

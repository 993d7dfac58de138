import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import type pg from 'pg';
import { Refused } from '../../../../src/chat/errors.ts';
import { MessageWriter } from '../../../../src/chat/posting/message-writer.ts';
import type { Post, Posted } from '../../../../src/chat/posting/post.ts';
import { DatabaseUnavailableError } from '../../../../src/database/errors.ts';
import { SessionLostError } from '../../../../src/database/session/database-session.ts';
import { NotActiveError } from '../../../../src/database/writes/fenced-write.ts';

const DEADLINE_MS = 1000;

interface Batch {
  contents: string[];
  keys: (string | null)[];
  /** Answers every post of it: sent. */
  commit(): void;
  fail(error: Error): void;
}

/** A database that shows what it is sent and answers when it is told to. */
class FakeSession {
  readonly batches: Batch[] = [];
  #messages = 0;

  waitedForStandby = false;

  async ready(): Promise<void> {}

  reconnect(): void {}

  query<Row extends pg.QueryResultRow>({ values = [] }: pg.QueryConfig): Promise<Row[]> {
    const contents = values[4] as string[];
    // An empty text stands for no key.
    const keys = ((values[5] ?? []) as string[]).map((key) => key || null);
    return new Promise((resolve, reject) => {
      const commit = () => {
        const rows = contents.map(() => {
          this.#messages++;
          return { outcome: 'sent', message_id: this.#messages, sent_at_ms: '0', log_position: this.#messages };
        });
        resolve(rows as unknown as Row[]);
      };
      this.batches.push({ contents, keys, commit, fail: reject });
    });
  }

  /** Batch number `number`, once it has been sent. */
  async batch(number: number): Promise<Batch> {
    const until = performance.now() + DEADLINE_MS;
    for (;;) {
      const batch = this.batches[number];
      if (batch) return batch;
      if (performance.now() > until) throw new Error(`batch ${number} was not sent; ${this.batches.length} were`);
      await turn();
    }
  }
}

const postOf = (content: string, groupId = 1, key: string | null = null): Post => ({
  senderId: 7,
  groupId,
  content,
  key,
  mustReplicate: false,
});

/** An error with a SQLSTATE, as pg gives it. */
const sqlError = (code: string) => Object.assign(new Error(`SQLSTATE ${code}`), { code });

/** How a post ended, in a word. */
const outcomeOf = (posted: Promise<Posted>) =>
  posted.then(
    () => 'sent',
    (error: unknown) => (error instanceof Refused ? error.code : error instanceof Error ? error.name : 'unknown'),
  );

describe('The message writer', () => {
  let session: FakeSession;
  let term: number | null;
  let writer: MessageWriter;
  let isReplicated: () => Promise<boolean>;
  const post = (content: string, groupId = 1, key: string | null = null) =>
    outcomeOf(writer.post(postOf(content, groupId, key)));

  beforeEach(() => {
    session = new FakeSession();
    term = 1;
    writer = new MessageWriter({
      session,
      fencingToken: () => term,
      membersOnly: false,
      commitLimitMs: 8000,
      isReplicated: () => isReplicated(),
    });
    isReplicated = async () => true;
  });

  it('never reports a post that must be replicated as not stored after storing it', async () => {
    const mustReplicate = async () => {
      const number = session.batches.length;
      const sent = outcomeOf(writer.post({ ...postOf('x'), mustReplicate: true }));
      (await session.batch(number)).commit();
      return sent;
    };
    expect(await mustReplicate()).to.equal('sent');
    isReplicated = async () => false;
    expect(await mustReplicate(), 'no standby has it').to.equal('not_replicated');
    isReplicated = () => Promise.reject(new DatabaseUnavailableError('no connection within 5 s'));
    expect(await mustReplicate(), 'the positions cannot be read').to.equal('not_replicated');
    isReplicated = async () => {
      term = 2;
      return true;
    };
    expect(await mustReplicate(), 'read from the primary of another term').to.equal('not_replicated');
  });

  it('sends a lone post at once, without a turn of the event loop', async () => {
    const sent = post('alone');
    for (let microtask = 0; microtask < 5; microtask++) await null;
    expect(session.batches).to.have.length(1);
    (await session.batch(0)).commit();
    expect(await sent).to.equal('sent');
  });

  it('sends together what arrives while a commit is under way, at most 256 at once', async () => {
    const all = Array.from({ length: 400 }, (_, number) => post(String(number)));
    (await session.batch(0)).commit();
    (await session.batch(1)).commit();
    (await session.batch(2)).commit();
    expect(new Set(await Promise.all(all))).to.deep.equal(new Set(['sent']));
    expect(session.batches.map(({ contents }) => contents.length)).to.deep.equal([1, 256, 143]);
    expect(session.batches.flatMap(({ contents }) => contents)).to.deep.equal(all.map((_, number) => String(number)));
  });

  it('ends a batch at a million characters', async () => {
    const all = Array.from({ length: 8 }, () => post('x'.repeat(300_000)));
    for (let number = 0; number < 4; number++) (await session.batch(number)).commit();
    await Promise.all(all);
    expect(session.batches.map(({ contents }) => contents.length)).to.deep.equal([1, 3, 3, 1]);
  });

  it('serves groups in turn: one that floods does not make the others wait', async () => {
    const flood = Array.from({ length: 1000 }, (_, number) => post(`flood ${number}`, 1));
    const quiet = post('quiet', 2);
    (await session.batch(0)).commit();
    const next = await session.batch(1);
    expect(next.contents).to.include('quiet');
    next.commit();
    expect(await quiet).to.equal('sent');
    for (let number = 2; number < 5; number++) (await session.batch(number)).commit();
    await Promise.all(flood);
  });

  it('refuses posts only while 5000 others wait', async () => {
    const first = post('under way');
    await session.batch(0);
    const all = Array.from({ length: 5000 }, (_, number) => post(String(number), number % 50));
    expect(await post('too much')).to.equal('overloaded');
    expect(writer.queued).to.equal(5000);
    for (let number = 0; number <= Math.ceil(5000 / 256); number++) (await session.batch(number)).commit();
    expect(new Set(await Promise.all([first, ...all]))).to.deep.equal(new Set(['sent']));
  });

  it('never puts one key of one sender twice into a batch', async () => {
    const first = post('under way');
    const same = [post('same', 1, 'k'), post('same', 1, 'k'), post('same', 2, 'k'), post('other', 3, 'l')];
    for (let number = 0; number < 4; number++) (await session.batch(number)).commit();
    await Promise.all([first, ...same]);
    expect(session.batches.map(({ keys }) => keys)).to.deep.equal([[null], ['k', 'l'], ['k'], ['k']]);
  });

  it('rejects posts with NotActiveError without a term, even if the term ends while posts wait', async () => {
    term = null;
    expect(await post('standby')).to.equal('NotActiveError');
    expect(session.batches).to.have.length(0);
    term = 1;
    const [sent, waiting] = [post('sent'), post('waiting')];
    await session.batch(0);
    term = null;
    (await session.batch(0)).commit();
    expect(await Promise.all([sent, waiting])).to.deep.equal(['sent', 'NotActiveError']);
    expect(session.batches).to.have.length(1);
  });

  it('rejects posts with NotActiveError if the fence has closed the term', async () => {
    const sent = post('late');
    (await session.batch(0)).fail(sqlError('PT001'));
    expect(await sent).to.equal('NotActiveError');
  });

  it('gives each post its own result when one post makes the batch fail', async () => {
    const first = post('under way');
    const [good, bad, alsoGood] = [post('good'), post('bad'), post('also good')];
    (await session.batch(0)).commit();
    (await session.batch(1)).fail(sqlError('22021'));
    (await session.batch(2)).commit();
    (await session.batch(3)).fail(sqlError('22021'));
    (await session.batch(4)).commit();
    expect(await Promise.all([first, good, bad, alsoGood])).to.deep.equal(['sent', 'sent', 'Error', 'sent']);
  });

  const raised = (code: string) => Object.assign(sqlError(code), { routine: 'exec_stmt_raise' });
  for (const [what, error, refused] of [
    ['PostgreSQL cancels a batch', sqlError('57014'), 'unavailable'],
    ['a batch is rolled back because of another transaction', sqlError('40001'), 'unavailable'],
    ['a trigger raises the SQLSTATE of a lost session', raised('57P01'), 'Error'],
    ['a trigger raises the SQLSTATE of a full disk', raised('53100'), 'unavailable'],
  ] as const) {
    it(`gives each post its own result when ${what}, and reports no problem`, async () => {
      const first = post('under way');
      const [good, bad] = [post('good'), post('bad')];
      (await session.batch(0)).commit();
      (await session.batch(1)).fail(error);
      (await session.batch(2)).commit();
      (await session.batch(3)).fail(error);
      expect(await Promise.all([first, good, bad])).to.deep.equal(['sent', 'sent', refused]);
      expect(writer.problem).to.equal(null);
      writer.probe();
      expect((await session.batch(4)).contents, 'a probe').to.equal(undefined);
    });
  }

  it('probes between two commits while every post fails, and so notices that none can be stored', async () => {
    const first = post('first');
    const { fail } = await session.batch(0);
    const second = post('second');
    fail(sqlError('P0001'));
    const { fail: failSecond } = await session.batch(1);
    const third = post('third');
    writer.probe();
    failSecond(sqlError('P0001'));
    const probe = await session.batch(2);
    expect(probe.contents, 'no posts').to.equal(undefined);
    probe.fail(sqlError('P0001'));
    (await session.batch(3)).fail(sqlError('P0001'));
    expect(writer.problem).to.contain('SQLSTATE P0001');
    expect(await Promise.all([first, second, third])).to.deep.equal(['Error', 'Error', 'Error']);
  });

  it('reports an unknown outcome when the response is lost and the post has no key', async () => {
    const sent = post('lost');
    (await session.batch(0)).fail(new SessionLostError('cut'));
    expect(await sent).to.equal('outcome_unknown');
    expect(session.batches).to.have.length(1);
  });

  it('reports an unknown outcome when the session ends during the commit', async () => {
    const sent = post('ended');
    (await session.batch(0)).fail(sqlError('57P01'));
    expect(await sent).to.equal('outcome_unknown');
  });

  it('retries a post with a key when the response is lost, three times at most', async () => {
    const sent = post('keyed', 1, 'k');
    (await session.batch(0)).fail(new SessionLostError('cut'));
    (await session.batch(1)).commit();
    expect(await sent).to.equal('sent');
    const hopeless = post('hopeless', 1, 'l');
    for (let number = 2; number < 5; number++) (await session.batch(number)).fail(new SessionLostError('cut'));
    expect(await hopeless).to.equal('outcome_unknown');
    expect(session.batches).to.have.length(5);
  });

  it('does not report a post as refused that an earlier try may have stored', async () => {
    const sent = post('keyed', 1, 'k');
    const batch = await session.batch(0);
    term = null;
    batch.fail(new SessionLostError('cut'));
    expect(await sent).to.equal('outcome_unknown');
  });

  it('drains until every post has its result, or until the time limit', async () => {
    await writer.drain(0);
    const all = [post('one'), post('two')];
    let isDrained = false;
    const drained = writer.drain(DEADLINE_MS).then(() => {
      isDrained = true;
    });
    (await session.batch(0)).commit();
    const second = await session.batch(1);
    await turn();
    expect(isDrained).to.equal(false);
    second.commit();
    await drained;
    expect(await Promise.all(all)).to.deep.equal(['sent', 'sent']);

    const stuck = post('stuck');
    const batch = await session.batch(2);
    const at = performance.now();
    await writer.drain(30);
    expect(performance.now() - at).to.be.within(20, 500);
    batch.commit();
    expect(await stuck).to.equal('sent');
  });

  it('gives a post the true reason if PostgreSQL refuses the warm-up of the session', async () => {
    session.ready = () => Promise.reject(Object.assign(sqlError('42501'), { name: 'refused by PostgreSQL' }));
    expect(await post('refused')).to.equal('refused by PostgreSQL');
  });

  it('distinguishes an unavailable database from a node that is not active', async () => {
    session.ready = () => Promise.reject(sqlError('57P03'));
    expect(await post('starting up')).to.equal('unavailable');
    expect(NotActiveError).to.be.a('function');
  });
});

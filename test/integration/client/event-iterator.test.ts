import { expect } from 'chai';
import fc from 'fast-check';
import { ChatClient, type ChatClientOptions, type ChatEvent, type EventsOptions } from '../../../src/client/index.ts';
import { eventually } from '../../support/eventually.ts';
import {
  type Behaviour,
  breakHalfway,
  deadUrl,
  endHalfway,
  type FakeNode,
  json,
  type ReceivedRequest,
  startFakeNode,
} from '../../support/nodes/client-fake-node.ts';
import { IS_LONG_RUN } from '../../support/run/long-run.ts';

const backoff = { firstMs: 2, capMs: 10 };
const cursorOf = (position: number) => `e1-${position}`;

function eventAt(position: number): ChatEvent {
  const message = { id: position, sender: 'ana', sender_id: 1, content: `m${position}`, timestamp: '' };
  return { cursor: cursorOf(position), kind: 'message', group_id: 1, at: '', message };
}

function page(from: number, to: number): { cursor: string; events: ChatEvent[] } {
  const events = Array.from({ length: Math.max(0, to - from) }, (_, index) => eventAt(from + 1 + index));
  return { cursor: cursorOf(Math.max(from, to)), events };
}

const positionIn = (heard: ReceivedRequest) => Number(heard.query.get('cursor')?.split('-')[1]);

/** A log that any number of fake nodes serve. Polls at its end wait until it grows. */
class FakeLog {
  head: number;
  readonly #size: number;
  #waiters: (() => void)[] = [];

  constructor(head: number, size = 500) {
    this.head = head;
    this.#size = size;
  }

  append(count: number): void {
    this.head += count;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  readonly serve: Behaviour = (heard, response) => {
    if (heard.path === '/chats') return json(response, 200, { chats: [], cursor: cursorOf(this.head) });
    const after = positionIn(heard);
    if (after < this.head) return json(response, 200, page(after, Math.min(this.head, after + this.#size)));
    if (heard.query.get('timeout') === '0') response.writeHead(204, { Cursor: cursorOf(after) }).end();
    else this.#waiters.push(() => json(response, 200, page(after, this.head)));
  };
}

/** Serves a log that never grows. */
const serves = (head: number, size?: number): Behaviour => new FakeLog(head, size).serve;

const open: FakeNode[] = [];
async function start(behave: Behaviour): Promise<FakeNode> {
  const node = await startFakeNode(behave);
  open.push(node);
  return node;
}

function clientOf(urls: string[], options: Partial<ChatClientOptions> = {}): ChatClient {
  return new ChatClient({ urls, userId: 1, attemptMs: 1000, backoff, ...options });
}

/** Reads until the event at a position, and returns all positions in order of arrival. */
async function readTo(last: number, client: ChatClient, options: EventsOptions = {}): Promise<number[]> {
  const seen: number[] = [];
  for await (const event of client.events({ cursor: cursorOf(0), ...options })) {
    seen.push(Number(event.cursor.split('-')[1]));
    if (seen.at(-1) === last) break;
  }
  return seen;
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe('The event iterator yields each event once, in order', () => {
  afterEach(() => Promise.all(open.splice(0).map((node) => node.close())));

  it('reads page after page', async () => {
    const node = await start(serves(1234, 100));
    expect(await readTo(1234, clientOf([node.url]))).to.deep.equal(upTo(1234));
  });

  it('starts at the current cursor when none is given', async () => {
    const log = new FakeLog(10);
    const node = await start(log.serve);
    const first = clientOf([node.url]).events().next();
    await eventually('a poll that hangs', () => node.calls.at(-1)?.query.get('timeout') === '25');
    log.append(2);
    expect((await first).value?.cursor).to.equal(cursorOf(11));
  });

  it('skips events that a faulty node repeats', async () => {
    const node = await start((heard, response) => json(response, 200, page(0, positionIn(heard) + 3)));
    expect(await readTo(20, clientOf([node.url]))).to.deep.equal(upTo(20));
  });

  it('never goes back when a node sends an earlier cursor', async () => {
    const node = await start((heard, response) => {
      json(response, 200, { ...page(positionIn(heard), positionIn(heard) + 2), cursor: cursorOf(0) });
    });
    expect(await readTo(10, clientOf([node.url]))).to.deep.equal(upTo(10));
  });

  it('keeps its cursor when a browser hides the header of a 204', async () => {
    let polls = 0;
    const node = await start((heard, response) => {
      polls += 1;
      if (polls < 3) response.writeHead(204).end();
      else json(response, 200, page(positionIn(heard), 1));
    });
    expect(await readTo(1, clientOf([node.url]))).to.deep.equal([1]);
  });

  it('slows down when a node keeps returning at once without events', async () => {
    const node = await start((heard, response) =>
      json(response, 200, { events: [], cursor: heard.query.get('cursor') }),
    );
    const ending = new AbortController();
    const reading = clientOf([node.url], { backoff: { firstMs: 25, capMs: 50 } })
      .events({ cursor: cursorOf(0), signal: ending.signal })
      .next();
    setTimeout(() => ending.abort(), 250);
    expect((await reading).done).to.equal(true);
    expect(node.calls.length).to.be.within(5, 20);
  });

  it('continues at another node, from the same position, when its node is killed', async () => {
    const log = new FakeLog(5);
    const [first, second] = [await start(log.serve), await start(log.serve)];
    const changes: string[] = [];
    const client = clientOf([first.url, second.url], {
      onConnection: ({ state, url }) => changes.push(`${state} ${url}`),
    });
    const reading = readTo(8, client);
    await eventually('a poll that hangs', () => first.calls.at(-1)?.query.get('timeout') === '25');
    await first.close();
    await eventually('the stream is connected again', () => changes.length === 3);
    log.append(3);
    expect(await reading).to.deep.equal(upTo(8));
    expect(changes).to.deep.equal([`connected ${first.url}`, `lost ${first.url}`, `connected ${second.url}`]);
    expect(second.calls[0]?.query.toString()).to.equal('user_id=1&cursor=e1-5&timeout=0');
  });

  it('leaves a node that status() finds unreachable, long before its poll would end', async () => {
    const frozen = await start(serves(0));
    const serve = serves(1);
    const well = await start((heard, response) => {
      if (heard.path === '/health') json(response, 200, { status: 'alive' });
      else serve(heard, response);
    });
    const client = clientOf([frozen.url, well.url]);
    const reading = readTo(1, client);
    await eventually('a poll that hangs', () => frozen.calls.at(-1)?.query.get('timeout') === '25');
    await client.status({ timeoutMs: 200 });
    expect(await reading).to.deep.equal([1]);
  }).timeout(5000);

  it('retries after temporary refusals: 429, 500, 503', async () => {
    const statuses = [429, 500, 503, 502];
    const node = await start((heard, response) => {
      const status = statuses.shift();
      if (status !== undefined) json(response, status, { error: 'not now', code: 'some' });
      else json(response, 200, page(positionIn(heard), 1));
    });
    expect(await readTo(1, clientOf([node.url]))).to.deep.equal([1]);
  });

  for (const status of [400, 401, 403, 404]) {
    it(`ends with an error on ${status}`, async () => {
      const node = await start((_, response) => json(response, status, { error: 'No.', code: 'no' }));
      const error = await readTo(1, clientOf([node.url])).catch((caught) => caught);
      expect(error).to.include({ name: 'RefusedError', status, message: 'No.' });
    });
  }
});

describe('The event iterator under random faults', () => {
  const faults: Record<string, Behaviour> = {
    drop: (_, response) => response.destroy(),
    half: (_, response) => breakHalfway(response),
    cut: (_, response) => endHalfway(response),
    fallen: (_, response) => json(response, 503, { error: 'x', code: 'not_alive' }),
    // The client waits six seconds for a poll of one: where these would add up to too much, the connection breaks instead.
    stall: ({ query }, response) => {
      if (!IS_LONG_RUN && query.get('timeout') !== '0') setTimeout(() => response.destroy(), 100);
    },
    nothing: (heard, response) => json(response, 200, { events: [], cursor: heard.query.get('cursor') }),
    timeout: (heard, response) => response.writeHead(204, { Cursor: heard.query.get('cursor') ?? '' }).end(),
    repeat: (heard, response) => json(response, 200, page(Math.max(0, positionIn(heard) - 4), positionIn(heard))),
    overlap: (heard, response) => json(response, 200, page(Math.max(0, positionIn(heard) - 2), positionIn(heard) + 2)),
    back: (heard, response) => json(response, 200, { ...page(0, positionIn(heard) + 1), cursor: cursorOf(0) }),
  };

  it('loses, repeats and reorders nothing (fast-check prints the seed of a failure)', async () => {
    const plan = fc.array(fc.constantFrom(...Object.keys(faults), 'serve'), { maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(plan, plan, fc.integer({ min: 1, max: 7 }), async (one, two, size) => {
        const nodes = await Promise.all(
          [one, two].map((steps) =>
            startFakeNode((heard, response) => {
              (faults[steps.shift() ?? 'serve'] ?? serves(30, size))(heard, response);
            }),
          ),
        );
        try {
          const client = clientOf(
            nodes.map((node) => node.url),
            { attemptMs: 100, pollSeconds: 1, backoff: { firstMs: 1, capMs: 2 } },
          );
          expect(await readTo(30, client)).to.deep.equal(upTo(30));
        } finally {
          await Promise.all(nodes.map((node) => node.close()));
        }
      }),
      { numRuns: IS_LONG_RUN ? 20 : 4 },
    );
  }).timeout(60_000);
});

describe('The event iterator after an expired cursor', () => {
  afterEach(() => Promise.all(open.splice(0).map((node) => node.close())));

  const expired: Behaviour = (heard, response) => {
    if (heard.path === '/chats') return json(response, 200, { chats: [], cursor: cursorOf(100) });
    if (positionIn(heard) < 100) return json(response, 410, { error: 'cursor expired', code: 'cursor_expired' });
    json(response, 200, page(positionIn(heard), positionIn(heard) + 1));
  };

  it('ends with an error that says what to do', async () => {
    const node = await start(expired);
    const error = await readTo(1, clientOf([node.url])).catch((caught) => caught);
    expect(error).to.include({ name: 'CursorExpiredError', status: 410, code: 'cursor_expired', cursor: cursorOf(0) });
    expect(error.message).to.contain('call chats() and messages() again');
  });

  it('calls the hook and continues from a moment before it', async () => {
    const node = await start(expired);
    let gaps = 0;
    const resync = () => {
      gaps += 1;
      return undefined;
    };
    expect(await readTo(102, clientOf([node.url]), { onGap: 'resync', resync })).to.deep.equal([101, 102]);
    expect(gaps).to.equal(1);
  });

  it('continues from the cursor that the hook returns, even a lower one', async () => {
    const node = await start((heard, response) => {
      if (positionIn(heard) > 500) json(response, 410, { error: 'ahead of the log', code: 'cursor_expired' });
      else expired(heard, response);
    });
    const options: EventsOptions = { cursor: cursorOf(900), onGap: 'resync', resync: async () => cursorOf(200) };
    expect(await readTo(202, clientOf([node.url]), options)).to.deep.equal([201, 202]);
  });

  it('does not flood a node on which every cursor has expired', async () => {
    const node = await start((heard, response) => {
      if (heard.path === '/chats') expired(heard, response);
      else json(response, 410, { error: 'x', code: 'cursor_expired' });
    });
    const ending = new AbortController();
    setTimeout(() => ending.abort(), 200);
    const client = clientOf([node.url], { backoff: { firstMs: 50, capMs: 100 } });
    await readTo(1, client, { onGap: 'resync', signal: ending.signal });
    expect(node.calls.length).to.be.below(20);
  });
});

describe('The event iterator ends without leaving anything behind', () => {
  afterEach(() => Promise.all(open.splice(0).map((node) => node.close())));

  it('cancels its poll and closes the connection on abort', async () => {
    const node = await start(serves(0));
    const ending = new AbortController();
    const next = clientOf([node.url]).events({ signal: ending.signal }).next();
    await eventually('a poll that hangs', () => node.calls.at(-1)?.query.get('timeout') === '25');
    ending.abort();
    expect(await next).to.deep.equal({ done: true, value: undefined });
    await node.calls.at(-1)?.gone;
  });

  it('ends the wait between two attempts on abort', async () => {
    const ending = new AbortController();
    const client = clientOf([await deadUrl()], { backoff: { firstMs: 60_000, capMs: 60_000 } });
    const next = client.events({ signal: ending.signal }).next();
    setTimeout(() => ending.abort(), 50);
    expect((await next).done).to.equal(true);
  });

  it('ends after the current event when aborted while the consumer is busy', async () => {
    const node = await start(serves(10));
    const ending = new AbortController();
    const seen: ChatEvent[] = [];
    for await (const event of clientOf([node.url]).events({ cursor: cursorOf(0), signal: ending.signal })) {
      seen.push(event);
      ending.abort();
    }
    expect(seen).to.have.length(1);
  });

  it('sends no request when the signal is aborted before the start', async () => {
    const node = await start(serves(10));
    const stream = clientOf([node.url]).events({ signal: AbortSignal.abort() });
    expect((await stream.next()).done).to.equal(true);
    expect(node.calls).to.have.length(0);
  });

  it('completes a pending next() on return()', async () => {
    const node = await start(serves(0));
    const stream = clientOf([node.url]).events();
    const next = stream.next();
    await eventually('a poll that hangs', () => node.calls.at(-1)?.query.get('timeout') === '25');
    await stream.return();
    expect((await next).done).to.equal(true);
  });
});

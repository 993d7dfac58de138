import { expect } from 'chai';
import { ChatClient, type ChatError } from '../../../src/client/index.ts';
import { type Behaviour, deadUrl, type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';

const lost: Behaviour = (_, response) => response.destroy();
/** Asks the client to wait longer than it may, so that it gives up at once and leaves no attempt cut short. */
const says =
  (code: string): Behaviour =>
  (_, response) =>
    json(response, 503, { error: 'a reason', code }, { 'Retry-After': '30' });

describe('The client says whether a call that no node confirmed may have been executed', () => {
  let node: FakeNode;
  beforeEach(async () => {
    node = await startFakeNode(() => {});
  });
  afterEach(() => node.close());

  const errorOf = async (call: (client: ChatClient) => Promise<unknown>, deadlineMs = 150): Promise<ChatError> => {
    const client = new ChatClient({ urls: [node.url], userId: 1, deadlineMs, backoff: { firstMs: 5, capMs: 20 } });
    return call(client).then(
      () => expect.fail('it succeeded'),
      (error) => error,
    );
  };
  /** Sets the responses of the node, in this order; the last one is repeated. */
  const respond = (...attempts: Behaviour[]) => {
    node.behave = (heard, response) => (attempts.length > 1 ? attempts.shift() : attempts[0])?.(heard, response);
  };

  const outcomes: [what: string, attempts: Behaviour[], code: string, mayBeExecuted: boolean][] = [
    ['nothing was stored', [says('unavailable')], 'unavailable', false],
    [
      'the response to an attempt was lost, and nothing was stored later',
      [lost, says('overloaded')],
      'outcome_unknown',
      true,
    ],
    ['every response was lost', [lost], 'outcome_unknown', true],
    [
      'a proxy lost the response',
      [(_, response) => response.writeHead(502, { 'Retry-After': '30' }).end()],
      'outcome_unknown',
      true,
    ],
    ['no standby of PostgreSQL has the message', [says('not_replicated')], 'not_replicated', true],
  ];
  for (const [what, attempts, code, mayBeExecuted] of outcomes) {
    it(`after all attempts: ${what}`, async () => {
      respond(...attempts);
      const error = await errorOf((client) => client.send(1, 'hello'), attempts.at(-1) === lost ? 150 : 10_000);
      expect(error).to.include({ name: 'UnreachableError', code });
      expect(error.message.includes('may have been executed')).to.equal(mayBeExecuted);
      expect(error.message.startsWith('no node executed')).to.equal(!mayBeExecuted);
    });
  }

  it('for a single node: no if nothing listens there, yes after a lost response or a timeout', async () => {
    const gone = await deadUrl();
    const refused = await errorOf((client) => client.operations.fall(gone));
    expect(refused).to.include({ name: 'UnreachableError', code: 'unreachable' });
    expect(refused.message).to.contain('did not execute POST /fall');
    for (const behave of [lost, () => {}]) {
      respond(behave);
      const error = await errorOf((client) => client.operations.fall(node.url));
      expect(error).to.include({ name: 'UnreachableError', code: 'outcome_unknown' });
      expect(error.message).to.contain('may have executed POST /fall');
    }
  });

  it('never for a read, which changes nothing', async () => {
    respond(lost);
    const error = await errorOf((client) => client.chats());
    expect(error).to.include({ name: 'UnreachableError', code: 'unreachable' });
    expect(error.message).to.contain('no node executed GET /chats');
  });
});

import { expect } from 'chai';
import { ChatClient } from '../../../src/client/index.ts';
import { errorOf } from '../../support/error-of.ts';
import { type Behaviour, type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';

const lost: Behaviour = (_, response) => response.destroy();
const refuses =
  (status: number, code: string): Behaviour =>
  (_, response) =>
    json(response, status, { error: 'a reason', code });

describe('The client, when a retry is refused because an earlier attempt may have succeeded', () => {
  let node: FakeNode;
  const client = () => new ChatClient({ urls: [node.url], userId: 1, token: 't', backoff: { firstMs: 5, capMs: 20 } });
  /** Lets the node respond to the attempts of a write in this order, the last one again and again. */
  const respond = (...attempts: Behaviour[]) => {
    node.behave = (heard, response) => {
      if (heard.method === 'GET') return json(response, 200, { status: 'alive', active: true });
      const next = attempts.length > 1 ? attempts.shift() : attempts[0];
      next?.(heard, response);
    };
  };

  beforeEach(async () => {
    node = await startFakeNode(() => {});
  });
  afterEach(() => node.close());

  const calls: [what: string, status: number, code: string, call: (client: ChatClient) => Promise<void>][] = [
    ['deleteMessage', 404, 'message_not_found', (client) => client.deleteMessage(9)],
    ['endSession', 404, 'session_not_found', (client) => client.account.endSession('0'.repeat(24))],
    ['groups.delete', 403, 'not_a_member', (client) => client.groups.delete(5)],
    ['groups.delete', 404, 'group_not_found', (client) => client.groups.delete(5)],
    ['groups.setRole of the user itself', 403, 'forbidden', (client) => client.groups.setRole(5, 1, 'member')],
    ['groups.revokeHook', 404, 'hook_not_found', (client) => client.groups.revokeHook(5)],
    ['logout', 401, 'unauthenticated', (client) => client.logout()],
  ];
  for (const [what, status, code, call] of calls) {
    it(`${what}: succeeds if the retry after a lost response gets ${code}`, async () => {
      respond(lost, refuses(status, code));
      await call(client());
    });

    it(`${what}: rejects if the first attempt gets ${code}`, async () => {
      respond(refuses(status, code));
      expect(await errorOf(call(client()))).to.include({ name: 'RefusedError', status, code });
    });
  }

  it('does not treat a refused retry as success after a response has said that nothing was stored', async () => {
    respond(refuses(503, 'unavailable'), refuses(403, 'not_a_member'));
    expect(await errorOf(client().groups.delete(5))).to.include({ name: 'RefusedError', code: 'not_a_member' });
  });

  it("does not take the refusal to change another member's role for success", async () => {
    respond(lost, refuses(403, 'forbidden'));
    expect(await errorOf(client().groups.setRole(5, 2, 'member'))).to.include({ code: 'forbidden' });
  });

  it('rejects a call without a result if another program responds', async () => {
    respond((_, response) => json(response, 200, { welcome: true }));
    expect(await errorOf(client().groups.delete(5))).to.include({ name: 'UnreadableResponseError' });
  });
});

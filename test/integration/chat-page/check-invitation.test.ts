import { expect } from 'chai';
import { ChatClient } from '../../../src/client/index.ts';
import { checkInvitation } from '../../../src/web/home/model/groups/check-invitation.ts';
import { json, startFakeNode } from '../../support/nodes/client-fake-node.ts';

/** Returns the result of checking an invitation with this response of a node: the group's name, or the code of the error. */
async function checked(status: number, body: object): Promise<string | undefined> {
  const node = await startFakeNode((_, response) => json(response, status, body));
  try {
    const client = new ChatClient({ urls: [node.url], deadlineMs: 500 });
    return (await checkInvitation(client, 'token'))?.group_name;
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await node.close();
  }
}

const refusal = (code: string) => ({ code, message: 'no' });

describe('An invitation that is checked before the sign-in', () => {
  it('names its group', async () => {
    expect(await checked(200, { group_name: 'Team', expires_at: '' })).to.equal('Team');
  });

  it('stops the sign-in if there is no such invitation', async () => {
    expect(await checked(404, refusal('invitation_not_found'))).to.equal('invitation_not_found');
    expect(await checked(400, refusal('invalid_request'))).to.equal('invalid_request');
  });

  it('does not stop the sign-in after another error, which says nothing about the invitation', async () => {
    for (const [status, code] of [
      [404, 'not_found'],
      [401, 'unauthorized'],
      [403, 'forbidden'],
    ] as const)
      expect(await checked(status, refusal(code)), code).to.equal(undefined);
    expect(await checked(200, { other: 'program' })).to.equal(undefined);
    const client = new ChatClient({ urls: ['http://127.0.0.1:9'] });
    client.groups.checkInvitation = () => Promise.reject(new TypeError('broken'));
    expect(await checkInvitation(client, 'token')).to.equal(undefined);
  });
});

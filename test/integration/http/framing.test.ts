import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get } from '../../support/network/http.ts';
import { getText, postText, RawClient } from '../../support/network/raw-client.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

describe('The framing of a request', () => {
  const nodes = useTwoNodes();
  const post = { userId: 1, groupId: 1, content: 'framed' };
  const chunked = (coding: string) => {
    const body = JSON.stringify(post);
    const head = `POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${coding}\r\n`;
    return `${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  };
  const once = async (text: string) => {
    const client = (await RawClient.open(nodes.active.url)).send(text);
    await eventually('it has a response', () => client.statuses.length > 0 || client.isClosed);
    client.destroy();
    return { status: client.statuses[0], text: client.heard };
  };

  it('may be chunked, and no other coding is taken for the body itself', async () => {
    expect((await once(chunked('Transfer-Encoding: Chunked\r\n'))).status).to.equal(200);
    for (const coding of ['gzip, chunked', 'identity, chunked', 'gzip\r\nTransfer-Encoding: chunked']) {
      const { status, text } = await once(chunked(`Transfer-Encoding: ${coding}\r\n`));
      expect([status, text.includes('"code":"invalid_request"')], coding).to.deep.equal([400, true]);
    }
  });

  it('loses no header, however many there are before it', async () => {
    const many = 'a:1\r\n'.repeat(2500);
    const keyed = postText('/messages', post, `Host: localhost\r\n${many}Idempotency-Key: behind-many\r\n`);
    const [first, second] = [await once(keyed), await once(keyed)];
    const idIn = (text: string) => /"message_id":(\d+)/.exec(text)?.[1];
    expect([first.status, second.status]).to.deep.equal([200, 200]);
    expect(idIn(second.text)).to.equal(idIn(first.text));
    expect((await once(getText('/groups', `${many}Host: localhost\r\n`))).status).to.equal(200);
  });

  it('is refused with a body if it asks for a tunnel', async () => {
    const { status, text } = await once('CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect([status, text.includes('"code":"invalid_request"')]).to.deep.equal([400, true]);
    expect((await get(`${nodes.active.url}/health`)).status).to.equal(200);
  });
});

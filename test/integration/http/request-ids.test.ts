import { expect } from 'chai';
import { get, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const idOf = async (url: string, headers: Record<string, string>) =>
  (await get(url, { headers })).headers['x-request-id'];

describe('X-Request-Id', () => {
  const nodes = useTwoNodes({ STANDBY_WRITES: 'forward' });

  it('repeats the id of the request', async () => {
    for (const id of [
      '5f0c',
      '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'a'.repeat(64),
      'trace:1/2+3=@x.y',
    ]) {
      expect(await idOf(`${nodes.active.url}/users`, { 'x-request-id': id })).to.equal(id);
    }
  });

  it('is a new id if the request has none or an invalid one', async () => {
    const odd = ['', ' ', 'a'.repeat(65), 'with space', 'olá', '"><script>', '-dash', 'a\tb', '{"a":1}', 'a, b'];
    const ids = await Promise.all(odd.map((id) => idOf(`${nodes.active.url}/users`, { 'x-request-id': id })));
    for (const [at, id] of ids.entries()) expect(id, odd[at]).to.match(UUID);
    expect(await idOf(`${nodes.active.url}/users`, {})).to.match(UUID);
    expect(new Set(ids).size).to.equal(odd.length);
  });

  it('is on errors, polls and pages too', async () => {
    const headers = { 'x-request-id': 'one' };
    for (const path of [
      '/no-such-route',
      '/messages?groupId=x',
      '/subscribe/status?timeout=0',
      '/health',
      '/docs',
      '/metrics',
    ]) {
      expect(await idOf(nodes.standby.url + path, headers), path).to.equal('one');
    }
  });

  it('stays the same when a standby forwards a write', async () => {
    const message = { userId: 1, groupId: 1, content: 'Olá!' };
    const given = await post(`${nodes.standby.url}/messages`, message, { headers: { 'x-request-id': 'forwarded' } });
    expect(given.status).to.equal(200);
    expect(given.headers['x-request-id']).to.equal('forwarded');
    const generated = await post(`${nodes.standby.url}/messages`, message);
    expect(generated.headers['x-request-id']).to.match(UUID);
  });
});

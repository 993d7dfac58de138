import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

describe('The stream of a browser’s EventSource', () => {
  const nodes = useTwoNodes({ MAX_WAITERS: '1' });

  it('has the event unavailable and ends when the request is refused for the moment', async () => {
    const stream = new AbortController();
    const open = await fetch(`${nodes.active.url}/events?userId=1`, { signal: stream.signal });
    expect(open.headers.get('cache-control')).to.equal('no-store, no-transform');
    const { status, headers, text } = await get(`${nodes.active.url}/events?userId=1`);
    expect(status).to.equal(200);
    expect(headers['content-type']).to.match(/^text\/event-stream/);
    expect(text).to.match(/^retry: \d{4,5}\nevent: unavailable\ndata: \{"error":"[^\n]*","code":"overloaded"\}\n\n$/);
    stream.abort();
    await post(`${nodes.standby.url}/fall`);
    const fallen = await get(`${nodes.standby.url}/events?userId=1`);
    expect([fallen.status, /"code":"not_alive"/.test(fallen.text)]).to.deep.equal([200, true]);
    await post(`${nodes.standby.url}/revive`);
  });

  it('has another status when connecting again would not help', async () => {
    for (const [path, status] of [
      ['/events?userId=999999', 404],
      ['/events', 400],
      ['/events?userId=1&cursor=000000000000-1', 410],
    ] as const) {
      const refused = await eventually('the slot of the other stream is free', async () => {
        const response = await get(nodes.active.url + path);
        return response.status !== 200 && response;
      });
      expect([refused.status, refused.body.code !== undefined], path).to.deep.equal([status, true]);
    }
    const head = await get(`${nodes.active.url}/subscribe/user?user_id=1&cursor=000000000000-1`);
    expect([head.status, head.body.reason]).to.deep.equal([410, 'history']);
  });
});

import { once } from 'node:events';
import http from 'node:http';
import { expect } from 'chai';
import { respondToOverdue } from '../../../src/http/error-handler.ts';
import { type Exchange, HttpConnection } from '../../../src/http/http-connection.ts';
import { TurnBudget } from '../../../src/http/turn-budget.ts';
import { eventually } from '../../support/eventually.ts';
import { getText, RawClient } from '../../support/network/raw-client.ts';

/** Later than every deadline of a request. */
const LATER_MS = 60_000;

describe('A response that waits for those before it on its connection', () => {
  const server = http.createServer();
  const handled = new Map<string, Exchange>();
  let connection: HttpConnection;
  let url: string;

  before(async () => {
    server.on('connection', (socket) => {
      const handle = (exchange: Exchange) => void handled.set(exchange.request.url ?? '', exchange);
      connection = new HttpConnection(socket, { handle, onCount: () => {} }, new TurnBudget());
    });
    server.on('request', (request, response) => connection.admit(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  });
  after(() => void server.close());
  afterEach(() => handled.clear());

  for (const method of ['GET', 'POST', 'DELETE']) {
    it(`is sent when its turn comes, however late, after a ${method}`, async () => {
      const client = await RawClient.open(url);
      client.send(getText('/poll') + getText('/quick').replace('GET', method));
      await eventually('both are handled', () => handled.size === 2);
      handled.get('/poll')?.lifetime.removeDeadline();
      handled.get('/quick')?.response.end('done');
      for (const overdue of connection.overdue(performance.now() + LATER_MS)) respondToOverdue(overdue);
      handled.get('/poll')?.response.end();
      await eventually('both have a response', () => client.statuses.length === 2 || client.isClosed);
      expect(client.statuses).to.deep.equal([200, 200]);
      expect(client.heard).to.match(/done/);
      client.destroy();
    });
  }

  it('is overdue while its handler has not responded', async () => {
    const client = await RawClient.open(url);
    client.send(getText('/slow'));
    await eventually('it is handled', () => handled.size === 1);
    expect(connection.overdue(performance.now()), 'now').to.deep.equal([]);
    expect(connection.overdue(performance.now() + LATER_MS)).to.deep.equal([handled.get('/slow')]);
    client.destroy();
  });
});

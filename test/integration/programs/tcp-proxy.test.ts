import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { startTcpProxy, type TcpProxy } from '../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../support/eventually.ts';

describe('The TCP proxy', () => {
  let echo: Server;
  let proxy: TcpProxy;
  const served = new Set<Socket>();
  const clients: Socket[] = [];

  beforeEach(async () => {
    echo = createServer((socket) => {
      served.add(socket);
      socket.on('data', (data) => socket.write(data)).on('error', () => undefined);
      socket.on('close', () => served.delete(socket));
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const address = echo.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    proxy = await startTcpProxy({ port: address.port });
  });

  afterEach(async () => {
    for (const socket of clients.splice(0)) socket.destroy();
    await proxy.close();
    echo.close();
    await once(echo, 'close');
  });

  /** A client that keeps what it receives. */
  async function dial() {
    const socket = connect(proxy.port, '127.0.0.1');
    clients.push(socket);
    const heard = { text: '', closed: false, error: '' };
    socket.on('data', (data) => {
      heard.text += data.toString();
    });
    socket.on('close', () => {
      heard.closed = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      heard.error = error.code ?? error.message;
    });
    await once(socket, 'connect');
    return { socket, heard };
  }

  it('forwards both directions, and a close', async () => {
    const { socket, heard } = await dial();
    socket.write('bom dia');
    await eventually('the echo comes back', () => heard.text === 'bom dia');
    expect(proxy.connections).to.equal(1);
    socket.end();
    await eventually('the server notices the close', () => served.size === 0);
    await eventually('the proxy forgets the connection', () => proxy.connections === 0);
  });

  it('keeps a connection open while it swallows bytes, and resets it when healed', async () => {
    const { socket, heard } = await dial();
    await eventually('it is through', () => served.size === 1);
    proxy.swallow();
    socket.write('lost');
    const late = await dial();
    late.socket.write('lost too');
    await eventually('both have sent data that is swallowed', () => proxy.swallowedBytes === 4 + 8);
    expect(proxy.connections).to.equal(2);
    expect([heard, late.heard]).to.deep.equal([
      { text: '', closed: false, error: '' },
      { text: '', closed: false, error: '' },
    ]);
    proxy.heal();
    await eventually('what has lost bytes is reset', () => heard.closed && late.heard.closed);
    const again = await dial();
    again.socket.write('back');
    await eventually('a new one passes', () => again.heard.text === 'back');
  });

  it('swallows one direction, including a close', async () => {
    const { socket, heard } = await dial();
    proxy.swallow('down');
    socket.write('question');
    const [server] = await eventually('it is through', () => served.size === 1 && [...served]);
    await eventually('the question arrives', () => (server?.bytesRead ?? 0) === 8);
    expect(heard.text).to.equal('');
    server?.destroy();
    await eventually('the server has closed', () => served.size === 0);
    expect(heard.closed).to.equal(false);
  });

  it('swallows only the connections whose first bytes contain a name', async () => {
    proxy.swallow('both', { applicationName: 'ana' });
    const [ana, bruno] = [await dial(), await dial()];
    ana.socket.write('this is ana');
    bruno.socket.write('this is bruno');
    await eventually('the other is heard', () => bruno.heard.text === 'this is bruno');
    await eventually('the named one is not', () => proxy.swallowedBytes > 0);
    expect(ana.heard.text).to.equal('');
  });

  it('keeps connections that have lost nothing when healed', async () => {
    const { socket, heard } = await dial();
    await eventually('it is through', () => served.size === 1);
    proxy.swallow();
    proxy.heal();
    socket.write('still here');
    await eventually('the echo comes back', () => heard.text === 'still here');
  });

  it('resets open connections and refuses new ones while cut', async () => {
    const { heard } = await dial();
    proxy.cut();
    await eventually('it is reset', () => heard.error === 'ECONNRESET');
    const refused = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    await new Promise((resolve) => refused.once('close', resolve));
    proxy.heal();
    const again = await dial();
    again.socket.write('back');
    await eventually('a new one passes', () => again.heard.text === 'back');
  });

  it('delays each direction, and keeps the order when the latency is lowered', async () => {
    const { socket, heard } = await dial();
    proxy.setLatency(60);
    const started = performance.now();
    socket.write('a');
    await eventually('the server has it', () => [...served].some((one) => one.bytesRead === 1));
    expect(performance.now() - started).to.be.greaterThan(50);
    proxy.setLatency(0);
    socket.write('b');
    await eventually('both come back', () => heard.text.length === 2);
    expect(heard.text).to.equal('ab');
  });
});

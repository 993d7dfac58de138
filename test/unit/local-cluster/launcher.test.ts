import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { banner } from '../../../src/local-cluster/banner.ts';
import { Launcher } from '../../../src/local-cluster/launcher.ts';
import { nodePlan } from '../../../src/local-cluster/node-plan.ts';
import { parseOptions } from '../../../src/local-cluster/options.ts';
import { openOutput } from '../../../src/local-cluster/output.ts';
import { RestartDelay } from '../../../src/local-cluster/restart-delay.ts';
import { UsageError } from '../../../src/terminal/arguments.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';

describe('The command line of plantao cluster', () => {
  const parse = (...args: string[]) => parseOptions(args, '/data');

  it('has a default for everything', () => {
    expect(parse()).to.deep.equal({ nodes: 2, port: 8080, replicas: 0, fresh: false, dataFolder: '/data' });
  });

  it('accepts every flag, with a space or an equals sign', () => {
    expect(parse('--nodes', '3', '--port=9000', '--replicas', '1', '--fresh', '--data', 'my data')).to.deep.equal({
      nodes: 3,
      port: 9000,
      replicas: 1,
      fresh: true,
      dataFolder: 'my data',
    });
  });

  for (const args of [
    ['--nodes', '0'],
    ['--nodes', '21'],
    ['--nodes', '2.5'],
    ['--nodes', '1e1'],
    ['--nodes='],
    ['--nodes'],
    ['--replicas', '2'],
    ['--port', '0'],
    ['--port', '65535'],
    ['--port', '-1'],
    ['--data', ' '],
    ['--fresh=yes'],
    ['--node', '2'],
    ['8080'],
  ]) {
    it(`rejects ${args.join(' ')} in one sentence`, () => {
      expect(() => parse(...args)).to.throw(UsageError, /^[^\n]+$/);
    });
  }

  it('leaves a port for the last node', () => {
    expect(parse('--port', '65516', '--nodes', '20').port).to.equal(65_516);
    expect(() => parse('--port', '65517', '--nodes', '20')).to.throw(UsageError, '65516');
  });
});

describe('The restart delay of a node that keeps exiting', () => {
  it('doubles from at most 1.5 seconds to at most 20, with up to half of it subtracted', () => {
    const pause = new RestartDelay();
    for (const expected of [1500, 3000, 6000, 12_000, 20_000, 20_000]) {
      expect(pause.next(100)).to.be.within(expected / 2, expected);
    }
  });

  it('starts over once the node has run for a while', () => {
    const pause = new RestartDelay();
    for (let times = 0; times < 5; times++) pause.next(100);
    expect(pause.next(60_000)).to.be.within(750, 1500);
  });

  it('differs between nodes', () => {
    expect(new Set(Array.from({ length: 20 }, () => new RestartDelay().next(0))).size).to.be.greaterThan(10);
  });
});

describe("The launcher's output", () => {
  it('prefixes each line with the aligned name, without repeating the name that a node writes itself', async () => {
    let text = '';
    const output = openOutput(['node-8080', 'node-10080'], (more) => {
      text += more;
    });
    output.follow('node-8080', Readable.from(['12:00:00.000 node-8080 ser', 'ving\nError: plain\n', 'no end']));
    await eventually('all lines are there', () => text.split('\n').length === 4);
    output.log('bom dia');
    expect(text.replace(/\d\d:\d\d:\d\d\.\d{3} bom/, 'T bom')).to.equal(
      'node-8080  │ 12:00:00.000 serving\nnode-8080  │ Error: plain\nnode-8080  │ no end\ncluster    │ T bom dia\n',
    );
  });
});

describe('The addresses of a local cluster', () => {
  const environmentOf = (host: string) => nodePlan(8081, [8080, 8081, 8082], host, {});

  it('use localhost when the nodes listen on loopback or on all addresses', () => {
    for (const [host, probed] of [
      ['127.0.0.1', '127.0.0.1'],
      ['localhost', 'localhost'],
      ['::1', '[::1]'],
      ['0.0.0.0', '127.0.0.1'],
      ['::', '[::1]'],
    ]) {
      const { url, probeUrl, env } = environmentOf(host ?? '');
      expect(url, host).to.equal('http://localhost:8081');
      expect(probeUrl, host).to.equal(`http://${probed}:8081`);
      expect(env.PEER_URL, host).to.equal('http://localhost:8080,http://localhost:8082');
    }
  });

  it('use the address that the nodes listen on if that is a single other one', () => {
    expect(environmentOf('192.168.1.7')).to.include({
      url: 'http://192.168.1.7:8081',
      probeUrl: 'http://192.168.1.7:8081',
    });
    expect(environmentOf('192.168.1.7').env.PEER_URL).to.equal('http://192.168.1.7:8080,http://192.168.1.7:8082');
    expect(environmentOf('fe80::7').env.NODE_URL).to.equal('http://[fe80::7]:8081');
  });
});

describe('A local cluster that is stopped while it starts', () => {
  it('ends at once, and without the error of its start', async () => {
    const sockets: Socket[] = [];
    // A database that accepts connections, and never responds.
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const url = `postgres://me@127.0.0.1:${port}/chat`;
    const printed: string[] = [];
    const launcher = new Launcher({
      ...parseOptions(['--port', String(await freePort()), '--nodes', '1'], '/nowhere'),
      environment: { DATABASE_URL: url },
      check: () => ({ host: '127.0.0.1', databaseDirectUrl: url, auth: 'open' }),
      seed: async () => undefined,
      output: openOutput([], (line) => void printed.push(line)),
    });
    const ended = launcher.run();
    try {
      await eventually('it connects', () => sockets.length > 0);
      const stoppedAt = performance.now();
      launcher.stop();
      await ended;
      expect(performance.now() - stoppedAt).to.be.lessThan(5000);
      // This database is not the launcher's to stop.
      expect(printed.join('')).to.contain('stopping the nodes (press Ctrl-C again').and.not.contain('then PostgreSQL');
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });
});

describe('The banner', () => {
  const nodes = [
    { name: 'node-1', url: 'http://localhost:1', pid: 11, isActive: false },
    { name: 'node-2', url: 'http://localhost:2', pid: 22, isActive: true },
  ];

  it('polls a standby, posts to the active node and kills it, whichever node is active', () => {
    const text = banner(nodes, { user: 7, group: 9 }, 'postgres://me:secret@h/d', 'open');
    expect(text).to.include("curl -i 'http://localhost:1/subscribe/status?groupId=9'");
    expect(text).to.include(`curl 'http://localhost:2/messages'`).and.include('"userId":7,"groupId":9');
    expect(text).to.include('kill -9 22\n').and.include("psql 'postgres://me:secret@h/d'");
    expect(text).to.include("npm run plantao -- status --database 'postgres://me:secret@h/d'\n");
  });

  it('shows how to sign in before its other commands with AUTH=token', () => {
    const text = banner(nodes, { user: 7, group: 9 }, null, 'token');
    expect(text)
      .to.match(/curl .*\/register[\s\S]*TOKEN=\$\(curl .*\/login/)
      .and.include(String.raw`\([^"]*\)`);
    const calls = text.split('\n').filter((line) => /subscribe|messages|notify/.test(line));
    expect(calls).to.have.length(2);
    for (const line of calls) expect(line).to.include('-H "Authorization: Bearer $TOKEN"');
  });

  it("shows no password of the user's own database, and needs no demo data", () => {
    const text = banner(nodes, null, null, 'open');
    expect(text).to.not.include('psql').and.not.include('plantao --');
    expect(text).to.include("curl -X POST 'http://localhost:2/notify/default'").and.include('group=default');
  });
});

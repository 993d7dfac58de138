import { once } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { SEARCH_TIMES } from '../../../src/database/servers/search-times.ts';
import type { DatabaseServer } from '../../../src/database/servers/server.ts';
import { NotWritableError } from '../../../src/database/servers/server-errors.ts';
import type { WatchServer } from '../../../src/database/servers/server-search.ts';
import { Servers } from '../../../src/database/servers/servers.ts';
import type { DatabaseHost } from '../../../src/database/url/database-hosts.ts';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';

/** Of all searches of this file: aborted when they end. */
const searches = new Set<AbortSignal>();

type State = 'writable' | 'standby' | 'down' | 'silent' | 'slow';

/** Servers by address, whose state a test changes. */
class World {
  readonly states = new Map<string, State>();
  readonly names = new Map<string, string[]>();
  readonly watched: string[] = [];
  /** Addresses that lead to the same server. */
  readonly proxies = new Set<string>();
  readonly timelines = new Map<string, number>();
  /** Fractions of the times that make a search wait; the stagger and the retries are short already. */
  readonly times = {
    ...SEARCH_TIMES,
    silentOpeningMs: 100,
    idleMs: 200,
    failedMs: SEARCH_TIMES.failedMs / 20,
    silentMs: SEARCH_TIMES.silentMs / 20,
    checkAgainMs: SEARCH_TIMES.checkAgainMs / 10,
    resolveEveryMs: SEARCH_TIMES.resolveEveryMs / 10,
  };

  /** Makes a server accept writes on the next timeline. */
  promote(address: string): void {
    this.timelines.set(address, Math.max(1, ...this.timelines.values()) + 1);
    this.states.set(address, 'writable');
  }

  readonly watch: WatchServer = async ({ address }, signal, refuse) => {
    this.watched.push(address);
    searches.add(signal);
    for (;;) {
      signal.throwIfAborted();
      const state = this.states.get(address);
      // A loaded server, which takes longer to reply than an idle one does.
      if (state === 'slow') await sleep(60, undefined, { signal, ref: false });
      if (state === 'writable' || state === 'slow') {
        const instance = this.proxies.has(address) ? 'behind the proxies' : address;
        return { instance, timeline: this.timelines.get(address) ?? 1 };
      }
      if (state === 'down') throw new Error('connect ECONNREFUSED');
      if (state === 'standby') refuse(new NotWritableError('in recovery'));
      await sleep(2, undefined, { signal, ref: false });
    }
  };

  readonly resolve = async ({ host, port }: DatabaseHost): Promise<DatabaseServer[]> => {
    const addresses = this.names.get(host);
    if (!addresses) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
    return addresses.map((address) => ({ host, address, port }));
  };

  servers(...hosts: string[]): Servers {
    const all = hosts.map((host) => ({ host, port: 5432, address: null }));
    return new Servers(all, this.watch, this.resolve, this.times);
  }
}

/** Much later than a busy machine needs, and much earlier than the times of the search that must not pass. */
const SOON_MS = 5000;
const NEVER_MS = 60_000;
const within = async (limitMs: number, work: Promise<unknown>) => {
  const startedAt = performance.now();
  const result = await work;
  expect(performance.now() - startedAt).to.be.below(limitMs);
  return result;
};
const newSocket = () => new Socket().on('error', () => undefined);
const failureOf = (servers: Servers) =>
  servers.find().then(
    () => 'none',
    (error: Error) => error.message,
  );

describe('The search for the server that accepts writes', () => {
  const [A, B, C] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const;
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  // The timers of a search that still runs would be mixed up with those that another file mocks.
  after(() => eventually('all searches have ended', () => [...searches].every(({ aborted }) => aborted)));

  it('keeps the process running while a caller waits, and no longer', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    // Mocha's own timer of this test begins after the first turn.
    await turn();
    const before = timers();
    let accept = () => {};
    const watch: WatchServer = () =>
      new Promise((resolve) => (accept = () => resolve({ instance: 'instance', timeline: 1 })));
    const found = new Servers(
      [A, B].map((host) => ({ host, port: 5432, address: null })),
      watch,
    ).find();
    expect(timers()).to.be.above(before);
    accept();
    await found;
    expect(timers()).to.equal(before);
  });

  it('uses the first server that accepts writes, without asking the others', async () => {
    world.states.set(A, 'writable').set(B, 'writable');
    expect(await world.servers(A, B).find()).to.include({ address: A });
    expect(world.watched).to.deep.equal([A]);
  });

  it('skips a standby and a server that is down at once', async () => {
    world.states.set(A, 'standby').set(B, 'down').set(C, 'writable');
    world.times.staggerMs = NEVER_MS;
    expect(await within(SOON_MS, world.servers(A, B, C).find())).to.include({ address: C });
  });

  it('waits for a silent server only for the stagger', async () => {
    world.states.set(A, 'silent').set(B, 'writable');
    expect(await within(SOON_MS, world.servers(A, B).find())).to.include({ address: B });
  });

  it('is not delayed by a name that does not resolve', async () => {
    world.states.set(A, 'writable');
    world.times.staggerMs = NEVER_MS;
    expect(await within(SOON_MS, world.servers('nowhere', A).find())).to.include({ address: A });
  });

  it('tries every address of a name', async () => {
    world.names.set('db', [A, B, C]);
    world.states.set(A, 'down').set(B, 'standby').set(C, 'writable');
    expect(await world.servers('db').find()).to.deep.equal({ host: 'db', address: C, port: 5432 });
  });

  it('does not check a server that is the only one', async () => {
    world.names.set('db', [A]);
    expect(await world.servers('db').find()).to.deep.equal({ host: 'db', address: A, port: 5432 });
    expect(await world.servers(B).find()).to.deep.equal({ host: B, address: B, port: 5432 });
    expect(world.watched).to.deep.equal([]);
    expect(await failureOf(world.servers('nowhere'))).to.equal('getaddrinfo ENOTFOUND nowhere');
  });

  it('fails as soon as all have failed, and says why each has', async () => {
    world.names.set('db2', [B]);
    world.states.set(A, 'standby').set(B, 'down');
    expect(await failureOf(world.servers(A, 'db2', 'nowhere'))).to.equal(
      'no server accepts writes: 10.0.0.1:5432 is a standby (in recovery); ' +
        'db2:5432 (10.0.0.2) cannot be used (connect ECONNREFUSED); ' +
        'nowhere:5432 cannot be used (getaddrinfo ENOTFOUND nowhere)',
    );
  });

  it('notices a promotion while another server is silent', async () => {
    world.states.set(A, 'silent').set(B, 'standby');
    const found = world.servers(A, B).find();
    await eventually('both are watched', () => world.watched.length === 2);
    world.states.set(B, 'writable');
    expect(await within(SOON_MS, found)).to.include({ address: B });
  });

  it('goes on after it has failed, so that the next caller gets the promoted server', async () => {
    world.states.set(A, 'down').set(B, 'standby');
    const servers = world.servers(A, B);
    expect(await failureOf(servers)).to.match(/no server accepts writes/);
    world.states.set(B, 'writable');
    expect(await eventually('the server is found', () => servers.find().catch(() => null))).to.include({ address: B });
    expect(world.watched.filter((address) => address === B)).to.have.length(1);
  });

  it('follows a name that gets another address', async () => {
    world.names.set('db1', [A]).set('db2', [B]);
    world.states.set(A, 'down').set(B, 'down').set(C, 'writable');
    const servers = world.servers('db1', 'db2');
    expect(await failureOf(servers)).to.match(/no server accepts writes/);
    world.names.set('db1', [C]);
    expect(
      await eventually('the new address is found', () => servers.find().catch(() => null), { within: 5000 }),
    ).to.include({ address: C });
  });

  it('closes the sessions to a server when another takes over', async () => {
    world.states.set(A, 'writable').set(B, 'standby');
    const servers = world.servers(A, B);
    const [idle, silent] = [newSocket(), newSocket()];
    servers.opening(idle, await servers.find())?.opened();
    world.states.set(A, 'silent');
    world.promote(B);
    // An opening in which the server is silent starts the search.
    servers.opening(silent, await servers.find());
    await eventually('both sessions are closed', () => idle.destroyed && silent.destroyed);
    expect(await servers.find()).to.include({ address: B });
  });

  it('follows another thread to a server on a higher timeline only, also during a search', async () => {
    world.states.set(A, 'writable').set(B, 'standby');
    const [servers, others] = [world.servers(A, B), world.servers(B, A)];
    const idle = newSocket();
    servers.opening(idle, await servers.find())?.opened();
    world.promote(B);
    world.states.set(A, 'silent');
    expect(await others.find()).to.include({ address: B });
    others.follow(servers.found);
    expect(await others.find()).to.include({ address: B });
    world.states.set(B, 'silent');
    const silent = newSocket();
    // An opening in which the server is silent starts the search.
    servers.opening(silent, await servers.find());
    await once(silent.destroy(), 'close');
    const searched = servers.find();
    servers.follow(others.found);
    expect(await within(SOON_MS, searched)).to.include({ address: B });
    await eventually('the session to the former primary is closed', () => idle.destroyed);
  });

  it('calls its listeners when a server accepts writes after none did, or another has taken over, and at no other time', async () => {
    world.states.set(A, 'writable').set(B, 'standby');
    const servers = world.servers(A, B);
    let calls = 0;
    const ignore = servers.onFound(() => {
      calls++;
    });
    const search = async () => {
      const socket = newSocket();
      const found = await eventually('a server is found', () => servers.find().catch(() => null));
      servers.opening(socket, found)?.opened();
      // The end of a session makes the next caller search.
      socket.destroy();
      await once(socket, 'close');
    };
    await search();
    await search();
    expect(calls).to.equal(0);
    world.states.set(A, 'down');
    expect(await failureOf(servers)).to.match(/no server accepts writes/);
    world.states.set(A, 'writable');
    await search();
    expect(calls).to.equal(1);
    world.states.set(A, 'down');
    world.promote(B);
    await search();
    expect(calls).to.equal(2);
    ignore();
    world.states.set(B, 'down');
    world.promote(A);
    await search();
    expect(calls).to.equal(2);
  });

  it('does not search again while the opening of a session makes progress, however long it takes', async () => {
    world.states.set(A, 'writable').set(B, 'standby');
    const servers = world.servers(A, B);
    const socket = newSocket();
    const opening = servers.opening(socket, await servers.find());
    world.watched.length = 0;
    const makeProgress = () => {
      opening?.received();
      return world.watched.length === 0;
    };
    await always('it does not search', makeProgress, { forMs: 150 });
    await eventually('it searches when the server falls silent', () => world.watched.length > 0);
    socket.destroy();
  });

  it('keeps the sessions through one proxy when it finds the same server through another', async () => {
    world.states.set(A, 'writable').set(B, 'writable');
    world.proxies.add(A).add(B);
    const servers = world.servers(A, B);
    const [first, second] = [newSocket(), newSocket()];
    servers.opening(first, await servers.find())?.opened();
    servers.opening(second, await servers.find())?.opened();
    world.states.set(A, 'silent');
    // The end of a session starts the next search, which finds the server through the other proxy.
    second.destroy();
    await once(second, 'close');
    expect(await servers.find()).to.include({ address: B });
    expect(first.destroyed).to.equal(false);
    first.destroy();
  });

  it('prefers the server that was used last', async () => {
    world.states.set(A, 'down').set(B, 'writable');
    const servers = world.servers(A, B);
    const socket = newSocket();
    servers.opening(socket, await servers.find());
    world.states.set(A, 'writable');
    socket.destroy();
    await once(socket, 'close');
    world.watched.length = 0;
    expect(await servers.find()).to.include({ address: B });
    expect(world.watched).to.deep.equal([B]);
  });

  describe('when the server that was used last does not reply at once', () => {
    let servers: Servers;
    let session: Socket;
    /** B was promoted after A, and is in use; A is up again. */
    beforeEach(async () => {
      world.states.set(A, 'down');
      world.promote(B);
      servers = world.servers(A, B);
      session = newSocket();
      servers.opening(session, await servers.find())?.opened();
      const other = newSocket();
      servers.opening(other, await servers.find());
      // The end of a session makes the next caller search.
      other.destroy();
      await once(other, 'close');
    });
    afterEach(() => void session.destroy());

    it('waits for it, however much faster a former primary is, and closes no session', async () => {
      world.states.set(A, 'writable').set(B, 'slow');
      expect(await servers.find()).to.include({ address: B });
      expect(session.destroyed).to.equal(false);
    });

    it('waits for its restart while a former primary accepts writes', async () => {
      world.states.set(A, 'writable').set(B, 'down');
      const found = servers.find();
      await always('no other is taken', () => !session.destroyed, { forMs: world.times.failedMs * 1.25 });
      world.states.set(B, 'writable');
      expect(await found).to.include({ address: B });
    });

    it('uses another server on the same timeline after the last one has failed for a while', async () => {
      world.states.set(A, 'writable').set(B, 'down');
      world.timelines.set(A, 2);
      world.times.silentMs = NEVER_MS;
      const startedAt = performance.now();
      expect(await servers.find()).to.include({ address: A });
      expect(performance.now() - startedAt).to.be.at.least(world.times.failedMs * 0.95);
      expect(session.destroyed).to.equal(true);
    });

    it('uses another server on the same timeline after a longer silence', async () => {
      world.states.set(A, 'writable').set(B, 'silent');
      world.timelines.set(A, 2);
      const startedAt = performance.now();
      expect(await servers.find()).to.include({ address: A });
      expect(performance.now() - startedAt).to.be.at.least(world.times.silentMs * 0.95);
    });

    it('uses a promoted server at once', async () => {
      world.states.set(B, 'silent');
      world.promote(A);
      world.times.silentMs = NEVER_MS;
      expect(await within(SOON_MS, servers.find())).to.include({ address: A });
    });
  });
});

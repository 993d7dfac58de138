import { expect } from 'chai';
import { Peers } from '../../../src/coordination/peers/peers.ts';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';
import { FakePeer, TEST_IDENTITY } from '../../support/nodes/fake-peer.ts';

describe('Peers', () => {
  const fakes: FakePeer[] = [];
  let silent: string[];
  let foreign: string[];
  let otherEpochs: number;
  let now: number;
  let peers: Peers;

  const peer = async (says: FakePeer['says']) => {
    const fake = await FakePeer.start(says);
    fakes.push(fake);
    return fake;
  };
  const create = (...urls: string[]) => {
    peers = new Peers({
      node: 'me',
      urls,
      identity: {
        cluster: TEST_IDENTITY.cluster,
        matches: ({ cluster, epoch }) => cluster === TEST_IDENTITY.cluster && epoch === TEST_IDENTITY.epoch,
      },
      onOtherEpoch: () => void otherEpochs++,
      onForeignNode: (url) => void foreign.push(url),
      onActiveSilent: (name) => void silent.push(name),
      clock: () => now,
    });
    return peers;
  };
  const alive = (node: string, more: { active?: boolean; term?: number } = {}) => ({
    status: 'alive',
    active: false,
    node,
    term: 1,
    ...more,
  });
  const row = (node: string, url: string, more: { role?: string; term?: number; heartbeat_age_ms?: number } = {}) => ({
    node,
    url,
    role: 'active',
    term: 3,
    is_preferred: false,
    heartbeat_age_ms: 100,
    ...more,
  });

  beforeEach(() => {
    silent = [];
    foreign = [];
    otherEpochs = 0;
    now = 1_000_000;
  });
  afterEach(async () => {
    peers.stop();
    for (const fake of fakes.splice(0)) await fake.stop();
  });

  it('consider active the one with the highest term of those that claim to be active', async () => {
    const old = await peer(alive('old', { active: true, term: 4 }));
    const current = await peer(alive('current', { active: true, term: 5 }));
    const standby = await peer(alive('standby', { term: 5 }));
    create(old.url, current.url, standby.url);
    expect(peers.active).to.equal(null);
    await peers.probe(1000);
    expect(peers.active).to.include({ node: 'current', url: current.url, term: 5 });
    expect(peers.living).to.have.members(['old', 'current', 'standby']);
    expect(peers.knows('standby')).to.equal(true);
    expect(peers.knows('nobody')).to.equal(false);
  });

  it('are listed with those that do not respond', async () => {
    const current = await peer(alive('current', { active: true }));
    const down = await peer({ status: 'down', active: false, node: 'fallen', term: 1 });
    create(current.url, down.url, 'http://127.0.0.1:9');
    await peers.probe(1000);
    expect(peers.view()).to.deep.equal([
      { url: current.url, node: 'current', alive: true, active: true },
      { url: down.url, node: 'fallen', alive: false, active: false },
      { url: 'http://127.0.0.1:9', node: null, alive: false, active: false },
    ]);
    expect(peers.living).to.deep.equal(['current']);
  });

  it('do not include the node itself if PEER_URL names its own address', async () => {
    const own = await peer(alive('me', { active: true, term: 9 }));
    create(own.url);
    await peers.probe(1000);
    expect(peers.active).to.equal(null);
    expect(peers.view()).to.deep.equal([]);
  });

  it('are only nodes of the same cluster and epoch; others are reported once and never named as active', async () => {
    const clone = await peer({ ...alive('node-b', { active: true, term: 9 }), epoch: 'another' });
    const other = await peer({ ...alive('node-c', { active: true, term: 9 }), cluster: 'another' });
    const mute = await peer({ ...alive('node-d', { active: true, term: 9 }), cluster: null, epoch: null });
    create(clone.url, other.url, mute.url);
    await peers.probe(1000);
    expect(peers.active).to.equal(null);
    expect(peers.living).to.deep.equal([]);
    expect(peers.view().map(({ node, alive }) => [node, alive])).to.deep.equal([
      [null, false],
      [null, false],
      [null, false],
    ]);
    expect(otherEpochs, 'this node may be the one that does not know the newest epoch').to.equal(1);
    expect(foreign, 'they name another cluster').to.deep.equal([other.url, mute.url]);
    now += 5000;
    await peers.probe(1000);
    await peers.probe(1000);
    expect(foreign, 'reported once').to.deep.equal([other.url, mute.url, clone.url]);
    for (const one of [clone, other]) one.hangUp();
    await peers.probe(1000);
    expect(silent, 'their silence is not reported').to.deep.equal([]);
    clone.says = alive('node-b', { active: true, term: 9 });
    now += 10;
    await peers.probe(1000);
    expect(peers.active, 'it has read the newest epoch').to.include({ node: 'node-b', url: clone.url });
  });

  it('name an active node of the same cluster on another database, once a new epoch can no longer be the reason', async () => {
    const other = await peer({ ...alive('node-b', { active: true, term: 9 }), epoch: 'another' });
    create();
    peers.observeRows([row('node-b', other.url)], now);
    other.says = alive('node-b', { active: true, term: 9 });
    await peers.probe(1000);
    expect(peers.active).to.include({ node: 'node-b', url: other.url });
    // PostgreSQL splits: its row is in the other database now, and it is probed on.
    other.says = { ...alive('node-b', { active: true, term: 9 }), epoch: 'another' };
    now += 3000;
    peers.observeRows([], now);
    await peers.probe(1000);
    expect(peers.active, 'no client is sent to the other database').to.equal(null);
    expect(peers.view()).to.deep.equal([]);
    expect(peers.secondActive).to.equal(null);
    now += 5000;
    await peers.probe(1000);
    expect(peers.secondActive).to.deep.equal({ node: 'node-b', url: other.url, term: 9, epoch: 'another' });
    now += 2000;
    other.says = { ...alive('node-b', { active: false, term: 9 }), epoch: 'another' };
    await peers.probe(1000);
    expect(peers.secondActive, 'it is a standby there').to.equal(null);
    now += 61_000;
    peers.observeRows([], now);
    const { asked } = other;
    await peers.probe(1000);
    expect(other.asked, 'not probed for ever').to.equal(asked);
  });

  it('do not show the address of an active node if another cluster responds there', async () => {
    const stranger = await peer({ ...alive('node-b', { active: true, term: 9 }), cluster: 'another' });
    create(stranger.url);
    peers.observeRows([row('node-b', stranger.url)], now);
    expect(peers.active).to.include({ node: 'node-b', url: stranger.url });
    await peers.probe(1000);
    expect(peers.active).to.include({ node: 'node-b', url: null });
  });

  it('observe an announced promotion at once, until the announced node denies it', async () => {
    const announced = await peer(alive('announced', { active: false }));
    create(announced.url);
    peers.observePromotion({ node: 'announced', url: announced.url, term: 7 });
    expect(peers.active).to.include({ node: 'announced', url: announced.url, term: 7 });
    peers.observePromotion({ node: 'late', url: 'http://127.0.0.1:9', term: 6 });
    expect(peers.active?.node, 'an older promotion that arrives late').to.equal('announced');
    now += 100;
    await peers.probe(1000);
    expect(peers.active?.node).to.not.equal('announced');
  });

  it('keep an announced promotion despite a row from before it, or a response that the node itself sent before it knew', async () => {
    const announced = await peer(alive('announced'));
    create(announced.url);
    const sentAt = now;
    now += 20;
    peers.observePromotion({ node: 'announced', url: announced.url, term: 7 });
    now += 5;
    const standby = row('announced', announced.url, { role: 'standby', heartbeat_age_ms: 1 });
    peers.observeRows([standby], sentAt);
    expect(peers.active?.node, 'a row that was read before the promotion').to.equal('announced');
    await peers.probe(1000);
    expect(peers.active?.node, 'a response sent before the node had its reply').to.equal('announced');
    now += 100;
    peers.observeRows([standby], now);
    expect(peers.active, 'a row written long after it').to.equal(null);
  });

  it('remember a bounded number of nodes, and prefer those in plantao.nodes: any role may announce promotions of others', () => {
    create();
    peers.observeRows([row('real', 'http://127.0.0.1:9', { role: 'standby' })], now);
    for (let number = 0; number < 1000; number++) {
      now += 1;
      peers.observePromotion({ node: `forged ${number}`, url: 'http://127.0.0.1:9', term: number });
    }
    expect(peers.knows('real')).to.equal(true);
    expect(peers.knows('forged 999')).to.equal(true);
    expect(peers.knows('forged 700')).to.equal(false);
  });

  it('wait for an active node until one is seen, or for the given time', async () => {
    create();
    await peers.waitForActive(20);
    expect(peers.active).to.equal(null);
    const waiting = peers.waitForActive(10_000);
    peers.observePromotion({ node: 'new', url: 'http://127.0.0.1:9', term: 7 });
    await waiting;
    await peers.waitForActive(10_000);
  });

  it('do not trust an announced address before PEER_URL or plantao.nodes has it', () => {
    create();
    peers.observePromotion({ node: 'new', url: 'http://127.0.0.1:9/evil', term: 7 });
    expect(peers.active).to.include({ node: 'new', url: null, term: 7 });
    now += 10;
    peers.observeRows([row('new', 'http://127.0.0.1:9', { term: 7, heartbeat_age_ms: 0 })], now);
    expect(peers.active).to.include({ node: 'new', url: 'http://127.0.0.1:9' });
    now += 10;
    peers.observePromotion({ node: 'new', url: 'http://127.0.0.1:9/evil', term: 8 });
    expect(peers.active).to.include({ node: 'new', url: null, term: 8 });
  });

  it('observe a resignation as the end of its own term, not of the next one', () => {
    create();
    peers.observePromotion({ node: 'one', url: 'http://127.0.0.1:9', term: 7 });
    peers.observeResignation(7);
    expect(peers.active).to.equal(null);
    peers.observePromotion({ node: 'two', url: 'http://127.0.0.1:9', term: 8 });
    peers.observeResignation(7);
    expect(peers.active?.node).to.equal('two');
  });

  it('forget a resignation once older observations no longer count, since a restore makes terms lower', () => {
    create();
    peers.observePromotion({ node: 'one', url: 'http://127.0.0.1:9', term: 700 });
    peers.observeResignation(700);
    now += 2000;
    expect(peers.active).to.equal(null);
    now += 1000;
    peers.observePromotion({ node: 'two', url: 'http://127.0.0.1:9', term: 41 });
    expect(peers.active).to.include({ node: 'two', term: 41 });
  });

  for (const [what, forge] of [
    [
      'promotions of ever later terms',
      (n: number) => peers.observePromotion({ node: `x${n % 3}`, url: '-', term: 100 + n }),
    ],
    ['resignations of its term', () => peers.observeResignation(7)],
    ['resignations of ever later terms', (n: number) => peers.observeResignation(7 + n)],
  ] as const) {
    it(`do not believe forged ${what} for long, while the active node says that it is active`, async () => {
      const real = await peer(alive('real', { active: true, term: 7 }));
      create(real.url);
      await peers.probe(1000);
      for (let n = 0; n < 50; n++) {
        now += 20;
        forge(n);
        if (n % 10 === 9) await peers.probe(1000);
      }
      expect(peers.active).to.include({ node: 'real', term: 7 });
      now += 1000;
      expect(forge(100)).to.equal(false);
      expect(peers.active).to.include({ node: 'real', term: 7 });
    });
  }

  it('soon stop believing announced promotions that no peer confirms', () => {
    create();
    const forge = (n: number) => peers.observePromotion({ node: `x${n}`, url: '-', term: 100 + n });
    for (let n = 0; n < 200; n++) {
      now += 20;
      forge(n);
    }
    expect(peers.active).to.equal(null);
    expect(forge(200)).to.equal(false);
    now += 31_000;
    expect(forge(201)).to.equal(true);
  });

  it('believe announcements although a row of the node that resigned was stored late', () => {
    create();
    const old = row('old', 'http://127.0.0.1:9', { term: 7, heartbeat_age_ms: 0 });
    peers.observeRows([old], now);
    now += 10;
    expect(peers.observeResignation(7)).to.equal(true);
    now += 10;
    peers.observeRows([old], now);
    expect(peers.active, 'its term was resigned').to.equal(null);
    expect(peers.observePromotion({ node: 'next', url: 'http://127.0.0.1:9', term: 8 })).to.equal(true);
    now += 10;
    peers.observeRows([old], now);
    expect(peers.observeResignation(8)).to.equal(true);
  });

  it('believe each announcement of switchovers that follow one another closely', async () => {
    const [one, two] = [await peer(alive('one', { active: true, term: 7 })), await peer(alive('two'))];
    create(one.url, two.url);
    for (let term = 8; term < 20; term++) {
      const [from, to] = term % 2 === 0 ? [one, two] : [two, one];
      const name = to === one ? 'one' : 'two';
      await peers.probe(1000);
      // A response on the way says what was true when it was requested.
      const late = peers.probe(1000);
      now += 50;
      expect(peers.observeResignation(term - 1)).to.equal(true);
      expect(peers.observePromotion({ node: name, url: to.url, term })).to.equal(true);
      await late;
      expect(peers.active).to.include({ node: name, term });
      from.says = alive(name === 'one' ? 'two' : 'one');
      to.says = alive(name, { active: true, term });
      now += 200;
    }
  });

  it('use the newer of a row and a health response, and neither for long', async () => {
    const node = await peer(alive('node'));
    create();
    peers.observeRows([row('node', node.url)], now);
    expect(peers.active?.node).to.equal('node');
    now += 100;
    await peers.probe(1000);
    expect(peers.active, 'its own response, which is newer').to.equal(null);
    now += 1000;
    peers.observeRows([row('node', node.url, { heartbeat_age_ms: 1050 })], now);
    expect(peers.active, 'a row from before that response').to.equal(null);
    peers.observeRows([row('node', node.url, { heartbeat_age_ms: 10 })], now);
    expect(peers.active?.node, 'a row from after it').to.equal('node');
    now += 2600;
    expect(peers.active, 'and nothing since').to.equal(null);
    peers.observeRows([row('node', node.url, { role: 'standby' })], now);
    expect(peers.living).to.deep.equal(['node']);
    expect(peers.active, 'a standby').to.equal(null);
  });

  it('include nodes that only plantao.nodes names, until their row is removed', async () => {
    const found = await peer(alive('found', { active: true, term: 2 }));
    create();
    peers.observeRows([row('found', found.url)], now);
    await peers.probe(1000);
    expect(peers.view()).to.deep.equal([{ url: found.url, node: 'found', alive: true, active: true }]);
    peers.observeRows([], now);
    expect(peers.view()).to.deep.equal([]);
  });

  it('report silence at once when the connection to the active node closes', async () => {
    const dying = await peer(alive('dying', { active: true }));
    create(dying.url);
    await peers.probe(1000);
    expect(silent).to.deep.equal([]);
    await dying.stop();
    await eventually('the closed connection is noticed', () => silent.length > 0, { within: 500, every: 2 });
    expect(silent).to.deep.equal(['dying']);
    expect(peers.active).to.equal(null);
  });

  it('do not treat a closed connection as silence while a new one works: a proxy closes idle ones', async () => {
    const node = await peer(alive('node', { active: true }));
    create(node.url);
    await peers.probe(1000);
    node.hangUp();
    await eventually('it is asked again', () => node.asked === 2, { within: 500, every: 2 });
    await peers.probe(1000);
    expect(silent).to.deep.equal([]);
    expect(peers.active?.node).to.equal('node');
  });

  it('retry a probe once, not endlessly, with a peer that closes each connection', async () => {
    const node = await peer(alive('node', { active: true }));
    node.closesEach = true;
    create(node.url);
    await peers.probe(1000);
    await always('it is not asked without end', () => node.asked <= 2, { forMs: 150 });
    expect(silent).to.deep.equal([]);
    expect(peers.active?.node).to.equal('node');
  });

  it('report silence when the active node does not respond within the limit', async () => {
    const frozen = await peer(alive('frozen', { active: true }));
    create(frozen.url);
    await peers.probe(1000);
    frozen.says = null;
    const asked = performance.now();
    await peers.probe(150);
    expect(performance.now() - asked).to.be.within(100, 1000);
    expect(silent).to.include('frozen');
    expect(peers.active).to.equal(null);
  });

  it('do not report the silence of a standby, nor of a peer that never responded', async () => {
    const standby = await peer(alive('standby'));
    create(standby.url, 'http://127.0.0.1:9');
    await peers.probe(1000);
    await standby.stop();
    await eventually('it no longer counts as alive', () => peers.living.length === 0, { within: 500, every: 2 });
    expect(silent).to.deep.equal([]);
  });

  it('ignore a response that is not a health response', async () => {
    const term = (text: string) => `{"status":"alive","active":true,"node":"x","term":${text}}`;
    for (const says of [
      '',
      '<html>',
      'null',
      '[]',
      '{"active":true}',
      term('"1"'),
      `{"active":"${'x'.repeat(70_000)}"}`,
    ]) {
      const odd = await peer(says);
      create(odd.url);
      await peers.probe(1000);
      expect(peers.active, says.slice(0, 60)).to.equal(null);
      expect(peers.living, says.slice(0, 60)).to.deep.equal([]);
      peers.stop();
    }
  });

  it('ignore an address that cannot be called', async () => {
    const odd = ['node-a:8080', 'HTTPS://127.0.0.1:9', 'http://', '', 'http://127.0.0.1:99999', 'ftp://127.0.0.1'];
    create(...odd);
    peers.observeRows([row('by hand', 'node-b:8080', { role: 'standby' })], now);
    await peers.probe(1000);
    expect(peers.view().filter(({ alive }) => alive)).to.deep.equal([]);
    expect(peers.living).to.deep.equal(['by hand']);
  });

  it('are probed once at a time, however slow they are', async () => {
    const slow = await peer(null);
    create(slow.url);
    await Promise.all([peers.probe(100), peers.probe(100), peers.probe(100)]);
    expect(slow.asked).to.equal(1);
  });
});

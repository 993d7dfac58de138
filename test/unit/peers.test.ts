import { expect } from 'chai';
import { Peers } from '../../src/coordination/peers/peers.ts';
import { eventually } from '../support/eventually.ts';
import { FakePeer, TEST_IDENTITY } from '../support/fake-peer.ts';

describe('What a node knows of its peers', () => {
  const fakes: FakePeer[] = [];
  let silent: string[];
  let strangers: string[];
  let otherEpochs: number;
  let now: number;
  let peers: Peers;

  const peer = async (says: FakePeer['says']) => {
    const fake = await FakePeer.start(says);
    fakes.push(fake);
    return fake;
  };
  const know = (...urls: string[]) => {
    peers = new Peers({
      node: 'me',
      urls,
      identity: {
        cluster: TEST_IDENTITY.cluster,
        matches: ({ cluster, epoch }) => cluster === TEST_IDENTITY.cluster && epoch === TEST_IDENTITY.epoch,
      },
      onOtherEpoch: () => void otherEpochs++,
      onStranger: (url) => void strangers.push(url),
      onSilence: (name) => void silent.push(name),
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
    is_primary: false,
    heartbeat_age_ms: 100,
    ...more,
  });

  beforeEach(() => {
    silent = [];
    strangers = [];
    otherEpochs = 0;
    now = 1_000_000;
  });
  afterEach(async () => {
    peers.stop();
    for (const fake of fakes.splice(0)) await fake.stop();
  });

  it('comes from what they say themselves: of several that say they are active, the highest term', async () => {
    const old = await peer(alive('old', { active: true, term: 4 }));
    const current = await peer(alive('current', { active: true, term: 5 }));
    const standby = await peer(alive('standby', { term: 5 }));
    know(old.url, current.url, standby.url);
    expect(peers.active).to.equal(null);
    await peers.ask(1000);
    expect(peers.active).to.include({ node: 'current', url: current.url, term: 5 });
    expect(peers.living).to.have.members(['old', 'current', 'standby']);
    expect(peers.knows('standby')).to.equal(true);
    expect(peers.knows('nobody')).to.equal(false);
  });

  it('is shown by /health, also of those that do not answer', async () => {
    const current = await peer(alive('current', { active: true }));
    const down = await peer({ status: 'down', active: false, node: 'fallen', term: 1 });
    know(current.url, down.url, 'http://127.0.0.1:9');
    await peers.ask(1000);
    expect(peers.view()).to.deep.equal([
      { url: current.url, node: 'current', alive: true, active: true },
      { url: down.url, node: 'fallen', alive: false, active: false },
      { url: 'http://127.0.0.1:9', node: null, alive: false, active: false },
    ]);
    expect(peers.living).to.deep.equal(['current']);
  });

  it('leaves itself out where PEER_URL names its own address', async () => {
    const own = await peer(alive('me', { active: true, term: 9 }));
    know(own.url);
    await peers.ask(1000);
    expect(peers.active).to.equal(null);
    expect(peers.view()).to.deep.equal([]);
  });

  it('counts only from nodes of the same cluster and epoch: others are no peers, and never the active’s address', async () => {
    const clone = await peer({ ...alive('node-b', { active: true, term: 9 }), epoch: 'another' });
    const other = await peer({ ...alive('node-c', { active: true, term: 9 }), cluster: 'another' });
    const mute = await peer({ ...alive('node-d', { active: true, term: 9 }), cluster: null, epoch: null });
    know(clone.url, other.url, mute.url);
    await peers.ask(1000);
    expect(peers.active).to.equal(null);
    expect(peers.living).to.deep.equal([]);
    expect(peers.view().map(({ node, alive }) => [node, alive])).to.deep.equal([
      [null, false],
      [null, false],
      [null, false],
    ]);
    expect(otherEpochs, 'it may be us who do not know the newest epoch').to.equal(1);
    expect(strangers, 'they name another cluster').to.deep.equal([other.url, mute.url]);
    now += 5000;
    await peers.ask(1000);
    await peers.ask(1000);
    expect(strangers, 'told once').to.deep.equal([other.url, mute.url, clone.url]);
    for (const one of [clone, other]) one.hangUp();
    await peers.ask(1000);
    expect(silent, 'their silence is no sign of anything').to.deep.equal([]);
    clone.says = alive('node-b', { active: true, term: 9 });
    now += 10;
    await peers.ask(1000);
    expect(peers.active, 'it has read the newest epoch').to.include({ node: 'node-b', url: clone.url });
  });

  it('has no address for an active whose address answers as another cluster', async () => {
    const stranger = await peer({ ...alive('node-b', { active: true, term: 9 }), cluster: 'another' });
    know(stranger.url);
    peers.learn([row('node-b', stranger.url)]);
    expect(peers.active).to.include({ node: 'node-b', url: stranger.url });
    await peers.ask(1000);
    expect(peers.active).to.include({ node: 'node-b', url: null });
  });

  it('is announced: a promotion is believed at once, until the announced one says otherwise', async () => {
    const announced = await peer(alive('announced', { active: false }));
    know(announced.url);
    peers.promoted({ node: 'announced', url: announced.url, term: 7 });
    expect(peers.active).to.include({ node: 'announced', url: announced.url, term: 7 });
    peers.promoted({ node: 'late', url: 'http://127.0.0.1:9', term: 6 });
    expect(peers.active?.node, 'an older promotion that is heard late').to.equal('announced');
    now += 100;
    await peers.ask(1000);
    expect(peers.active?.node).to.not.equal('announced');
  });

  it('is announced by anybody who may NOTIFY: an address is handed out only once setting or table of nodes have it', () => {
    know();
    peers.promoted({ node: 'new', url: 'http://127.0.0.1:9/evil', term: 7 });
    expect(peers.active).to.include({ node: 'new', url: null, term: 7 });
    now += 10;
    peers.learn([row('new', 'http://127.0.0.1:9', { term: 7, heartbeat_age_ms: 0 })]);
    expect(peers.active).to.include({ node: 'new', url: 'http://127.0.0.1:9' });
    now += 10;
    peers.promoted({ node: 'new', url: 'http://127.0.0.1:9/evil', term: 8 });
    expect(peers.active).to.include({ node: 'new', url: null, term: 8 });
  });

  it('is announced: a resignation ends the term, not the next one', () => {
    know();
    peers.promoted({ node: 'one', url: 'http://127.0.0.1:9', term: 7 });
    peers.resigned(7);
    expect(peers.active).to.equal(null);
    peers.promoted({ node: 'two', url: 'http://127.0.0.1:9', term: 8 });
    peers.resigned(7);
    expect(peers.active?.node).to.equal('two');
  });

  it('is announced: a resignation outlives the words before it, and no longer; after a restore terms are lower', () => {
    know();
    peers.promoted({ node: 'one', url: 'http://127.0.0.1:9', term: 700 });
    peers.resigned(700);
    now += 2000;
    expect(peers.active).to.equal(null);
    now += 1000;
    peers.promoted({ node: 'two', url: 'http://127.0.0.1:9', term: 41 });
    expect(peers.active).to.include({ node: 'two', term: 41 });
  });

  it('stands in the table of nodes: of a row and an answer the newer counts, and neither for long', async () => {
    const node = await peer(alive('node'));
    know();
    peers.learn([row('node', node.url)]);
    expect(peers.active?.node).to.equal('node');
    now += 100;
    await peers.ask(1000);
    expect(peers.active, 'its own word, which is newer').to.equal(null);
    now += 1000;
    peers.learn([row('node', node.url, { heartbeat_age_ms: 1050 })]);
    expect(peers.active, 'a row from before that word').to.equal(null);
    peers.learn([row('node', node.url, { heartbeat_age_ms: 10 })]);
    expect(peers.active?.node, 'a row from after it').to.equal('node');
    now += 2600;
    expect(peers.active, 'and nothing since').to.equal(null);
    peers.learn([row('node', node.url, { role: 'standby' })]);
    expect(peers.living).to.deep.equal(['node']);
    expect(peers.active, 'a standby').to.equal(null);
  });

  it('grows with the table of nodes: peers that PEER_URL does not name are asked too, and forgotten with their row', async () => {
    const found = await peer(alive('found', { active: true, term: 2 }));
    know();
    peers.learn([row('found', found.url)]);
    await peers.ask(1000);
    expect(peers.view()).to.deep.equal([{ url: found.url, node: 'found', alive: true, active: true }]);
    peers.learn([]);
    expect(peers.view()).to.deep.equal([]);
  });

  it('is told at once when the connection to a living peer closes', async () => {
    const dying = await peer(alive('dying', { active: true }));
    know(dying.url);
    await peers.ask(1000);
    expect(silent).to.deep.equal([]);
    dying.hangUp();
    await eventually('the closed connection is heard', () => silent.length > 0, { within: 500, every: 2 });
    expect(silent).to.deep.equal(['dying']);
    expect(peers.active).to.equal(null);
  });

  it('is told when a living peer leaves a question open, within the limit', async () => {
    const frozen = await peer(alive('frozen', { active: true }));
    know(frozen.url);
    await peers.ask(1000);
    frozen.says = null;
    const asked = performance.now();
    await peers.ask(150);
    expect(performance.now() - asked).to.be.within(100, 1000);
    expect(silent).to.include('frozen');
    expect(peers.active).to.equal(null);
  });

  it('is not told of a standby that dies, nor of a peer that never lived', async () => {
    const standby = await peer(alive('standby'));
    know(standby.url, 'http://127.0.0.1:9');
    await peers.ask(1000);
    standby.hangUp();
    await eventually('it is not there any more', () => peers.living.length === 0, { within: 500, every: 2 });
    expect(silent).to.deep.equal([]);
  });

  it('is nothing where the answer is no health answer', async () => {
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
      know(odd.url);
      await peers.ask(1000);
      expect(peers.active, says.slice(0, 60)).to.equal(null);
      expect(peers.living, says.slice(0, 60)).to.deep.equal([]);
      peers.stop();
    }
  });

  it('is nothing where the address is none: a wrong row or setting harms nobody', async () => {
    const odd = ['node-a:8080', 'HTTPS://127.0.0.1:9', 'http://', '', 'http://127.0.0.1:99999', 'ftp://127.0.0.1'];
    know(...odd);
    peers.learn([row('by hand', 'node-b:8080', { role: 'standby' })]);
    await peers.ask(1000);
    expect(peers.view().filter(({ alive }) => alive)).to.deep.equal([]);
    expect(peers.living).to.deep.equal(['by hand']);
  });

  it('is asked once at a time, however slow a peer is', async () => {
    const slow = await peer(null);
    know(slow.url);
    await Promise.all([peers.ask(100), peers.ask(100), peers.ask(100)]);
    expect(slow.asked).to.equal(1);
  });
});

import { expect } from 'chai';
import pg from 'pg';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually.ts';
import { get, post } from '../support/network/http.ts';
import type { NodeProcess } from '../support/nodes/node-process.ts';
import { expectNoProblems, useBrowserCluster } from './browser-cluster.ts';
import { NODE_IS_DOWN } from './chat-browser.ts';
import { expectAccessible } from './page-checks.ts';

const PHONE = { viewport: { width: 360, height: 740 } };

describe('The cluster page', function () {
  this.timeout(240_000);
  const use = useBrowserCluster();

  expectNoProblems(use, NODE_IS_DOWN);

  const open = (node: NodeProcess, options = {}) => use.browser.open(node.url, options, '/cluster');
  const untilShown = (page: Page, text: string) => page.locator('.headline .state', { hasText: text }).waitFor();
  const card = (page: Page, node: NodeProcess) => page.getByRole('listitem').filter({ hasText: node.url });
  const untilActive = (page: Page, node: NodeProcess) => untilShown(page, `${node.name} has been active for`);

  /** Returns the active node and the standby, which change from test to test. */
  async function roles(): Promise<[active: NodeProcess, standby: NodeProcess]> {
    return eventually('one node is active, and the other a standby', async () => {
      const [one, other] = await Promise.all([use.first, use.second].map(({ url }) => get(`${url}/health`)));
      if (one?.body.role === 'active' && other?.body.role === 'standby') return [use.first, use.second];
      return other?.body.role === 'active' && one?.body.role === 'standby' && [use.second, use.first];
    });
  }

  /** Presses a button of a node's card, and confirms. */
  async function operate(page: Page, node: NodeProcess, name: string): Promise<void> {
    await card(page, node).getByRole('button', { name }).click();
    await page.getByRole('dialog').getByRole('button', { name }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }

  it('asks the nodes for their roles every second, even while reads of the database hang', async () => {
    const [active, standby] = await roles();
    const page = await open(standby);
    await untilActive(page, active);
    let reads = 0;
    let probes = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/health')) probes += 1;
    });
    await page.route('**/cluster', () => {
      // The page's time limit ends it.
      reads += 1;
    });
    await eventually('some reads have hung', async () => reads >= 4, { within: 60_000 });
    // Two nodes, and two reads of up to 2.5 s a turn: together with the reads there would be four.
    expect(probes).to.be.at.least(8);
    await page.locator('.live.stale', { hasText: 'Not live: last known state' }).waitFor();
    await page.unroute('**/cluster');
    // From either node: the last read from its own may have hung.
    await page.getByText(/^Live from/).waitFor();
  });

  it('says which node is active and since when, and has a card with figures for each node', async () => {
    const [active, standby] = await roles();
    const page = await open(standby);
    await untilShown(page, 'Posts are accepted.');
    const text = await page.locator('.headline .state').textContent();
    expect(text).to.match(
      new RegExp(`^${active.name} has been active for .+ \\(term \\d+\\)\\. Posts are accepted\\.$`),
    );
    for (const [node, role] of [[active, 'active'] as const, [standby, 'standby'] as const]) {
      await card(page, node).getByText(role, { exact: true }).waitFor();
      await card(page, node)
        .getByRole('img', { name: /Waiters/ })
        .waitFor();
    }
    await page.getByText(`Live from ${standby.name}`).waitFor();
    await page.getByText('Nothing blocks the nodes.').waitFor();
    await expectAccessible(page, 'cluster-active');
  });

  it('fits on a phone, in Portuguese', async () => {
    const [active] = await roles();
    const page = await open(active, { ...PHONE, locale: 'pt-BR' });
    await untilShown(page, `${active.name} está ativo há`);
    await page.getByText('Nada bloqueia os nós.').waitFor();
    await expectAccessible(page, 'cluster-phone-pt');
  });

  it('asks before it hands over, can be cancelled by Escape, and then follows the switchover', async () => {
    const [active, standby] = await roles();
    const page = await open(active);
    await untilActive(page, active);
    await card(page, standby).getByRole('button', { name: 'Make active' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText(`${active.name} finishes its writes and hands over.`).waitFor();
    await expectAccessible(page, 'cluster-dialog');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await operate(page, standby, 'Make active');
    await untilActive(page, standby);
    await page.getByText(`${active.name} handed over (requested by HTTP client`).waitFor();
  });

  it('selects a command that the browser does not let it copy', async () => {
    const [active, standby] = await roles();
    const page = await open(active);
    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new DOMException('denied', 'NotAllowedError'));
    });
    await card(page, standby).getByRole('button', { name: 'Make active' }).click();
    const command = page.getByRole('dialog').locator('.command');
    await command.getByRole('button', { name: 'Copy' }).click();
    expect(await page.evaluate(() => getSelection()?.toString())).to.equal(await command.locator('code').textContent());
  });

  it('shows which session blocks the nodes, and the statement that ends it', async () => {
    const page = await open(use.first);
    const [active] = await roles();
    const { user_id: userId } = (await post(`${active.url}/login`, { username: 'ana' })).body;
    const { group_id: groupId } = (
      await post(`${active.url}/create-chat`, { groupName: 'g', creatorId: userId, members: [] })
    ).body;
    const ids = { userId, groupId };
    const holder = new pg.Client({ connectionString: use.database.url, application_name: 'a long report' });
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE plantao.messages IN SHARE MODE');
    const { rows } = await holder.query('SELECT pg_backend_pid() AS pid');
    const statement = `SELECT pg_terminate_backend(${rows[0]?.pid});`;
    await page.locator('.blocking').getByText(statement).waitFor();
    await page.getByText('Blocks: table messages').waitFor();
    // A post waits: what to do is in the headline.
    const waits = post(`${active.url}/messages`, { ...ids, content: 'waits' });
    await page.locator('.headline', { hasText: 'A database session (a long report) blocks' }).waitFor();
    await page.locator('.headline').getByText(statement).waitFor();
    await waits;
    await expectAccessible(page, 'cluster-blocked');
    await holder.query('ROLLBACK');
    await holder.end();
    await page.getByText('Nothing blocks the nodes.').waitFor();
  });

  it('reads from the other node when its own is killed, says so, and shows the failover with its reason', async () => {
    const [active, standby] = await roles();
    const page = await open(active);
    await untilActive(page, active);
    await active.kill('SIGKILL');
    await untilActive(page, standby);
    const moved = page.getByText(`${active.name} didn't respond. This page now reads from ${standby.name}.`);
    await moved.waitFor();
    await card(page, active).getByText('unreachable', { exact: true }).waitFor();
    await page.getByText(`${standby.name} became active`).first().waitFor();
    await page.locator('.changes .lost', { hasText: 'without an active node' }).first().waitFor();
    await expectAccessible(page, 'cluster-failover');
    // A minute later, the notice is gone.
    await page.clock.setFixedTime(Date.now() + 61_000);
    await moved.waitFor({ state: 'detached' });
    await page.getByText(`Live from ${standby.name}`).waitFor();
    await active.start();
    await card(page, active).getByText('standby', { exact: true }).waitFor();
  });

  it('says that no node is active, why and what to do, and brings a node back', async () => {
    const [active, standby] = await roles();
    const page = await open(active);
    await untilActive(page, active);
    await operate(page, standby, 'Take out of service');
    await card(page, active).getByRole('button', { name: 'Take out of service' }).click();
    await page.getByText('posts will be refused until you bring a node back').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Take out of service' }).click();
    await untilShown(page, 'Posts are refused.');
    await page.getByText('All running nodes are fallen (out of service). Bring one back below.').first().waitFor();
    await expectAccessible(page, 'cluster-none-active');
    await operate(page, standby, 'Bring back');
    await untilActive(page, standby);
    await page.getByText(`${active.name} was taken out of service. ${standby.name} became active (term `).waitFor();
    await operate(page, active, 'Bring back');
    await card(page, active).getByText('standby', { exact: true }).waitFor();
  });

  it('says that its node was taken out of service, not that it failed to respond, when the page moves to another node', async () => {
    const [active, standby] = await roles();
    const page = await open(standby);
    await untilActive(page, active);
    // As for a page whose read was under way.
    await page.route(`${standby.url}/cluster`, (route) => route.abort());
    await page.getByText(`${standby.name} didn't respond. This page now reads from ${active.name}.`).waitFor();
    await operate(page, standby, 'Take out of service');
    const said = `${standby.name} was taken out of service. This page now reads from ${active.name}.`;
    await page.getByText(said).waitFor();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await operate(page, standby, 'Bring back');
    await card(page, standby).getByText('standby', { exact: true }).waitFor();
  });

  it('pauses failover for the given time, says so, and ends the pause, and asks for confirmation before each', async () => {
    const [active, standby] = await roles();
    const page = await open(standby);
    await untilActive(page, active);
    await page.getByRole('button', { name: 'Pause failover' }).click();
    await page.getByText('If the active node stops, posts are refused.').waitFor();
    await page.getByLabel('Minutes').fill('0');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause failover' }).click();
    // The browser refuses it.
    await page.getByLabel('Minutes').fill('7');
    await page.getByLabel('Reason (optional)').fill("Ana's new disk");
    await page.getByText(`-d '{"minutes":7,"reason":"Ana'\\''s new disk"}' '${standby.url}/pause'`).waitFor();
    await expectAccessible(page, 'cluster-pause-dialog');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause failover' }).click();
    await page.locator('.headline', { hasText: "Ana's new disk): no other node takes over." }).waitFor();
    const { paused_until: until } = (await get(`${active.url}/health`)).body;
    expect(Date.parse(until as string) - Date.now()).to.be.within(340_000, 440_000);
    await expectAccessible(page, 'cluster-paused');
    await page.locator('.headline').getByRole('button', { name: 'End the pause' }).click();
    await page.getByText('A standby can take over again.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'End the pause' }).click();
    await page.getByText('no other node takes over').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Pause failover' }).waitFor();
  });

  it("shows PostgreSQL's standbys with what a failover could lose, and two active nodes in red", async () => {
    const page = await open(use.first);
    await untilShown(page, 'Posts are accepted.');
    // This test has one PostgreSQL server: standbys are added to the real response.
    const standby = { state: 'streaming', lag_bytes: 20_480, lag_events: 3, lag_ms: 1200, messages_at_risk: 2 };
    const standbys = [
      { ...standby, standby: 'pg2', sync_state: 'sync', lag_bytes: 0, lag_ms: 0, messages_at_risk: 0 },
      { ...standby, standby: 'pg3', sync_state: 'async' },
    ];
    let secondActive: object | null = null;
    await page.route(/\/cluster$/, async (route) => {
      const response = await route.fetch();
      const durability = { durable: 'replicated', messages_at_risk: 0, standbys };
      await route.fulfill({ response, json: { ...(await response.json()), durability, rival: secondActive } });
    });
    await page.getByText('Commits also wait for the disks of the synchronous standbys.').waitFor();
    await page.getByRole('listitem').filter({ hasText: 'pg3' }).getByText('2 messages').waitFor();
    await expectAccessible(page, 'cluster-standbys');
    secondActive = { node: 'node-9000', url: 'http://localhost:9000', term: 9, epoch: null };
    await untilShown(page, 'on this database, node-9000 (http://localhost:9000) on another.');
    await expectAccessible(page, 'cluster-two-actives');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });

  it('keeps the last known state while no node can be reached', async () => {
    const page = await open(use.first);
    await untilShown(page, 'Posts are accepted.');
    await page.context().setOffline(true);
    await untilShown(page, "This page can't reach any node.");
    await page.getByText('Not live: last known state').waitFor();
    await page.context().setOffline(false);
    await untilShown(page, 'Posts are accepted.');
    use.browser.problems();
  });
});

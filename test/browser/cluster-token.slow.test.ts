import { expect } from 'chai';
import { useBrowserCluster } from './browser-cluster.ts';
import { expectAccessible } from './page-checks.ts';

const ADMIN_TOKEN = 'only-for-this-test-0123456789abcdef';
/** The console error of a request that the node refuses. */
const REFUSED = /status of 40[13]/;

describe('The cluster page with AUTH=token', function () {
  this.timeout(120_000);
  const use = useBrowserCluster({ env: { AUTH: 'token', ADMIN_TOKEN } });

  it('shows the state to everyone, and the blocking sessions and the operations only with the admin token', async () => {
    const page = await use.browser.open(use.second.url, {}, '/cluster');
    await page.getByText(`${use.first.name} has been active for`).waitFor();
    await page.getByText('Only administrators see which database sessions block the nodes.').waitFor();
    await expectAccessible(page, 'cluster-token');
    await page.getByRole('button', { name: 'Enter the admin token' }).click();
    await page.getByLabel('Admin token', { exact: true }).fill('wrong');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The nodes refuse this admin token.').waitFor();
    await page.getByLabel('Admin token', { exact: true }).fill(ADMIN_TOKEN);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Nothing blocks the nodes.').waitFor();
    await page.getByRole('button', { name: 'Make active' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Make active' }).click();
    await page.getByText(`${use.second.name} has been active for`).waitFor();
    await page.getByRole('button', { name: 'Forget the admin token' }).click();
    await page.getByText('Only administrators see').waitFor();
    expect(use.browser.problems(REFUSED)).to.deep.equal([]);
  });

  it('asks for the token in the dialog of an operation, and refuses a wrong one', async () => {
    const page = await use.browser.open(use.first.url, {}, '/cluster');
    await page.getByRole('button', { name: 'Take out of service' }).first().click();
    await page.getByLabel('Admin token', { exact: true }).fill('wrong');
    await page.getByRole('dialog').getByRole('button', { name: 'Take out of service' }).click();
    await page.getByText('The nodes refuse this admin token.').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('has been active for').waitFor();
    await page.getByRole('button', { name: 'Pause failover' }).click();
    const asked = page.getByRole('dialog');
    await asked.getByLabel('Admin token', { exact: true }).fill('wrong');
    await asked.getByRole('button', { name: 'Pause failover' }).click();
    await page.getByText('The nodes refuse this admin token.').waitFor();
    await asked.getByLabel('Admin token', { exact: true }).fill(ADMIN_TOKEN);
    await asked.getByRole('button', { name: 'Pause failover' }).click();
    await page.locator('.headline').getByRole('button', { name: 'End the pause' }).click();
    // The page keeps the token that the nodes have accepted.
    await asked.getByRole('button', { name: 'End the pause' }).click();
    await page.getByRole('button', { name: 'Pause failover' }).waitFor();
    expect(use.browser.problems(REFUSED)).to.deep.equal([]);
  });
});

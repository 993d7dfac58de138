import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { hasPromtool } from '../../support/prometheus.ts';

const TESTS = fileURLToPath(new URL('../../../.ops/prometheus-alerts.test.yml', import.meta.url));

describe('The alert rules of .ops', () => {
  it('pass their unit tests, in which every alert fires', function () {
    if (!hasPromtool()) {
      console.log('        promtool is missing: install the Debian package prometheus to test the alert rules');
      return this.skip();
    }
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', TESTS], { encoding: 'utf8' });
    expect(status, `${stdout}${stderr}`).to.equal(0);
  }).timeout(180_000);
});

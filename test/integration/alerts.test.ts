import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { get } from '../support/http.ts';
import { useTwoNodes } from '../support/two-nodes.ts';

const OPS = fileURLToPath(new URL('../../.ops/', import.meta.url));
const read = (name: string) => readFileSync(path.join(OPS, name), 'utf8');

/** The names of metrics in expressions of PromQL. */
const metricsIn = (text: string) => new Set(text.match(/\b(?:plantao|nodejs|process)_[a-z0-9_]+/g));

describe('The alert rules and the dashboard of .ops', () => {
  const nodes = useTwoNodes();

  it('use only metrics that the nodes expose', async () => {
    const { text } = await get(`${nodes.active.url}/metrics`);
    const exposed = new Set<string>();
    for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      exposed.add(name);
      if (type === 'histogram') for (const suffix of ['_bucket', '_sum', '_count']) exposed.add(name + suffix);
    }
    for (const file of ['prometheus-alerts.yml', 'prometheus-alerts.test.yml', 'grafana-dashboard.json']) {
      const used = metricsIn(read(file));
      expect(used.size, `metrics in ${file}`).to.be.greaterThan(5);
      expect(
        [...used].filter((name) => !exposed.has(name)),
        file,
      ).to.deep.equal([]);
    }
  });

  it('give each alert a summary, a description, and a runbook with what to see, what to do and when it is over', () => {
    const alerts = read('prometheus-alerts.yml')
      .split(/^ {6}- alert: /m)
      .slice(1);
    expect(alerts).to.have.length.greaterThan(10);
    for (const alert of alerts) {
      expect(alert).to.match(/ severity: (critical|warning)\}/);
      for (const part of ['summary: ', 'description: ', 'runbook: ', 'See: ', 'Do: ', 'Over: ']) {
        expect(alert, alert.split('\n')[0]).to.include(part);
      }
    }
  });

  it('are all in RUNBOOK.md, with the words of their annotation', () => {
    const plain = (text: string) => text.replace(/\s+/g, ' ').replaceAll('\\|', '|').toLowerCase();
    const runbook = plain(read('RUNBOOK.md'));
    const { groups } = parse(read('prometheus-alerts.yml')) as {
      groups: { rules: { alert: string; annotations: { runbook: string } }[] }[];
    };
    for (const { alert, annotations } of groups.flatMap(({ rules }) => rules)) {
      expect(runbook).to.include(`| ${alert.toLowerCase()} (`);
      for (const part of annotations.runbook.split(/See: | Do: | Over: /).filter((part) => part !== '')) {
        expect(runbook, alert).to.include(plain(part).trim());
      }
    }
  });

  it('pass their unit tests, in which every alert fires', function () {
    const tests = read('prometheus-alerts.test.yml');
    for (const [, name] of read('prometheus-alerts.yml').matchAll(/- alert: (\w+)/g)) {
      expect(tests, `a test in which ${name} fires`).to.include(`alertname="${name}"`);
    }
    const { error, status, stdout, stderr } = spawnSync(
      'promtool',
      ['test', 'rules', path.join(OPS, 'prometheus-alerts.test.yml')],
      { encoding: 'utf8' },
    );
    if (error) {
      console.log('        promtool is missing: install the Debian package prometheus to test the alert rules');
      return this.skip();
    }
    expect(status, `${stdout}${stderr}`).to.equal(0);
  });
});

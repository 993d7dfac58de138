import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';

const OPS = fileURLToPath(new URL('../../../.ops/', import.meta.url));
const read = (name: string) => readFileSync(path.join(OPS, name), 'utf8');

describe('The alert rules of .ops', () => {
  it('give each alert a summary, a description, and a runbook with what to see, what to do and when it is over', () => {
    const alerts = read('prometheus-alerts.yml')
      .split(/^ {6}- alert: /m)
      .slice(1);
    expect(alerts).to.have.length.greaterThan(10);
    for (const alert of alerts) {
      expect(alert).to.match(/\{severity: (critical|warning)\}/);
      for (const part of ['summary: ', 'description: ', 'runbook: ', 'See: ', 'Do: ', 'Over: ']) {
        expect(alert, alert.split('\n')[0]).to.include(part);
      }
    }
  });

  it('are all in RUNBOOK.md, with the words of their annotation', () => {
    // Names in RUNBOOK.md are code spans, and each case has a line of its own.
    const plain = (text: string) =>
      text
        .replace(/(\s|<br>)+/g, ' ')
        .replace(/\\(?=\|)|`/g, '')
        .toLowerCase();
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

  it('have a unit test in which each of them fires', () => {
    const tests = read('prometheus-alerts.test.yml');
    for (const [, name] of read('prometheus-alerts.yml').matchAll(/- alert: (\w+)/g)) {
      expect(tests, `a test in which ${name} fires`).to.include(`alertname="${name}"`);
    }
  });
});

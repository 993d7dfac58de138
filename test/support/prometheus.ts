import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { get } from './network/http.ts';

const RULES = fileURLToPath(new URL('../../.ops/prometheus-alerts.yml', import.meta.url));
/** The scrape_interval of the rules. */
const INTERVAL_S = 5;
const SAMPLES_A_MINUTE = 60 / INTERVAL_S;

/** The samples that Prometheus reads from all nodes at one time, by name and labels. */
export type Scrape = ReadonlyMap<string, number>;

/** Returns whether promtool is installed (Debian package prometheus). */
export const hasPromtool = () => spawnSync('promtool', ['--version']).error === undefined;

/** Reads /metrics of each node; a node that does not respond is down. */
export async function scrape(nodes: readonly { name: string; url: string }[]): Promise<Scrape> {
  const samples = new Map<string, number>();
  for (const { name, url } of nodes) {
    const target = `job="plantao",instance="${name}"`;
    const text = await get(`${url}/metrics`, { deadline: 5000 }).then(
      (response) => response.text,
      () => null,
    );
    samples.set(`up{${target}}`, text === null ? 0 : 1);
    for (const [, metric, labels, value] of (text ?? '').matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
      samples.set(`${metric}{${target}${labels ? `,${labels}` : ''}}`, Number(value));
    }
  }
  return samples;
}

/**
 * Returns the alerts that fire while Prometheus reads `scrapes`, each for the given number of minutes: promtool evaluates the rules
 * every minute.
 */
export function firingAlerts(scrapes: readonly { of: Scrape; minutes: number }[]): string[] {
  const names = new Set(scrapes.flatMap(({ of }) => [...of.keys()]));
  const series = [...names].map((name) => ({
    series: name,
    values: scrapes
      .flatMap(({ of, minutes }) => Array.from({ length: minutes * SAMPLES_A_MINUTE }, () => textOf(of.get(name))))
      .join(' '),
  }));
  const minutes = scrapes.reduce((sum, one) => sum + one.minutes, 0);
  const expr = 'count by (alertname) (ALERTS{alertstate="firing"})';
  const test = {
    rule_files: [RULES],
    evaluation_interval: `${INTERVAL_S}s`,
    tests: [
      {
        interval: `${INTERVAL_S}s`,
        input_series: series,
        // None is expected: promtool reports each that fires.
        promql_expr_test: Array.from({ length: minutes }, (_, at) => ({
          expr,
          eval_time: `${at + 1}m`,
          exp_samples: [],
        })),
      },
    ],
  };
  const folder = mkdtempSync(path.join(tmpdir(), 'plantao-alerts-'));
  try {
    const file = path.join(folder, 'test.yml');
    // YAML contains JSON.
    writeFileSync(file, JSON.stringify(test));
    const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
    if (!/SUCCESS|FAILED/.test(stdout + stderr)) throw new Error(`promtool cannot run this test: ${stdout}${stderr}`);
    return [...new Set(Array.from((stdout + stderr).matchAll(/alertname="(\w+)"/g), ([, name = '']) => name))].sort();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const textOf = (value: number | undefined) => (value === undefined || !Number.isFinite(value) ? '_' : String(value));

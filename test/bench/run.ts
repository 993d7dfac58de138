/*
 * npm run bench: runs all parts one after another, then prints all targets in one table. `--parts posts,fanout` selects
 * parts; other flags are passed on to them (`--quick`, `--rounds N`).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type PartResult, RESULTS } from './common/part.ts';
import { showTargets } from './common/section.ts';

/** The program of each part, in the order in which they run. */
const PROGRAMS = [
  'posts',
  'delivery/fanout',
  'memory',
  'storage/history',
  'storage/search',
  'storage/retention',
  'storage/log-reading',
  'delivery/delivery',
  'delivery/herd',
  'delivery/presence',
  'page',
  'delivery/scale',
  'start',
  'failover',
  'rivals',
];
const PARTS = PROGRAMS.map((program) => path.basename(program));

if (process.argv.includes('--help')) {
  console.log(`npm run bench -- [--parts posts,fanout] [options of the parts: npm run bench:posts -- --help]
  --parts  some of ${PARTS.join(', ')}`);
  process.exit(0);
}
const { values } = parseArgs({ options: { parts: { type: 'string', default: PARTS.join(',') } }, strict: false });
const wanted = String(values.parts).split(',');
const passedOn = process.argv.slice(2).filter((word, at, words) => {
  return !word.startsWith('--parts') && words[at - 1] !== '--parts';
});
const failed: string[] = [];
const ran: string[] = [];

for (const file of PROGRAMS) {
  const name = path.basename(file);
  if (!wanted.includes(name)) continue;
  const program = fileURLToPath(new URL(`${file}.ts`, import.meta.url));
  console.log(`\n━━ ${name} ${'━'.repeat(76 - name.length)}`);
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...passedOn], { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code === 130) process.exit(130);
  (code === 0 ? ran : failed).push(name);
}

const results = ran.map((name): PartResult => JSON.parse(readFileSync(`${RESULTS}/${name}.json`, 'utf8')));
const targets = results.flatMap(({ sections }) => sections.flatMap((section) => section.targets));
if (targets.length > 0) console.log(`\n━━ all targets ${'━'.repeat(65)}\n\n${showTargets(targets)}`);
for (const { title, remarks } of results) for (const remark of remarks) console.log(`\n${title}: ${remark}`);
for (const name of failed) console.error(`\nthe part "${name}" failed`);
process.exitCode = failed.length > 0 ? 1 : 0;

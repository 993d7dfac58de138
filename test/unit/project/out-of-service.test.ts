import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { COMMANDS } from '../../../src/cli/command/registry.ts';

/** The role is called "fallen" in the API, in SQL and in code; texts for people say "out of service". */
const JARGON = /\b(has|have|had|is|are|all nodes|a) fallen\b|\bfell\b(?! back)/i;

describe('A text for people says "out of service", not "fallen"', () => {
  for (const file of ['.ops/RUNBOOK.md', '.ops/prometheus-alerts.yml', 'README.md']) {
    it(`in ${file}`, () => {
      expect(readFileSync(file, 'utf8')).not.to.match(JARGON);
    });
  }

  it('in the usage of each command', async () => {
    for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
      expect(`${summary}\n${(await load()).usage}`, name).not.to.match(/\bfallen\b|\bfell\b|\bfalls\b/);
    }
  });
});

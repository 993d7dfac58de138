/** `npm run build`: builds `dist/`. With `--if-needed` it does nothing if `dist/` was built from the current sources. */
import { parseArgs } from 'node:util';
import { errorMessage } from '../error-message.ts';
import { buildDist } from './dist.ts';

async function run(): Promise<void> {
  const { values } = parseArgs({ options: { 'if-needed': { type: 'boolean', default: false } } });
  await buildDist({ ifNeeded: values['if-needed'] });
}

run().catch((error) => {
  console.error(`the build failed: ${errorMessage(error)}`);
  process.exitCode = 1;
});

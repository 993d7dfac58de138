/** `npm run migrate`: migrates the configured database to this version's schema. */

import { migrate } from '../database/migrator.ts';
import { reachable } from '../database/reachable.ts';
import { messageOf } from '../message-of.ts';
import { printableLines } from '../printable.ts';
import { processEnvironment, readSettings } from '../settings.ts';

try {
  const { databaseDirectUrl } = readSettings(processEnvironment());
  const applied = await reachable(databaseDirectUrl, () => migrate(databaseDirectUrl, { log: console.log }));
  console.log(applied === 0 ? 'the schema is up to date' : `${applied} migrations applied`);
} catch (error) {
  console.error(printableLines(messageOf(error)));
  process.exitCode = 1;
}

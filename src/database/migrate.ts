/** `npm run migrate`: brings the configured database to this version's schema, and says what it did. */
import { processEnvironment, readSettings } from '../settings.ts';
import { messageOf } from './errors.ts';
import { migrate } from './migrator.ts';
import { reachable } from './reachable.ts';

try {
  const { databaseDirectUrl } = readSettings(processEnvironment());
  const applied = await reachable(databaseDirectUrl, () => migrate(databaseDirectUrl, { log: console.log }));
  console.log(applied === 0 ? 'the schema is up to date' : `${applied} migrations applied`);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}

import { createHash } from 'node:crypto';
import { migrate } from '../../../src/database/migrator.ts';
import { makePeople, posts, sql, USERS } from '../common/people.ts';
import { startPlantao } from '../common/servers.ts';
import { CLIENTS, driven, type Setting } from './contestants.ts';

const OPEN = 'AUTH=open';
const TOKEN = 'AUTH=token';

/** As long as a token of the service. */
const tokenOf = (userId: number) => `bench-token-of-user-${userId}-`.padEnd(43, 'x');

/** What knowing the caller and asking for membership costs: a second cluster, in a database of its own, where they are. */
export async function withToken(setting: Setting): Promise<void> {
  const { bench, node } = setting;
  const url = Object.assign(new URL(setting.url), { pathname: '/with_token' }).toString();
  await sql(setting.url, 'CREATE DATABASE with_token');
  await migrate(url);
  await makePeople(url);
  const tokens = Array.from({ length: USERS }, (_, at) => {
    const hash = createHash('sha256')
      .update(tokenOf(at + 1))
      .digest('hex');
    return `('\\x${hash}', ${at + 1}, now() + interval '1 day')`;
  });
  await sql(url, `INSERT INTO plantao.tokens (hash, user_id, expires_at) VALUES ${tokens.join(',')}`);
  const guarded = await startPlantao(url, { NODE_NAME: 'guarded', AUTH: 'token' });
  bench.defer(() => guarded.stop());
  const known = posts((userId) => ({ Authorization: `Bearer ${tokenOf(userId)}` }));
  await bench.section({
    title: 'With tokens',
    figures: [
      { key: 'perSecond', label: 'a second' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'each', label: 'server, µs a post' },
    ],
    contestants: [
      driven(setting, `${OPEN}, ${CLIENTS} clients`, node, CLIENTS),
      driven(setting, `${TOKEN}, ${CLIENTS} clients`, guarded, CLIENTS, known),
      driven(setting, `${OPEN}, one client`, node, 1),
      driven(setting, `${TOKEN}, one client`, guarded, 1, known),
    ],
    targets: [`${CLIENTS} clients`, 'one client'].map((clients) => ({
      work: `${clients}: posts a second with ${TOKEN} / ${OPEN}`,
      of: [`${TOKEN}, ${clients}`, 'perSecond'],
      to: [[`${OPEN}, ${clients}`, 'perSecond']],
      atLeast: 0.9,
    })),
    rounds: Math.min(3, bench.rounds),
  });
}

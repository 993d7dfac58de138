import { createHash } from 'node:crypto';
import { migrate } from '../../../src/database/migrator.ts';
import { makePeople, posts, sql, USERS } from '../common/people.ts';
import { startPlantao } from '../common/servers.ts';
import { CLIENTS, type Context, postsTo } from './contestants.ts';

const OPEN = 'AUTH=open';
const TOKEN = 'AUTH=token';

/** Returns a token of the same length as the service's tokens. */
const tokenOf = (userId: number) => `bench-token-of-user-${userId}-`.padEnd(43, 'x');

/** Measures the cost of authentication and membership checks, on a second cluster with its own database. */
export async function withToken(setting: Context): Promise<void> {
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
  const authenticated = posts((userId) => ({ Authorization: `Bearer ${tokenOf(userId)}` }));
  await bench.section({
    title: 'With tokens',
    figures: [
      { key: 'perSecond', label: 'per second' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'each', label: 'server µs per post' },
    ],
    contestants: [
      postsTo(setting, `${OPEN}, ${CLIENTS} clients`, node, CLIENTS),
      postsTo(setting, `${TOKEN}, ${CLIENTS} clients`, guarded, CLIENTS, authenticated),
      postsTo(setting, `${OPEN}, one client`, node, 1),
      postsTo(setting, `${TOKEN}, one client`, guarded, 1, authenticated),
    ],
    targets: [
      {
        work: `${CLIENTS} clients: posts per second with ${TOKEN} / ${OPEN}`,
        of: [`${TOKEN}, ${CLIENTS} clients`, 'perSecond'],
        to: [[`${OPEN}, ${CLIENTS} clients`, 'perSecond']],
        atLeast: 0.9,
      },
      {
        work: `one client: p50 with ${TOKEN} / ${OPEN}`,
        of: [`${TOKEN}, one client`, 'p50'],
        to: [[`${OPEN}, one client`, 'p50']],
        atMost: 1.15,
      },
    ],
    rounds: Math.min(3, bench.rounds),
  });
}

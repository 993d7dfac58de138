/*
 * npm run bench:herd: the active is killed under thousands of waiting polls. What do all the clients that come back to the
 * other node ask the database? Counted by pg_stat_statements.
 */
import { askedForPolls, herdOver } from '../integration/herd-over.ts';
import { roomForSockets } from './common/limits.ts';
import { runPart } from './common/part.ts';
import { shown } from './common/table.ts';

await runPart('herd', 'A herd that comes back', async (bench) => {
  const counts = bench.isQuick ? [500] : [500, roomForSockets(5000)];
  const name = (count: number) => `${shown(count)} polls`;
  await bench.section({
    title: 'A failover under waiting polls',
    figures: [
      { key: 'statements', label: 'statements in all' },
      { key: 'rosters', label: 'who is in which group' },
      { key: 'backlog', label: 'from behind memory' },
      { key: 'back', label: 'all wait again after ms' },
      { key: 'unheard', label: 'that missed something' },
    ],
    contestants: counts.map((count) => ({
      name: name(count),
      async round() {
        const { statements, backMs, unheard } = await herdOver(count);
        const all = statements.reduce((sum, { calls }) => sum + calls, 0);
        return { statements: all, ...askedForPolls(statements), back: backMs, unheard };
      },
    })),
    targets: [
      {
        work: `statements for ${name(counts.at(-1) ?? 0)}, all together`,
        of: [name(counts.at(-1) ?? 0), 'statements'],
        atMost: 100,
      },
    ],
    rounds: Math.min(3, bench.rounds),
  });
});

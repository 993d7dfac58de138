/*
 * npm run bench:herd: kills the active node while thousands of polls wait, and counts the statements that the returning
 * clients cause on the other node, with pg_stat_statements.
 */
import { failOverUnderPolls, statementsOfPolls } from '../../integration/delivery/polls/failover-under-polls.ts';
import { roomForSockets } from '../common/limits.ts';
import { runPart } from '../common/part.ts';
import { shown } from '../common/table.ts';

await runPart('herd', 'Thundering herd after a failover', async (bench) => {
  const counts = bench.isQuick ? [500] : [500, roomForSockets(5000)];
  const name = (count: number) => `${shown(count)} polls`;
  await bench.section({
    title: 'A failover with waiting polls',
    figures: [
      { key: 'statements', label: 'statements in all' },
      { key: 'memberships', label: 'membership queries' },
      { key: 'catchUp', label: 'catch-up reads' },
      { key: 'back', label: 'all polls back, ms' },
      { key: 'unheard', label: 'clients that missed a message' },
    ],
    contestants: counts.map((count) => ({
      name: name(count),
      async round() {
        const { statements, backMs, unheard } = await failOverUnderPolls(count);
        const all = statements.reduce((sum, { calls }) => sum + calls, 0);
        return { statements: all, ...statementsOfPolls(statements), back: backMs, unheard };
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

import pg from 'pg';
import { sqlState } from '../../../src/database/errors.ts';
import { eventually } from '../eventually.ts';

/**
 * Fills PostgreSQL's notification queue: a session of another database listens inside an open transaction, and one more notifies until
 * nothing fits. Returns the listening session, which keeps the queue full until it ends.
 */
export async function fillNotifyQueue(url: string): Promise<pg.Client> {
  const elsewhere = new URL(url);
  elsewhere.pathname = '/template1';
  const [stranger, sender] = ['stranger', 'sender'].map(
    (name) => new pg.Client({ connectionString: elsewhere.toString(), application_name: name }),
  ) as [pg.Client, pg.Client];
  await Promise.all([stranger.connect(), sender.connect()]);
  await stranger.query('LISTEN anything');
  await stranger.query('BEGIN');
  await stranger.query('SELECT 1');
  const notify = (n: number) => sender.query('SELECT pg_notify($1, $2)', ['x', `${n}${'x'.repeat(7900)}`]);
  try {
    // A session that kept the queue full before may still be ending when a notification is refused, and then empty the queue.
    await eventually('the queue is full', async () => {
      for (let n = 0; n < 100; n++) {
        const refusal = await notify(n).catch((error) => error);
        // program_limit_exceeded
        if (sqlState(refusal) === '54000') break;
      }
      const { rows } = await sender.query('SELECT pg_notification_queue_usage() AS usage');
      return Number(rows[0]?.usage) > 0.9;
    });
  } finally {
    await sender.end();
  }
  return stranger;
}

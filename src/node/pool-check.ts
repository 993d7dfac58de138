import { withDatabaseAdvice } from '../database/database-advice.ts';
import { closeSequelize, openSequelize } from '../database/pool/sequelize.ts';
import { query } from '../database/query.ts';
import { type InstanceRow, READ_INSTANCE } from '../database/servers/instance.ts';
import { applicationName } from '../database/session/connection.ts';
import type { Settings } from '../settings.ts';

/**
 * Returns the database to which DATABASE_URL leads through a pooler, after a transaction, which a pooler in statement mode refuses.
 * @throws {DatabaseUnusableError}
 */
export async function readPoolInstance({ databaseUrl, nodeName }: Settings): Promise<string | undefined> {
  const name = applicationName(nodeName ?? 'starting', 'pool');
  const sequelize = openSequelize(databaseUrl, name, 1, { throughPooler: true });
  try {
    const [row] = await withDatabaseAdvice(databaseUrl, () =>
      sequelize.transaction((transaction) => query<InstanceRow>(transaction, READ_INSTANCE.text)),
    );
    return row?.instance;
  } finally {
    await closeSequelize(sequelize);
  }
}

import { Sequelize } from 'sequelize';
import { connectionOptions } from './connection.ts';
import { defineModels } from './models.ts';

/** A statement of the pool may take this long, in milliseconds: less than clients wait, more than any of ours needs. */
const STATEMENT_LIMIT_MS = 10_000;

/** Opens nothing yet: connections are made when first needed, `poolSize` at the most. */
export function openSequelize(url: string, applicationName: string, poolSize: number): Sequelize {
  const { connectionString: _, ...dialectOptions } = connectionOptions(url, applicationName, STATEMENT_LIMIT_MS, {
    lock_timeout: 5000,
  });
  const sequelize = new Sequelize(url, {
    dialect: 'postgres',
    logging: false,
    // query_timeout is what ends a wait on a half-open socket; a second above the server's own limit.
    dialectOptions: { ...dialectOptions, query_timeout: STATEMENT_LIMIT_MS + 1000, clientMinMessages: false },
    pool: { max: poolSize, min: 1, idle: 30_000, acquire: 5000, evict: 5000 },
    define: { schema: 'plantao', timestamps: false, underscored: true },
  });
  defineModels(sequelize);
  return sequelize;
}

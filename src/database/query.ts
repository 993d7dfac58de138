import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';

/**
 * Runs one statement, in a transaction or on any connection of the pool, and returns its rows. `bind` has the values of the
 * parameters, which are `$name` in the text.
 * @throws the database's error.
 */
export function query<Row extends object = object>(
  on: Sequelize | Transaction,
  text: string,
  bind?: Record<string, unknown>,
): Promise<Row[]> {
  // Sequelize's types lack that a transaction knows its pool.
  const { sequelize } = on as unknown as { sequelize?: Sequelize };
  const options = { ...(bind && { bind }), type: QueryTypes.SELECT } as const;
  if (sequelize === undefined) return (on as Sequelize).query<Row>(text, options);
  return sequelize.query<Row>(text, { ...options, transaction: on as Transaction });
}

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
  const { sequelize, transaction } = scopeOf(on);
  return sequelize.query<Row>(text, { ...(bind && { bind }), type: QueryTypes.SELECT, transaction });
}

/** Returns the pool, and the transaction if `on` is one. */
export function scopeOf(on: Sequelize | Transaction): { sequelize: Sequelize; transaction: Transaction | null } {
  // A transaction has a reference to its pool, which Sequelize's types lack.
  const { sequelize } = on as unknown as { sequelize?: Sequelize };
  if (sequelize === undefined) return { sequelize: on as Sequelize, transaction: null };
  return { sequelize, transaction: on as Transaction };
}

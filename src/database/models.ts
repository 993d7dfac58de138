import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  Model,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';

/** A person or program that chats. */
export class User extends Model<InferAttributes<User>, InferCreationAttributes<User>> {
  declare id: CreationOptional<number>;
  declare username: string;
  declare passwordHash: CreationOptional<string | null>;
  declare createdAt: CreationOptional<Date>;
  declare isHook: CreationOptional<boolean>;
  declare erasedAt: CreationOptional<Date | null>;
  declare groups?: NonAttribute<Group[]>;
}

/** A chat group; names may repeat, ids do not. */
export class Group extends Model<InferAttributes<Group>, InferCreationAttributes<Group>> {
  declare id: CreationOptional<number>;
  declare name: string;
  declare creatorId: number | null;
  declare deletedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare members?: NonAttribute<User[]>;
}

/** One user in one group. */
export class Membership extends Model<InferAttributes<Membership>, InferCreationAttributes<Membership>> {
  declare groupId: number;
  declare userId: number;
  declare joinedAt: CreationOptional<Date>;
}

/** A message that was acknowledged and not deleted. */
export class Message extends Model<InferAttributes<Message>, InferCreationAttributes<Message>> {
  declare id: CreationOptional<number>;
  declare groupId: number;
  declare senderId: number;
  declare content: string;
  declare createdAt: CreationOptional<Date>;
  declare sender?: NonAttribute<User>;
}

// Functions, since Sequelize changes the definitions that it gets.
const id = () => ({ type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true });
const reference = () => ({ type: DataTypes.BIGINT, allowNull: false });
// The database's clock: the clocks of nodes may differ.
const time = () => ({ type: DataTypes.DATE, defaultValue: literal('now()') });

/**
 * Binds the models to a connection. A process has only one: the models belong to the one that was bound last. The migrations
 * create the tables, never Sequelize.
 */
export function defineModels(sequelize: Sequelize): void {
  User.init(
    {
      id: id(),
      username: { type: DataTypes.TEXT, allowNull: false },
      passwordHash: { type: DataTypes.TEXT },
      createdAt: time(),
      isHook: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
      erasedAt: { type: DataTypes.DATE },
    },
    { sequelize, tableName: 'users' },
  );
  Group.init(
    {
      id: id(),
      name: { type: DataTypes.TEXT, allowNull: false },
      creatorId: { type: DataTypes.BIGINT },
      deletedAt: { type: DataTypes.DATE },
      createdAt: time(),
    },
    // A group that is being deleted does not exist for the chat.
    { sequelize, tableName: 'groups', defaultScope: { where: { deletedAt: null } } },
  );
  Membership.init(
    {
      groupId: { ...reference(), primaryKey: true },
      userId: { ...reference(), primaryKey: true },
      joinedAt: time(),
    },
    { sequelize, tableName: 'memberships' },
  );
  Message.init(
    {
      id: id(),
      groupId: reference(),
      senderId: reference(),
      content: { type: DataTypes.TEXT, allowNull: false },
      createdAt: time(),
    },
    { sequelize, tableName: 'messages' },
  );
  User.belongsToMany(Group, { through: Membership, foreignKey: 'userId', otherKey: 'groupId', as: 'groups' });
  Group.belongsToMany(User, { through: Membership, foreignKey: 'groupId', otherKey: 'userId', as: 'members' });
  Message.belongsTo(User, { foreignKey: 'senderId', as: 'sender' });
}

import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  type Model,
  type ModelStatic,
  type NonAttribute,
  type Sequelize,
  type Transaction,
} from 'sequelize';
import { scopeOf } from './query.ts';

/** A person or program that chats. */
export interface User extends Model<InferAttributes<User>, InferCreationAttributes<User>> {
  id: CreationOptional<number>;
  username: string;
  passwordHash: CreationOptional<string | null>;
  createdAt: CreationOptional<Date>;
  isHook: CreationOptional<boolean>;
  erasedAt: CreationOptional<Date | null>;
  groups?: NonAttribute<Group[]>;
}

/** A chat group; names may repeat, ids do not. */
export interface Group extends Model<InferAttributes<Group>, InferCreationAttributes<Group>> {
  id: CreationOptional<number>;
  name: string;
  creatorId: number | null;
  deletedAt: CreationOptional<Date | null>;
  createdAt: CreationOptional<Date>;
  members?: NonAttribute<User[]>;
}

/** One user in one group. */
interface Membership extends Model<InferAttributes<Membership>, InferCreationAttributes<Membership>> {
  groupId: number;
  userId: number;
  joinedAt: CreationOptional<Date>;
}

/** A message that was acknowledged and not deleted. */
interface Message extends Model<InferAttributes<Message>, InferCreationAttributes<Message>> {
  id: CreationOptional<number>;
  groupId: number;
  senderId: number;
  content: string;
  createdAt: CreationOptional<Date>;
  sender?: NonAttribute<User>;
}

// Functions, since Sequelize changes the definitions that it gets.
const id = () => ({ type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true });
const reference = () => ({ type: DataTypes.BIGINT, allowNull: false });
// The database's clock: the clocks of nodes may differ.
const time = () => ({ type: DataTypes.DATE, defaultValue: literal('now()') });

/** The models of one connection pool. */
export interface Models {
  User: ModelStatic<User>;
  Group: ModelStatic<Group>;
  Membership: ModelStatic<Membership>;
  Message: ModelStatic<Message>;
}

const modelsByPool = new WeakMap<Sequelize, Models>();

/** Returns the models of a pool, or of the pool that a transaction belongs to. */
export function modelsOf(on: Sequelize | Transaction): Models {
  const models = modelsByPool.get(scopeOf(on).sequelize);
  if (models === undefined) throw new Error('this pool was opened without models: open it with openSequelize');
  return models;
}

/** Defines the models of a new pool. The migrations create the tables, never Sequelize. */
export function defineModels(sequelize: Sequelize): void {
  const User = sequelize.define<User>(
    'User',
    {
      id: id(),
      username: { type: DataTypes.TEXT, allowNull: false },
      passwordHash: { type: DataTypes.TEXT },
      createdAt: time(),
      isHook: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
      erasedAt: { type: DataTypes.DATE },
    },
    { tableName: 'users' },
  );
  const Group = sequelize.define<Group>(
    'Group',
    {
      id: id(),
      name: { type: DataTypes.TEXT, allowNull: false },
      creatorId: { type: DataTypes.BIGINT },
      deletedAt: { type: DataTypes.DATE },
      createdAt: time(),
    },
    // A group that is being deleted does not exist for the chat.
    { tableName: 'groups', defaultScope: { where: { deletedAt: null } } },
  );
  const Membership = sequelize.define<Membership>(
    'Membership',
    {
      groupId: { ...reference(), primaryKey: true },
      userId: { ...reference(), primaryKey: true },
      joinedAt: time(),
    },
    { tableName: 'memberships' },
  );
  const Message = sequelize.define<Message>(
    'Message',
    {
      id: id(),
      groupId: reference(),
      senderId: reference(),
      content: { type: DataTypes.TEXT, allowNull: false },
      createdAt: time(),
    },
    { tableName: 'messages' },
  );
  User.belongsToMany(Group, { through: Membership, foreignKey: 'userId', otherKey: 'groupId', as: 'groups' });
  Group.belongsToMany(User, { through: Membership, foreignKey: 'groupId', otherKey: 'userId', as: 'members' });
  Message.belongsTo(User, { foreignKey: 'senderId', as: 'sender' });
  modelsByPool.set(sequelize, { User, Group, Membership, Message });
}

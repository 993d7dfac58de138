import type { Command } from './command.ts';

interface Entry {
  /** One line for `plantao help`. */
  summary: string;
  load(): Promise<Command>;
}

/** The sub-commands, in the order of `plantao help`. A module is loaded only when its command is run, so that every start is quick. */
export const COMMANDS: Record<string, Entry> = {
  status: {
    summary: "show the cluster at a glance: nodes, roles, term, lag, PostgreSQL's standbys, blocking sessions; --watch",
    load: async () => (await import('../commands/status.ts')).status,
  },
  history: {
    summary: 'show the last terms: which node was active, why each began and ended, the gaps',
    load: async () => (await import('../commands/history.ts')).history,
  },
  switchover: {
    summary: 'hand the active role over, to any standby or --to NODE',
    load: async () => (await import('../commands/switchover.ts')).switchover,
  },
  fall: {
    summary: 'take a node out of service',
    load: async () => (await import('../commands/node-control.ts')).fall,
  },
  revive: {
    summary: 'bring a node back into service',
    load: async () => (await import('../commands/node-control.ts')).revive,
  },
  pause: {
    summary: 'pause failover for maintenance; ends by itself',
    load: async () => (await import('../commands/pause.ts')).pause,
  },
  resume: {
    summary: 'end the pause',
    load: async () => (await import('../commands/pause.ts')).resume,
  },
  check: {
    summary: 'check the settings and the database as a node does at its start, with remedies',
    load: async () => (await import('../commands/check.ts')).check,
  },
  prove: {
    summary: 'test failover on your PostgreSQL: faults under load, a checked history, a report',
    load: async () => (await import('../commands/prove.ts')).proveCommand,
  },
  migrate: {
    summary: "migrate the database to this version's schema; --plan prints the SQL",
    load: async () => (await import('../commands/migrate.ts')).migrateCommand,
  },
  export: {
    summary: 'write users, groups and messages as JSON lines',
    load: async () => (await import('../commands/transfer.ts')).exportCommand,
  },
  import: {
    summary: 'import a file written by export into an empty database',
    load: async () => (await import('../commands/transfer.ts')).importCommand,
  },
  'erase-user': {
    summary: 'delete an account, with or without its messages',
    load: async () => (await import('../commands/erase-user.ts')).eraseUser,
  },
  node: {
    summary: 'run one node with the settings of the environment and .env',
    load: async () => (await import('../commands/node.ts')).node,
  },
  cluster: {
    summary: 'run PostgreSQL and several nodes on this machine',
    load: async () => (await import('../commands/cluster.ts')).cluster,
  },
  chat: {
    summary: 'chat at the command line',
    load: async () => (await import('../chat/chat.ts')).chat,
  },
  'seed-data': {
    summary: 'add the demo data to the database',
    load: async () => (await import('../commands/seed-data.ts')).seedDataCommand,
  },
};

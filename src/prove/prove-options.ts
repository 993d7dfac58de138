import type { DatabaseUrls } from './database/scratch-database.ts';
import type { ProveListener } from './progress.ts';

/** The plan of a run; the seed decides all random choices. */
export interface ProvePlan {
  minutes: number;
  seed: number;
  nodes: number;
  leaseMs: number;
  /** Posts per second, all writers together. */
  rate: number;
  /** Kinds of faults to choose from, by part of their name; empty for all. */
  only: readonly string[];
  failoverCommand: string | null;
}

/** Options of `prove` (prove.ts). */
export interface ProveOptions extends ProvePlan {
  urls: DatabaseUrls;
  /** An empty database of the user; null: one is created. */
  database: string | null;
  /** The folder for the history, the report and, after a violation, the nodes' logs; it is created. */
  folder: string;
  /** True if the database and the nodes' logs are to stay after the run. */
  keep: boolean;
  /** The command that repeats the run. */
  command: string;
  /** The environment of the nodes and of the failover command. */
  env: Readonly<Record<string, string | undefined>>;
  /** Aborting ends the faults early; what was recorded so far is checked. */
  end: AbortSignal;
  /** Aborting gives the run up at once. */
  force: AbortSignal;
  listener: ProveListener;
}

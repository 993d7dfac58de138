import { blockingRemedy } from '../../database/checks/blocking.ts';

/** A row of plantao.blocking, as far as the sentence needs it. */
export interface BlockingRow {
  blocks: string;
  /** Null or empty for a session without a name, and for a prepared transaction. */
  application_name: string | null;
  /** The statement that ends it. */
  ended_by: string;
  /** The wait event of a session that waits for PostgreSQL's disk, otherwise null; absent if it was not read. */
  disk_wait?: string | null;
}

/** Returns the name of a session for a sentence. */
export const quotedName = (name: string | null) => (name ? `"${name}"` : 'a session without a name');

/** Returns a sentence that names a session which blocks the nodes, and the remedy. */
export function blockingSentence({ blocks, application_name: name, ended_by, disk_wait }: BlockingRow): string {
  return `${quotedName(name)} blocks ${blocks}: ${blockingRemedy(ended_by, disk_wait)}`;
}

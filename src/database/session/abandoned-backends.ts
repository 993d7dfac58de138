/**
 * Server processes that were abandoned during a statement. PostgreSQL does not notice that the client of a waiting process has
 * disconnected: a commit waits for its standby forever, in spite of all time limits, and each retry would leave one more.
 */
export class AbandonedBackends {
  readonly #pids = new Set<number>();

  add(pid: number): void {
    this.#pids.add(pid);
  }

  get isEmpty(): boolean {
    return this.#pids.size === 0;
  }

  /**
   * Terminates those that still run, through `query` on another session of the same name. Returns true if one of them waited
   * for a synchronous standby. @throws as `query`.
   */
  async end(query: (sql: string) => Promise<{ pid: number; wait_event: string | null }[]>): Promise<boolean> {
    if (this.isEmpty) return false;
    const pids = [...this.#pids];
    // A later process may have the pid of one that has ended. The conditions exclude other sessions.
    const found = await query(
      `SELECT a.pid, a.wait_event, pg_terminate_backend(a.pid) FROM pg_stat_activity a
       WHERE a.pid IN (${pids.join(', ')}) AND a.pid <> pg_backend_pid() AND a.usename = current_user
         AND a.datname = current_database() AND a.application_name = current_setting('application_name')`,
    );
    const running = new Set(found.map(({ pid }) => pid));
    // Those that still ran are checked again next time, because their termination may take a moment.
    for (const pid of pids) if (!running.has(pid)) this.#pids.delete(pid);
    return found.some(({ wait_event: event }) => event === 'SyncRep');
  }
}

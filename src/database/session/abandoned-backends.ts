/**
 * Server processes that were given up under a statement. PostgreSQL does not notice that the client of a waiting process
 * is gone: a commit waits for its standby for ever, whatever the time limits are, and each new try would leave one more.
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
   * Ends those that are still there, by a statement of another session of the same name. Returns true where one waited for a
   * synchronous standby. @throws as `ask`.
   */
  async end(ask: (sql: string) => Promise<{ pid: number; wait_event: string | null }[]>): Promise<boolean> {
    if (this.isEmpty) return false;
    const asked = [...this.#pids];
    // One of ours may have got the number of one that has ended: the name and the moment tell them apart.
    const found = await ask(
      `SELECT a.pid, a.wait_event, pg_terminate_backend(a.pid) FROM pg_stat_activity a
       WHERE a.pid IN (${asked.join(', ')}) AND a.pid <> pg_backend_pid() AND a.usename = current_user
         AND a.datname = current_database() AND a.application_name = current_setting('application_name')`,
    );
    const left = new Set(found.map(({ pid }) => pid));
    // Those found are looked for again the next time: they may take a moment.
    for (const pid of asked) if (!left.has(pid)) this.#pids.delete(pid);
    return found.some(({ wait_event: event }) => event === 'SyncRep');
  }
}

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SerialQueue } from '../../async/serial-queue.ts';
import { errorMessage } from '../../error-message.ts';
import { type LauncherDatabase, serverFlags } from '../cluster-database.ts';
import { EMBEDDED_NAME, majorVersion } from '../embedded/data-folder.ts';
import { serverUser } from '../embedded/system-user.ts';
import { LauncherError } from '../launcher-error.ts';
import type { Output } from '../output.ts';
import { RestartDelay } from '../restart-delay.ts';
import { ReplicatedServer } from './replicated-server.ts';
import { DEBIAN_FOLDER, findServerFolder, ServerTools } from './server-tools.ts';

const PROGRAMS = ['initdb', 'postgres', 'pg_basebackup'] as const;
const OLDEST_VERSION = 14;
const NAMES = ['pg1', 'pg2'] as const;

/** Options of {@link ReplicatedDatabase}. */
export interface ReplicatedDatabaseOptions {
  dataFolder: string;
  fresh: boolean;
  nodes: number;
  output: Output;
  /** PATH. */
  searchPath: string | undefined;
}

/**
 * A primary and a synchronous standby, and a small manager that promotes the standby when the primary exits. A demonstration on
 * one machine: nothing else confirms that the primary is down, and it does not notice a server that hangs. In production, use
 * Patroni or a managed service.
 *
 * The standby is promoted only if every commit has waited for it, so nothing acknowledged is lost. The former primary never
 * rejoins with its own data: it gets a new copy of the primary's. A promotion first records on disk which server it promotes.
 */
export class ReplicatedDatabase implements LauncherDatabase {
  readonly #options: ReplicatedDatabaseOptions;
  readonly #stopRequest = new AbortController();
  readonly #queue = new SerialQueue();
  readonly #restartDelay = new RestartDelay();
  #primary: ReplicatedServer | null = null;
  #standby: ReplicatedServer | null = null;
  /** True while every commit of the primary waits for the standby. */
  #isSynchronous = false;

  constructor(options: ReplicatedDatabaseOptions) {
    this.#options = options;
  }

  get hints(): string {
    const [primary, standby] = [this.#primary, this.#standby];
    if (!primary || !standby) return '';
    return `PostgreSQL's primary is ${primary.name} (pid ${primary.pid}) and its synchronous standby ${standby.name}. Kill the primary, and chat on:
  kill -9 ${primary.pid}
This launcher promotes the standby, as a demonstration: in production, use Patroni or a managed service (README).
`;
  }

  async start(): Promise<string> {
    // In the queue: a stop waits for it.
    return this.#queue.run(() => this.#start());
  }

  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    this.#stopRequest.abort();
    const stopBoth = async () => {
      await this.#primary?.stop(how);
      await this.#standby?.stop(how);
    };
    if (how === 'immediate') await stopBoth();
    await this.#queue.run(stopBoth);
  }

  async #start(): Promise<string> {
    const { fresh, output } = this.#options;
    const tools = await this.#findTools();
    const server = (name: string) =>
      new ReplicatedServer({
        name,
        folder: this.#folder,
        tools,
        flags: [...serverFlags(this.#options.nodes), '-c', 'wal_keep_size=64MB'],
        log: (line) => output.log(`${name}: ${line}`),
        onExit: () => void this.#queue.run(() => this.#repair()),
      });
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    const [one, two] = [server('pg1'), server('pg2')];
    if (fresh) await Promise.all([one.discard(), two.discard()]);
    const isSecondPrimary = !fresh && (await this.#recordedPrimary()) === two.name;
    const [primary, standby] = isSecondPrimary ? [two, one] : [one, two];
    [this.#primary, this.#standby] = [primary, standby];
    await this.#recordPrimary(primary);
    await primary.startAsPrimary();
    // Its commits may still wait for the standby of an earlier run.
    await primary.setSynchronousStandby(null);
    await this.#addStandby();
    const version = await majorVersion({ postgres: tools.path('postgres') }, tools.user);
    output.log(
      `PostgreSQL ${version} of ${tools.folder}: primary ${primary.name} on port ${primary.port} (pid ${primary.pid}), synchronous standby ${standby.name} on port ${standby.port} (pid ${standby.pid}); their data is in ${this.#folder}`,
    );
    const hosts = [one, two].map(({ address }) => address).join(',');
    const login = `${EMBEDDED_NAME}:${encodeURIComponent(primary.password)}`;
    return `postgres://${login}@${hosts}/${EMBEDDED_NAME}?target_session_attrs=read-write`;
  }

  async #findTools(): Promise<ServerTools> {
    const { searchPath, output } = this.#options;
    const folder = await findServerFolder(PROGRAMS, searchPath);
    if (folder === null) {
      throw new LauncherError(
        `--replicas needs an installed PostgreSQL, and no folder of PATH and none of ${DEBIAN_FOLDER}/*/bin has all of ${PROGRAMS.join(', ')} (the embedded one lacks pg_basebackup): install postgresql, or start without --replicas`,
      );
    }
    const tools = new ServerTools(folder, await serverUser((line) => output.log(line)));
    const version = await majorVersion({ postgres: tools.path('postgres') }, tools.user);
    if (Number(version) >= OLDEST_VERSION) return tools;
    throw new LauncherError(`--replicas needs PostgreSQL ${OLDEST_VERSION} or newer, and ${folder} has ${version}`);
  }

  /** Runs in the queue after each exit. Repeats what fails, with a pause, until both servers run or the cluster stops. */
  async #repair(): Promise<void> {
    const startedAt = Date.now();
    while (!this.#isStopping) {
      try {
        if (this.#primary && !this.#primary.isRunning) await this.#replacePrimary(this.#primary);
        if (this.#standby && !(this.#standby.isRunning && this.#isSynchronous)) await this.#replaceStandby();
        return;
      } catch (error) {
        if (this.#isStopping) return;
        const delay = this.#restartDelay.next(Date.now() - startedAt);
        this.#options.output.log(`${errorMessage(error)}: trying again in ${(delay / 1000).toFixed(1)} s`);
        await sleep(delay, undefined, { signal: this.#stopRequest.signal }).catch(() => undefined);
      }
    }
  }

  async #replacePrimary(failed: ReplicatedServer): Promise<void> {
    const { output } = this.#options;
    const standby = this.#standby;
    if (!standby) return;
    await failed.endLeftoverProcesses();
    if (!this.#isSynchronous || !standby.isRunning) {
      output.log(`the primary ${failed.name} exited, and no synchronous standby runs: restarting it with its own data`);
      this.#isSynchronous = false;
      return failed.startAsPrimary();
    }
    output.log(`the primary ${failed.name} exited: promoting its synchronous standby ${standby.name}`);
    await this.#recordPrimary(standby);
    await standby.promote();
    this.#isSynchronous = false;
    [this.#primary, this.#standby] = [standby, failed];
    output.log(`${standby.name} is the primary now (pid ${standby.pid})`);
  }

  async #replaceStandby(): Promise<void> {
    const [primary, standby] = [this.#primary, this.#standby];
    if (!primary || !standby) return;
    if (this.#isSynchronous) {
      this.#options.output.log(`the standby ${standby.name} exited: posts do not wait for it (durable: local)`);
    }
    this.#isSynchronous = false;
    await primary.setSynchronousStandby(null);
    await standby.stop('immediate');
    await standby.endLeftoverProcesses();
    this.#options.output.log(`copying the data of ${primary.name} to ${standby.name} again`);
    await this.#addStandby();
    this.#options.output.log(
      `${standby.name} is the synchronous standby of ${primary.name} (pid ${standby.pid}). To see it promoted: kill -9 ${primary.pid}`,
    );
  }

  async #addStandby(): Promise<void> {
    const [primary, standby] = [this.#primary, this.#standby];
    if (!primary || !standby) return;
    await standby.startAsStandbyOf(primary, this.#stopRequest.signal);
    await primary.setSynchronousStandby(standby.name);
    this.#isSynchronous = true;
  }

  get #isStopping(): boolean {
    return this.#stopRequest.signal.aborted;
  }

  /** The folder of both servers. The embedded server, which may be of another version, has another one. */
  get #folder(): string {
    return path.join(path.resolve(this.#options.dataFolder), 'replicated');
  }

  async #recordedPrimary(): Promise<string | undefined> {
    const text = await readFile(path.join(this.#folder, 'primary'), 'utf8').catch(() => '');
    return NAMES.find((name) => name === text.trim());
  }

  async #recordPrimary({ name }: ReplicatedServer): Promise<void> {
    const file = path.join(this.#folder, 'primary');
    await writeFile(`${file}.new`, `${name}\n`);
    await rename(`${file}.new`, file);
  }
}

import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { requireSupportedServer } from '../database/checks/server-check.ts';
import { withDatabaseAdvice } from '../database/database-advice.ts';
import { migrate } from '../database/migrator.ts';
import { describeDatabase } from '../database/url/database-url.ts';
import { withDatabaseName } from '../database/url/rewrite-url.ts';
import { errorMessage } from '../error-message.ts';
import { checkDatabase, StartCheckError } from '../node/start-check.ts';
import { packageVersion } from '../package-root.ts';
import { readSettings } from '../settings.ts';
import type { CheckResult } from './checker/check-result.ts';
import { checkFile } from './checker/checker.ts';
import { withAdminSession } from './database/admin-session.ts';
import { megabytes, needsOf, POOL_SIZE, requireConnections, requireDisk } from './database/preflight.ts';
import { removeAbandoned, ScratchDatabase } from './database/scratch-database.ts';
import { readServerFacts } from './database/server-facts.ts';
import type { RunAbout } from './history/history-record.ts';
import { HISTORY_FILE } from './history/run-history.ts';
import { measureUnderLoad } from './measure.ts';
import { LiveGaps } from './progress.ts';
import { ProveError } from './prove-error.ts';
import type { ProveOptions } from './prove-options.ts';
import { NodeRig } from './rig/node-rig.ts';

/** The result of a run. */
export interface ProveOutcome {
  result: CheckResult;
  history: string;
  /** A sentence that names what could not be removed; null if nothing is left. */
  leftover: string | null;
}

/** Starting, healing and reading to the end take this long at most, in addition to the faults. */
const OVERHEAD_MS = 20 * 60_000;

/**
 * Runs nodes, writers, readers and faults on a scratch database of a PostgreSQL server and checks what they recorded. Stops and
 * removes everything that it has started and created, in every case. @throws {ProveError} or another error with a sentence, if it
 * could not run.
 */
export async function prove(options: ProveOptions): Promise<ProveOutcome> {
  const { folder, keep } = options;
  const isNew = await createFolder(folder);
  let scratch: ScratchDatabase | null = null;
  let rig: NodeRig | null = null;
  try {
    scratch = await createScratchDatabase(options);
    const remarks = await prepareSchema(scratch, options);
    const gaps = new LiveGaps(options.listener.say, () => rig?.history.now() ?? 0);
    rig = new NodeRig(
      {
        folder,
        nodes: options.nodes,
        leaseMs: options.leaseMs,
        env: nodeEnvironment(options),
        onAcknowledged: (time) => gaps.acknowledged(time),
      },
      scratch,
    );
    const line = { op: 'run', process: 'prove', node: null, term: null } as const;
    rig.history.record({ ...line, type: 'invoke', about: await describeRun(scratch, options, remarks) });
    options.listener.say(`starting ${options.nodes} nodes`);
    throwIfStopped(options);
    await rig.start(options.nodes);
    const interruption = await measureUnderLoad(rig, gaps, options);
    if (interruption === null) rig.history.record({ ...line, type: 'ok' });
    else rig.history.record({ ...line, type: 'fail', reason: interruption });
  } catch (error) {
    // Only if nothing was written to it.
    if (isNew) await rmdir(folder).catch(() => undefined);
    throw error;
  } finally {
    if (options.force.aborted) rig?.kill();
    if (scratch) options.listener.say(keep ? 'stopping the nodes' : 'stopping the nodes and removing the database');
    try {
      await rig?.stop();
    } finally {
      // Does nothing if the rig has removed it. The rig may be missing, or may have failed to stop or to write its logs.
      await scratch?.remove();
    }
  }
  // Events that a failover of PostgreSQL lost, as its epochs report, are shown apart.
  const result = await checkFile(rig.history.path, { mayLose: true });
  if (!keep && result.valid && result.interruption === null) await removeLogs(rig);
  return { result, history: rig.history.path, leftover: scratch.leftover };
}

/** Creates the folder; returns true if it did not exist. @throws {ProveError} if it has the history of another run, which is kept. */
async function createFolder(folder: string): Promise<boolean> {
  const created = await mkdir(folder, { recursive: true }).catch((error) => {
    throw new ProveError(`the folder of --out cannot be created (${errorMessage(error)})`);
  });
  if ((await readdir(folder)).includes(HISTORY_FILE)) {
    throw new ProveError(`${folder} has the history of another run: name another folder with --out, or remove it`);
  }
  return created !== undefined;
}

async function createScratchDatabase(options: ProveOptions): Promise<ScratchDatabase> {
  const { urls, database, keep, folder, minutes, listener } = options;
  const needs = needsOf(options);
  listener.say(
    `the run needs up to ${needs.connections} connections and about ${megabytes(needs.databaseBytes)} on PostgreSQL's disk`,
  );
  await requireDisk(folder, needs);
  throwIfStopped(options);
  const target = database === null ? urls.directUrl : withDatabaseName(urls.directUrl, database);
  return usable(target, async () => {
    const given = database === null ? null : await ScratchDatabase.use(urls, database, keep);
    await withAdminSession(target, async (query) => {
      await requireSupportedServer((text) => query(text));
      await requireConnections(query, needs, given !== null);
      for (const name of await removeAbandoned(query)) listener.say(`removed ${name}, left by a run that was killed`);
    });
    const forMs = minutes * 60_000 + OVERHEAD_MS;
    const scratch = given ?? (await ScratchDatabase.create(urls, { keep, forMs }));
    listener.say(`${given === null ? 'created' : 'using'} the database ${scratch.name}`);
    return scratch;
  });
}

/** Returns what the start check of a node warns of. */
async function prepareSchema(scratch: ScratchDatabase, options: ProveOptions): Promise<string[]> {
  const { url, observerUrl } = scratch;
  const settings = readSettings({ DATABASE_URL: url, DATABASE_DIRECT_URL: observerUrl, NODE_NAME: 'prove' });
  return usable(observerUrl, async () => {
    const warnings = await checkDatabase(settings);
    options.listener.say('creating the schema');
    await migrate(observerUrl);
    const [server] = await withAdminSession(observerUrl, (query) =>
      query<{ reason: string | null }>('SELECT plantao.read_only_reason() AS reason'),
    );
    if (server?.reason) throw new ProveError(`PostgreSQL accepts no writes: ${server.reason}`);
    return warnings;
  });
}

/** Runs `work` {@link withDatabaseAdvice}, but throws errors that are already a sentence for the user unchanged. */
async function usable<T>(url: string, work: () => Promise<T>): Promise<T> {
  return withDatabaseAdvice(url, work).catch((error: Error) => {
    throw error.cause instanceof ProveError || error.cause instanceof StartCheckError ? error.cause : error;
  });
}

async function describeRun(scratch: ScratchDatabase, options: ProveOptions, remarks: string[]): Promise<RunAbout> {
  const { command, seed, nodes, leaseMs, rate, urls, failoverCommand } = options;
  const notes = [...remarks];
  if (urls.url !== urls.directUrl) notes.push('the pool of the nodes went through the pooler of DATABASE_URL');
  if (failoverCommand === null) {
    notes.push('PostgreSQL itself was not failed over: give the command that does it with --failover-command');
  }
  return {
    command,
    version: packageVersion(),
    startedAt: new Date().toISOString(),
    seed,
    nodes,
    leaseMs,
    rate,
    server: describeDatabase(urls.directUrl).replace(/^.* on /, ''),
    postgres: await withAdminSession(scratch.observerUrl, readServerFacts),
    remarks: notes,
  };
}

/** Returns the environment that a node inherits: nothing in it is a setting of the user. */
function nodeEnvironment({ env }: ProveOptions): Record<string, string | undefined> {
  const { PATH, HOME, TMPDIR, SystemRoot, NODE_EXTRA_CA_CERTS } = env;
  const inherited = { PATH, HOME, TMPDIR, SystemRoot, NODE_EXTRA_CA_CERTS };
  return { ...inherited, HOST: '127.0.0.1', AUTH: 'open', DB_POOL_SIZE: String(POOL_SIZE) };
}

function throwIfStopped({ end }: ProveOptions): void {
  if (end.aborted) throw new ProveError('stopped before the run began');
}

async function removeLogs({ folder, nodes }: NodeRig): Promise<void> {
  await Promise.all(nodes.map(({ name }) => rm(path.join(folder, `node-${name}.log`), { force: true })));
}

import type { CheckResult } from '../../src/prove/checker/check-result.ts';
import { checkFile } from '../../src/prove/checker/checker.ts';
import { createFixture } from '../../src/prove/load/chat-fixture.ts';
import { underLoad } from '../../src/prove/load/load.ts';
import type { NodeProcessOptions } from '../../src/prove/rig/node-process.ts';
import { NodeRig } from '../../src/prove/rig/node-rig.ts';
import { OneActiveWatch } from '../../src/prove/rig/one-active-watch.ts';
import { eventually } from '../support/eventually.ts';
import { NodeProcess } from '../support/nodes/node-process.ts';
import { BareClient } from './bare-client.ts';
import { faultsOf, type ServerFault } from './faults.ts';
import { PatroniCluster, type Route } from './patroni-cluster.ts';
import type { Programs } from './programs.ts';

/** Options of {@link runReplication}. */
export interface ReplicationRunOptions {
  programs: Programs;
  /** Folder for the history and the nodes' logs; it is created. */
  folder: string;
  synchronous: boolean;
  route: Route;
  rounds: number;
  nodes: number;
  /** Posts per second, all writers together. */
  rate: number;
  seed: number;
  /** Kinds of faults to choose from, by part of their name; empty for all. */
  only: readonly string[];
  log: (line: string) => void;
}

/** The result of a run: the checker's, and the times at which a bare client's commits were confirmed. */
export interface ReplicationResult extends CheckResult {
  bareCommits: number[];
}

const createProcess = (options: NodeProcessOptions) => new NodeProcess(options);

const LEASE_MS = 2000;
const WATCH_MS = 50;
/** Between two faults, the run waits for this many accepted writes. */
const WRITES_BETWEEN = 40;
const WRITES_TIMEOUT_MS = 30_000;

/** Runs rounds of faults of the database servers under load, and checks the history. Stops everything that it has started. */
export async function runReplication(options: ReplicationRunOptions): Promise<ReplicationResult> {
  const { folder, synchronous, nodes, log } = options;
  log('starting etcd, Patroni, PostgreSQL and HAProxy');
  const cluster = await PatroniCluster.start(options);
  const rig = new NodeRig({ folder, nodes, leaseMs: LEASE_MS, createProcess }, cluster);
  const bare = new BareClient(cluster.urls, () => rig.history.now());
  const stopBare = new AbortController();
  let committing: Promise<void> | null = null;
  let watch: OneActiveWatch | null = null;
  try {
    await rig.start(nodes);
    watch = new OneActiveWatch(
      rig.nodes.map(({ url }) => url),
      WATCH_MS,
    );
    watch.start();
    committing = bare.run(stopBare.signal);
    const fixture = await createFixture(rig);
    await underLoad({ rig, fixture, ...options, phase: log }, () => injectFaults(cluster, rig, options));
  } finally {
    rig.history.recordOverlap((await watch?.end()) ?? null);
    stopBare.abort();
    await committing;
    await rig.stop();
  }
  const checked = await checkFile(rig.history.path, { mayLose: !synchronous });
  return { ...checked, bareCommits: bare.commits };
}

async function injectFaults(cluster: PatroniCluster, rig: NodeRig, options: ReplicationRunOptions): Promise<void> {
  const { synchronous, rounds, only, log } = options;
  const faults = faultsOf(synchronous).filter(
    ({ kind }) => only.length === 0 || only.some((part) => kind.includes(part)),
  );
  for (let round = 1; round <= rounds; round += 1) {
    for (const fault of faults) {
      log(`round ${round} of ${rounds}: ${fault.kind}`);
      await inject(fault, `${fault.kind} ${round}`, cluster, rig);
      await waitForWrites(rig);
    }
  }
}

async function inject(fault: ServerFault, name: string, cluster: PatroniCluster, rig: NodeRig): Promise<void> {
  const line = { op: 'fault', process: name, node: null, term: rig.observer.term, kind: fault.kind } as const;
  rig.history.record({ ...line, type: 'invoke' });
  await fault.inject(cluster, rig);
  await cluster.untilSettled();
  rig.history.record({ ...line, type: 'ok' });
}

async function waitForWrites(rig: NodeRig): Promise<void> {
  const enough = rig.history.acknowledged + WRITES_BETWEEN;
  const isEnough = () => rig.history.acknowledged >= enough;
  // Without enough writes the run goes on: the checker counts what there is.
  await eventually('there are enough writes', isEnough, { within: WRITES_TIMEOUT_MS }).catch(() => {});
}

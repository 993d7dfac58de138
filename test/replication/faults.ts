import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeRig } from '../../src/prove/rig/node-rig.ts';
import { eventually } from '../support/eventually.ts';
import type { PatroniCluster } from './patroni-cluster.ts';

/** A fault of the database servers. Resolves when it has been healed as far as a person would; the run waits for the rest. */
export interface ServerFault {
  kind: string;
  inject(cluster: PatroniCluster, rig: NodeRig): Promise<void>;
}

/** A leader key lives for 20 s. */
const REPLACE_TIMEOUT_MS = 60_000;
const CUT_MS = 8000;
/** Posts that only the primary has when it is lost. */
const LOST_POSTS = 20;

/** Waits until another server than `former` is primary. */
async function untilReplaced(cluster: PatroniCluster, former: string): Promise<void> {
  const isReplaced = async () => {
    const leader = await cluster.findLeader();
    return leader !== null && leader.name !== former;
  };
  await eventually(`another server than ${former} is primary`, isReplaced, { within: REPLACE_TIMEOUT_MS }).catch(
    async (error) => {
      throw new Error(`${error.message}\n${await cluster.logEnds()}`, { cause: error });
    },
  );
}

const switchover: ServerFault = {
  kind: 'switchover',
  async inject(cluster) {
    const leader = await cluster.leader();
    await leader.switchover(cluster.otherThan(leader));
  },
};

const killPrimary: ServerFault = {
  kind: 'kill -9 of the primary',
  async inject(cluster) {
    const leader = await cluster.leader();
    await leader.killPostgres();
    await untilReplaced(cluster, leader.name);
  },
};

const killPatroni: ServerFault = {
  kind: 'kill -9 of Patroni',
  async inject(cluster) {
    const leader = await cluster.leader();
    await leader.patroni.kill();
    await untilReplaced(cluster, leader.name);
    leader.patroni.start();
  },
};

const killStandby: ServerFault = {
  kind: 'kill -9 of the standby',
  async inject(cluster) {
    await cluster.otherThan(await cluster.leader()).killPostgres();
  },
};

const cutLink: ServerFault = {
  kind: 'network cut between the servers',
  async inject(cluster) {
    const { link } = await cluster.leader();
    link.swallow();
    await sleep(CUT_MS);
    link.heal();
  },
};

/** With an asynchronous standby: posts are acknowledged that it never receives. */
const losePrimary: ServerFault = {
  kind: 'primary lost with unreplicated posts',
  async inject(cluster, rig) {
    const leader = await cluster.leader();
    const before = rig.history.acknowledged;
    leader.link.swallow();
    await eventually('posts are acknowledged', () => rig.history.acknowledged >= before + LOST_POSTS, {
      within: 20_000,
    });
    await leader.killPostgres();
    await untilReplaced(cluster, leader.name);
    leader.link.heal();
  },
};

/** The faults of a round, in order. */
export function faultsOf(synchronous: boolean): ServerFault[] {
  const common = [switchover, killPrimary, killPatroni, killStandby, cutLink];
  return synchronous ? common : [...common, losePrimary];
}

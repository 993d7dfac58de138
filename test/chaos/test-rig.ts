import type { NodeProcessOptions } from '../../src/prove/rig/node-process.ts';
import { NodeRig, type NodeRigOptions } from '../../src/prove/rig/node-rig.ts';
import { NodeProcess } from '../support/nodes/node-process.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';

const FLAGS = {
  max_connections: 200,
  // The minimum, so that a fault can fill the queue of notifications.
  max_notify_queue_pages: 64,
};

const createProcess = (options: NodeProcessOptions) => new NodeProcess(options);

/** The environment of a chaos run: PostgreSQL with fsync on, nodes behind proxies, a database observer, a history. */
export class TestRig extends NodeRig {
  readonly postgres: OwnPostgres;

  private constructor(options: NodeRigOptions, postgres: OwnPostgres) {
    super(options, postgres);
    this.postgres = postgres;
  }

  /** Starts all parts. Resolves when every node is serving. Stops what it has started if a part fails to start. */
  static async start(options: NodeRigOptions): Promise<TestRig> {
    const postgres = await startPostgresOfItsOwn({
      flags: Object.entries(FLAGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    });
    const rig = new TestRig({ ...options, createProcess }, postgres);
    await rig.start(options.nodes);
    return rig;
  }
}

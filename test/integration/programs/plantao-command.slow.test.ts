import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import pg from 'pg';
import { COMMANDS } from '../../../src/cli/command/registry.ts';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { plantao } from '../../support/nodes/command.ts';
import { programOf } from '../../support/nodes/node-build.ts';
import { startTwoNodes, type TwoNodes } from '../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { withSession } from '../../support/postgres/with-session.ts';

describe('plantao', function () {
  this.timeout(60_000);

  describe('without a database', () => {
    it('lists its commands and exit codes, and describes each command', async () => {
      const help = await plantao(['help']);
      expect(help).to.include({ exit: 0, errors: '' });
      for (const name of Object.keys(COMMANDS)) expect(help.output).to.include(`\n  ${name} `);
      expect(help.output).to.include('Exit codes');
      expect((await plantao([])).output).to.equal(help.output);
      expect(await plantao(['--version'])).to.include({ exit: 0, output: '0.1.0\n' });
      for (const [name, { load }] of Object.entries(COMMANDS)) {
        expect((await load()).usage, name).to.match(new RegExp(`^plantao ${name}\\b`));
      }
      expect((await plantao(['switchover', '--help'])).output).to.match(/^plantao switchover \[--to NODE\]/);
      expect((await plantao(['help', 'switchover'])).output).to.match(/^plantao switchover \[--to NODE\]/);
    });

    it('exits with 1 and a sentence when its output cannot be written, and with 0 when the reader closed the pipe', async () => {
      const run = (command: string) => {
        const { status, stderr } = spawnSync('bash', ['-c', command, process.execPath, ...programOf('cli/plantao')], {
          cwd: PACKAGE_ROOT,
          encoding: 'utf8',
        });
        return { status, stderr };
      };
      const full = run('"$0" "$@" help > /dev/full');
      expect(full.stderr).to.match(/^standard output cannot be written: .*ENOSPC.*\n$/);
      expect(full.status).to.equal(1);
      expect(run('set -o pipefail; "$0" "$@" help | true')).to.deep.equal({ status: 0, stderr: '' });
    });

    it('names an invalid argument, and exits with 2', async () => {
      for (const [args, sentence] of [
        [['stauts'], /^there is no command "stauts": see plantao help/],
        [['toString'], /^there is no command "toString"/],
        [['status', '--wacth'], /^Unknown option '--wacth' \(plantao status --help\)\n$/],
        [['status', 'now'], /^unexpected argument "now"/],
        [['history', '--limit', '0'], /^--limit must be a whole number from 1 to 10000, not "0"/],
        [['fall'], /^NODE is missing/],
        [
          ['fall', 'node-a', '--url', 'localhost:8080'],
          /^--url must be an http:\/\/ or https:\/\/ URL, not "localhost:8080"/,
        ],
        [['revive', 'node-a', '--url', 'no url'], /^--url must be an http/],
        [['status', '--database', 'mysql://x'], /DATABASE_URL must be a postgres:\/\/ URL/],
        [['status', '--watch', '--database', 'mysql://x'], /DATABASE_URL must be a postgres:\/\/ URL/],
        [['status'], /DATABASE_URL .* is not set: name a database, or let `plantao cluster` start one/],
      ] as const) {
        const result = await plantao(args);
        expect(result.exit, args.join(' ')).to.equal(2);
        expect(result.errors, args.join(' ')).to.match(sentence);
      }
    });

    it('says within its deadline that the database is down, and exits with 3; --json says so on standard output', async () => {
      const url = `postgres://me:secret@127.0.0.1:${await freePort()}/chat`;
      const down = await plantao(['status', '--database', url]);
      expect(down).to.include({ exit: 3, output: '' });
      expect(down.errors).to.match(/^the database chat on 127\.0\.0\.1:\d+ cannot be used .*ECONNREFUSED/);
      const json = await plantao(['status', '--json', '--database', url]);
      expect(json).to.include({ exit: 3, errors: '' });
      expect(JSON.parse(json.output).error).to.match(/cannot be used/);
      expect(down.errors + json.output).to.not.include('secret');
    });
  });

  describe('with an empty database', () => {
    let database: TestDatabase;
    before(async () => {
      database = await createDatabase({ empty: true });
    });
    after(() => database.drop());

    it('says that the schema is missing', async () => {
      for (const name of ['status', 'history', 'switchover', 'seed-data']) {
        const result = await plantao([name, '--database', database.url]);
        expect(result.exit, name).to.equal(1);
        expect(result.errors, name).to.match(
          /has no schema of Plantão.*: check that DATABASE_URL names .* start a node of this version, or run `plantao migrate`/,
        );
      }
    });

    it('plans the migrations as SQL that does what migrate does', async () => {
      const plan = await plantao(['migrate', '--plan', '--database', database.url]);
      expect(plan.exit, plan.errors).to.equal(0);
      await withSession(database.url, async (client) => {
        const { rows } = await client.query("SELECT to_regnamespace('plantao') IS NULL AS is_unchanged");
        expect(rows).to.deep.equal([{ is_unchanged: true }]);
        await client.query(plan.output);
      });
      const done = await plantao(['migrate', '--database', database.url]);
      expect(done).to.include({ exit: 0, output: 'the schema is up to date\n' });
      const empty = await plantao(['migrate', '--plan', '--json', '--database', database.url]);
      expect(JSON.parse(empty.output)).to.deep.equal([]);
      const none = await plantao(['status', '--database', database.url]);
      expect(none).to.include({ exit: 1 });
      expect(none.output)
        .to.include('! no node is active: writes get 503; start one')
        .and.include('no node has ever run');
    });
  });

  describe('with two nodes', () => {
    let database: TestDatabase;
    let nodes: TwoNodes;
    const run = (...args: string[]) => plantao([...args, '--database', database.url]);
    before(async () => {
      database = await createDatabase();
      nodes = await startTwoNodes(database.url);
    });
    after(async () => {
      await nodes.stop();
      await database.drop();
    });

    it('shows the nodes, the term, the lease, and what blocks', async () => {
      const client = new pg.Client({ connectionString: database.url, application_name: 'somebody' });
      await client.connect();
      try {
        await client.query("BEGIN; INSERT INTO plantao.groups (name) VALUES ('held'); SELECT plantao.lock_log()");
        const { exit, output } = await run('status');
        expect(exit).to.equal(0);
        expect(output).to.match(
          /^cluster [0-9a-f-]{36}: node-a active for .*, term 1, last heartbeat \d.* of a lease of 6\.0 s\n/,
        );
        expect(output)
          .to.match(/\nnode-a +active +1 .* ago/)
          .and.match(/\nnode-b +standby/);
        expect(output).to.include('! "somebody" blocks event log: SELECT pg_terminate_backend(');
        const json = JSON.parse((await run('status', '--json')).output);
        expect(json.leader).to.include({ term: 1, node: 'node-a', lease_ms: 6000 });
        expect(json.nodes.map(({ role }: { role: string }) => role)).to.deep.equal(['active', 'standby']);
        expect(json.blocking[0]).to.include({ application_name: 'somebody', blocks: 'event log' });
      } finally {
        await client.end();
      }
    });

    it('checks the settings and the database, with remedies', async () => {
      const result = await run('check');
      expect(result.exit, result.output).to.equal(0);
      expect(result.output).to.match(/^ok +the leader lock, LISTEN and NOTIFY work over this connection$/m);
      expect(result.output).to.match(/^ok +the schema is up to date$/m);
    });

    it('hands over, names the new active node, and shows both terms', async () => {
      const refused = await run('switchover', '--to', 'node-x');
      expect(refused).to.include({ exit: 1 });
      expect(refused.errors).to.match(/^refused: node-x is not a running standby/);
      const done = await run('switchover', '--to', 'node-b');
      expect(done, done.errors).to.include({ exit: 0, output: 'node-b is active (term 2)\n' });
      const json = JSON.parse((await run('switchover', '--json')).output);
      expect(json).to.include({ node: 'node-a', term: 3 });
      const { output } = await run('history');
      expect(output).to.match(/\n +2 +node-b .* switchover/);
      expect(JSON.parse((await run('history', '--limit', '1', '--json')).output)).to.have.length(1);
    });

    it('takes a node out of service and returns it', async () => {
      expect((await run('fall', 'node-x')).errors).to.match(/^there is no node "node-x"/);
      expect(await run('fall', 'node-b')).to.include({ exit: 0, output: 'node-b is out of service\n' });
      // A node writes its row soon after a change, not before it responds.
      const isShown = async () => /\nnode-b +fallen/.test((await run('status')).output);
      await eventually('the status shows it', isShown, { within: 20_000 });
      expect((await run('status')).output).to.match(/! no standby is ready to take over/);
      const alone = await run('switchover');
      expect(alone).to.include({ exit: 1 });
      expect(alone.errors).to.match(/^refused: no standby is running/);
      const mistaken = await run('revive', 'node-b', '--url', nodes.active.url);
      expect(mistaken).to.include({ exit: 1 });
      expect(mistaken.errors).to.match(/is not node-b of this cluster, but node-a of [0-9a-f-]+: check --url$/m);
      expect(await run('revive', 'node-b')).to.include({ exit: 0, output: 'node-b is back in service\n' });
    });
  });
});

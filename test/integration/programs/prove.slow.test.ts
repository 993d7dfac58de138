import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { withDatabaseName } from '../../../src/database/url/rewrite-url.ts';
import { programOf } from '../../support/nodes/node-build.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { testServer } from '../../support/postgres/test-server.ts';

/** Short: this tests the command, and the chaos run tests the service. */
const SHORT = ['--minutes', '0.1', '--seed', '3', '--faults', 'kill -9'];

describe('plantao prove', function () {
  this.timeout(180_000);
  let folder: string;
  /** The folder of the run of a test. */
  let out: string;
  let runs = 0;
  let adminUrl: string;
  let admin: Awaited<ReturnType<typeof testServer>>['admin'];

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'plantao-prove-'));
    ({ adminUrl, admin } = await testServer());
  });
  beforeEach(() => {
    out = path.join(folder, String(++runs));
  });
  after(() => rm(folder, { recursive: true }));

  /** Starts the command as a user does. */
  function start(url: string, ...args: string[]) {
    return spawn(process.execPath, [...programOf('cli/plantao'), 'prove', '--out', out, ...args], {
      env: { PATH: process.env.PATH ?? '', HOME: folder, PLANTAO_NO_DOTENV: '1', DATABASE_URL: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function prove(url: string, ...args: string[]) {
    const child = start(url, ...args);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const [code] = await once(child, 'close');
    return { code, output };
  }

  const scratchDatabases = () => admin("SELECT datname FROM pg_database WHERE datname LIKE 'plantao\\_prove\\_%'");
  const roles = () => admin("SELECT rolname FROM pg_roles WHERE rolname LIKE 'plantao\\_%' ORDER BY 1");

  it('creates a database, runs faults under load, reports on one page, and removes what it created', async () => {
    const before = { databases: await scratchDatabases(), roles: await roles() };
    const { code, output } = await prove(adminUrl, ...SHORT);
    expect(output).to.match(/^OK {2}All guarantees kept: [\d,]+ messages through [1-9]\d* fault/m);
    expect(code).to.equal(0);
    expect(output).to.match(/kill -9 +(active node|standby) +\d+ +\d+ ms/);
    expect((await readdir(out)).sort()).to.deep.equal(['history.ndjson', 'report.html', 'report.txt']);
    expect(await readFile(path.join(out, 'report.html'), 'utf8')).to.include('All guarantees kept');
    const history = await readFile(path.join(out, 'history.ndjson'), 'utf8');
    const again = await prove(adminUrl, ...SHORT);
    expect(again.output).to.include(`${out} has the history of another run: name another folder with --out`);
    expect(again.code).to.equal(2);
    expect(await readFile(path.join(out, 'history.ndjson'), 'utf8')).to.equal(history);
    expect({ databases: await scratchDatabases(), roles: await roles() }).to.deep.equal(before);
  });

  it('ends early on Ctrl-C, checks the results so far, says so in its report, and removes what it created', async () => {
    const before = await scratchDatabases();
    const child = start(adminUrl, '--minutes', '20', '--seed', '3', '--faults', 'kill -9');
    const ended = once(child, 'exit');
    child.stdout.resume();
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      if (!said.includes('kill -9') && `${said}${text}`.includes('kill -9')) child.kill('SIGINT');
      said += text;
    });
    const [code] = await ended;
    expect(code, said).to.equal(0);
    const report = await readFile(path.join(out, 'report.txt'), 'utf8');
    expect(report).to.match(/the run was ended early, after \d+ s of faults instead of 1200 s/);
    expect(await readFile(path.join(out, 'report.html'), 'utf8')).to.contain('the run was ended early');
    expect(await scratchDatabases()).to.deep.equal(before);
  });

  it('removes what it created when its output pipes break', async () => {
    const before = await scratchDatabases();
    const child = start(adminUrl, ...SHORT);
    const ended = once(child, 'exit');
    for await (const text of child.stderr.setEncoding('utf8')) if (text.includes('created the database')) break;
    child.stdout.destroy();
    expect(await scratchDatabases()).to.have.length(before.length + 1);
    // As a terminal that is closed.
    child.kill('SIGHUP');
    await ended;
    expect(await scratchDatabases()).to.deep.equal(before);
  });

  describe('with an empty database of the user', () => {
    let database: TestDatabase;
    before(async () => {
      database = await createDatabase({ empty: true });
    });
    after(() => database.drop());

    it('refuses a database that is not empty, names what it contains and changes nothing', async () => {
      const other = await createDatabase();
      const { code, output } = await prove(adminUrl, ...SHORT, '--database', other.name);
      expect(output).to.match(/is not empty \(.*and plantao prove uses only an empty one/);
      expect(code).to.equal(2);
      await other.drop();
    });

    it('tells a role that may not create databases what a DBA has to run', async () => {
      const role = `prove ${database.name}`;
      await admin(`CREATE ROLE "${role}" LOGIN PASSWORD 'p%w@d'`);
      try {
        const url = new URL(withDatabaseName(adminUrl, database.name));
        url.username = encodeURIComponent(role);
        url.password = encodeURIComponent('p%w@d');
        const { code, output } = await prove(url.href, ...SHORT);
        expect(output).to.include(`the role "${role}" may not create a database`);
        expect(output).to.include(`OWNER "${role}"`).and.include('plantao prove --database plantao_prove');
        expect(code).to.equal(2);
      } finally {
        await admin(`DROP ROLE "${role}"`);
      }
    });
  });

  it('exits with 2 and a sentence where there is no such database or server', async () => {
    const missing = await prove(adminUrl, ...SHORT, '--database', 'no "such" %41');
    expect(missing.output).to.include('there is no database "no ""such"" %41"').and.include('CREATE DATABASE');
    expect(missing.code).to.equal(2);
    const nowhere = await prove('postgres://chat:secret@127.0.0.1:1/chat', ...SHORT, '--json');
    expect(JSON.parse(nowhere.output.slice(nowhere.output.indexOf('{')))).to.have.property('verdict', 'incomplete');
    expect(nowhere.output).to.not.include('secret');
    expect(nowhere.code).to.equal(2);
    expect(await readdir(folder), 'no folder without a history').to.not.include(path.basename(out));
  });
});

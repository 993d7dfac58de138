import { spawn, spawnSync } from 'node:child_process';
import { access, mkdtemp, stat } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';
import { track } from '../../support/run/tracked.ts';

describe('npm start', function () {
  this.timeout(180_000);
  const { database } = useDatabase();

  it('builds, runs a node that needs neither tsx nor esbuild, and passes SIGTERM on to it', async () => {
    const port = await freePort();
    const { PATH = '', HOME = '' } = process.env;
    const env = {
      PATH,
      HOME,
      DATABASE_URL: database.url,
      PORT: String(port),
      PLANTAO_NO_DOTENV: '1',
      LOG_FORMAT: 'json',
    };
    const npm = spawn('npm', ['start'], { cwd: PACKAGE_ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    track({
      owner: 'npm start',
      pid: () => (npm.exitCode === null ? (npm.pid ?? null) : null),
      kill: () => npm.kill(),
    });
    let output = '';
    for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (chunk) => (output += chunk));
    const closed = new Promise((resolve) => npm.once('close', resolve));
    const url = `http://localhost:${port}`;
    await eventually('the node serves', () => output.includes('"event":"listening"'), { within: 120_000 });
    const pid = Number(
      /"pid":(\d+),"event":"listening"|"event":"listening"[^\n]*"pid":(\d+)/.exec(output)?.slice(1).find(Boolean),
    );
    try {
      const page = await (await fetch(`${url}/home`)).text();
      const script = /src="(assets\/home\.[^"]+)"/.exec(page)?.[1];
      const plain = await fetchBytes(`${url}/${script}`, 'identity');
      const brotli = await fetchBytes(`${url}/${script}`, 'br, gzip');
      const gzip = await fetchBytes(`${url}/${script}`, 'gzip, br;q=0');
      expect([plain.coding, brotli.coding, gzip.coding]).to.deep.equal([undefined, 'br', 'gzip']);
      expect(brotliDecompressSync(brotli.body).equals(plain.body)).to.equal(true);
      expect(gunzipSync(gzip.body).equals(plain.body)).to.equal(true);
      expect(brotli.vary).to.match(/accept-encoding/i);
      const types = path.join(PACKAGE_ROOT, 'dist', 'types', 'client', 'index.d.ts');
      expect(await access(types)).to.equal(undefined);
      // The node runs as another user than the build, in a container and in a systemd unit.
      const { mode } = await stat(path.join(PACKAGE_ROOT, 'dist'));
      expect((mode & 0o777).toString(8)).to.equal((0o777 & ~process.umask()).toString(8));
    } finally {
      npm.kill('SIGTERM');
      await closed;
    }
    expect(output).to.include('"event":"stopped"');
    expect(() => process.kill(pid, 0), 'no orphan').to.throw('ESRCH');
  });

  for (const program of ['main.js', 'plantao.js status']) {
    it(`builds programs that say what to do if the working folder was deleted (${program})`, async function () {
      if (process.platform === 'win32') this.skip();
      const folder = await mkdtemp(path.join(tmpdir(), 'plantao-deleted-'));
      const command = `rmdir '${folder}' && exec '${process.execPath}' '${PACKAGE_ROOT}'/dist/${program}`;
      const { stderr } = spawnSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', timeout: 30_000 });
      expect(stderr).to.match(/^(cannot start: )?the working folder was deleted[^\n]*\n$/);
    });
  }
});

interface Received {
  coding: string | undefined;
  vary: string | undefined;
  body: Buffer;
}

/** Like fetch, which would decompress the body. */
function fetchBytes(url: string, encodings: string): Promise<Received> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, headers: { 'accept-encoding': encodings } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const { 'content-encoding': coding, vary } = response.headers;
        resolve({ coding, vary, body: Buffer.concat(chunks) });
      });
    });
    request.once('error', reject);
  });
}

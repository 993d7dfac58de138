import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { seedData } from '../../src/local-cluster/demo-data.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get } from '../support/network/http.ts';
import { startCluster, type TestCluster } from '../support/nodes/node-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres/postgres.ts';

const OPS = fileURLToPath(new URL('../../.ops/', import.meta.url));
const WRITERS = 8;
const READERS = 20;

/** A proxy: its file in `.ops`, its program as Debian installs it, and how it is run with a copy of that file. */
interface Proxy {
  file: string;
  program: string;
  wrap?(text: string, folder: string): string;
  args(config: string, folder: string): string[];
}

const proxies: Proxy[] = [
  { file: 'haproxy.cfg', program: '/usr/sbin/haproxy', args: (config) => ['-db', '-q', '-f', config] },
  {
    file: 'nginx.conf',
    program: '/usr/sbin/nginx',
    wrap: (text, folder) =>
      `pid ${folder}/pid; worker_processes 1; daemon off; error_log ${folder}/error.log; events { worker_connections 4096; }
       http { access_log off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
         .map((name) => `${name}_temp_path ${folder}/${name};`)
         .join(' ')} ${text} }`,
    args: (config, folder) => ['-p', folder, '-c', config, '-e', path.join(folder, 'error.log')],
  },
  {
    file: 'Caddyfile',
    program: '/usr/bin/caddy',
    args: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
  },
];

/** The result of a request: a status, or `closed` if its connection was closed. */
interface Outcome {
  status: number | 'closed';
  headers: http.IncomingHttpHeaders;
  text: string;
  at: number;
}

function ask(url: string, method: string, agent: http.Agent, body?: object, key?: string): Promise<Outcome> {
  const text = body ? JSON.stringify(body) : '';
  const headers = {
    ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {}),
    ...(key ? { 'idempotency-key': key } : {}),
  };
  return new Promise((resolve) => {
    const closed = () => resolve({ status: 'closed', headers: {}, text: '', at: performance.now() });
    const request = http.request(url, { method, agent, headers, timeout: 30_000 }, (response) => {
      let heard = '';
      response.setEncoding('utf8').on('data', (piece) => {
        heard += piece;
      });
      response.on('error', closed);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: heard,
          at: performance.now(),
        }),
      );
    });
    request.on('timeout', () => request.destroy());
    request.on('error', closed);
    request.end(text);
  });
}

for (const proxy of proxies) {
  describe(`Behind ${path.basename(proxy.program)} with the file .ops/${proxy.file}`, function () {
    this.timeout(180_000);
    let database: TestDatabase;
    let cluster: TestCluster;
    let child: ChildProcess;
    let folder: string;
    let url: string;

    before(async function () {
      if (!existsSync(proxy.program)) {
        console.warn(`no ${proxy.program}: apt-get install ${path.basename(proxy.program)}`);
        return this.skip();
      }
      database = await createDatabase();
      await seedData(database.url);
      cluster = await startCluster({ databaseUrl: database.url, env: { TRUST_PROXY: '1', AUTH: 'open' } });
      const port = await freePort();
      url = `http://localhost:${port}`;
      folder = await mkdtemp(path.join(tmpdir(), 'plantao-proxy-'));
      const text = (await readFile(OPS + proxy.file, 'utf8'))
        .replaceAll('127.0.0.1:8080', `127.0.0.1:${cluster.nodes[0]?.port}`)
        .replaceAll('127.0.0.1:8081', `127.0.0.1:${cluster.nodes[1]?.port}`)
        .replaceAll(/(?<=[ :])8000\b|^:8000/gm, (found) => found.replace('8000', String(port)));
      const config = path.join(folder, proxy.file);
      await writeFile(config, proxy.wrap?.(text, folder) ?? text);
      child = spawn(proxy.program, proxy.args(config, folder), {
        stdio: 'ignore',
        env: { PATH: process.env.PATH, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
      });
      await eventually(
        'the proxy serves writes and reads',
        async () => {
          const agent = new http.Agent();
          const login = await ask(`${url}/login`, 'POST', agent, { username: 'ana_orm' });
          return login.status === 200 && (await get(`${url}/chats?userId=1`)).status === 200;
        },
        { within: 20_000 },
      );
    });
    after(async () => {
      if (child?.exitCode === null && child.kill()) await once(child, 'exit');
      await cluster?.stop();
      if (folder) await rm(folder, { recursive: true });
      await database?.drop();
    });

    it('fails no request while both nodes run, and after kill -9 of the active node only those that the file says', async () => {
      const stop = new AbortController();
      const posts: Outcome[] = [];
      const polls: Outcome[] = [];
      const sent: string[] = [];
      const agent = new http.Agent({ keepAlive: true });
      const write = async (writer: number) => {
        for (let number = 0; !stop.signal.aborted; number++) {
          const [content, key] = [`${writer} ${number}`, randomUUID()];
          for (let isStored = false; !isStored; ) {
            const outcome = await ask(`${url}/messages`, 'POST', agent, { userId: 1, groupId: 1, content }, key);
            posts.push(outcome);
            isStored = outcome.status === 200;
            await sleep(isStored ? 10 : 50);
          }
          sent.push(content);
        }
      };
      const read = async () => {
        let cursor = '';
        while (!stop.signal.aborted) {
          const outcome = await ask(`${url}/subscribe/user?user_id=1&timeout=1${cursor}`, 'GET', agent);
          polls.push(outcome);
          if (outcome.status === 200) cursor = `&cursor=${JSON.parse(outcome.text).cursor}`;
          else if (outcome.status !== 204) await sleep(50);
        }
      };
      const { cursor } = (await get<{ cursor: string }>(`${url}/messages?groupId=1`)).body;
      const load = [...Array.from({ length: WRITERS }, (_, at) => write(at)), ...Array.from({ length: READERS }, read)];
      await eventually('there were enough posts', () => posts.length >= 1000, { within: 60_000 });
      const calm = { posts: posts.length, polls: polls.length };
      const unwanted = [...posts, ...polls].filter(({ status }) => status !== 200 && status !== 204);
      const killedAt = performance.now();
      cluster.nodes[0]?.kill('SIGKILL');
      const next = await eventually(
        'posts are accepted again',
        () => posts.find((one) => one.status === 200 && one.at > killedAt + 50),
        { within: 15_000 },
      );
      const wasStored = ({ status, at }: Outcome) => status === 200 && at > next.at;
      await eventually('posts go on', () => posts.filter(wasStored).length >= 100, { within: 60_000 });
      stop.abort();
      await Promise.all(load);
      agent.destroy();
      const failed = [...posts, ...polls].filter(({ status, at }) => at > killedAt && status !== 200 && status !== 204);
      const counts: Record<string, number> = {};
      for (const { status } of failed) counts[status] = (counts[status] ?? 0) + 1;
      console.log(
        `      ${calm.posts} posts and ${calm.polls} polls without a fault; after kill -9 the first post was accepted after ` +
          `${Math.round(next.at - killedAt)} ms; until then ${JSON.stringify(counts)}`,
      );
      expect(unwanted.map(({ status, text }) => `${status} ${text}`)).to.deep.equal([]);
      for (const { status, headers, text } of failed) {
        expect(status).to.be.oneOf(['closed', 502, 503, 504]);
        if (status === 'closed') continue;
        expect(headers['retry-after'], text).to.match(/^\d+$/);
        expect(JSON.parse(text)).to.have.property('code');
      }
      expect(next.at - killedAt).to.be.below(5000);
      expect(failed.filter(({ at }) => at > next.at + 1500)).to.deep.equal([]);
      expect(await everything(cursor)).to.have.members(sent);
    });

    /** The texts of all messages since `cursor`: each once, however often it was posted. */
    async function everything(from: string): Promise<string[]> {
      const texts: string[] = [];
      for (let cursor = from; ; ) {
        const response = await get<{ cursor: string; events: { message?: { content: string } }[] }>(
          `${cluster.nodes[1]?.url}/subscribe/user?user_id=1&timeout=0&cursor=${cursor}`,
        );
        if (response.status === 204) return texts;
        cursor = response.body.cursor;
        texts.push(...response.body.events.flatMap(({ message }) => (message ? [message.content] : [])));
      }
    }
  });
}

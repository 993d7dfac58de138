import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Daemon } from '../../replication/daemon.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { CONTENT, posts } from '../common/people.ts';
import type { BenchProcess } from '../common/process.ts';
import { withDescendants } from '../common/process-cost.ts';
import { startRival } from '../common/servers.ts';
import type { Load } from '../load/load.ts';
import type { RequestSpec } from '../load/requests.ts';
import type { NchanPaths } from './programs.ts';
import { pollingRival, type RunningRival } from './rival.ts';

const GROUP = 8;
const START_LIMIT_MS = 20_000;

/** Options of {@link startNchan}. */
export interface NchanOptions {
  load: Load;
  programs: NchanPaths;
  /** The database into which a program inserts each message before it publishes it. Null: messages are in memory only. */
  databaseUrl: string | null;
}

function configuration(module: string, folder: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    load_module ${module};
    daemon off; worker_processes auto; worker_rlimit_nofile 20000;
    pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 19000; }
    http {
      access_log off; keepalive_timeout 300; keepalive_requests 100000000;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      nchan_shared_memory_size 256M;
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location ~ ^/publish/(\\w+)$ { nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 100; }
        location ~ ^/subscribe/(\\w+)$ {
          nchan_subscriber longpoll; nchan_channel_id $1; nchan_subscriber_first_message newest;
        }
        location = /status { nchan_stub_status; }
      }
    }`;
}

/** Starts nginx with nchan and, with a database, the program that inserts and publishes. */
export async function startNchan({ load, programs, databaseUrl }: NchanOptions): Promise<RunningRival> {
  const folder = await mkdtemp(path.join(tmpdir(), 'plantao-nchan-'));
  const port = await freePort();
  const config = path.join(folder, 'nginx.conf');
  const logFile = path.join(folder, 'error.log');
  await writeFile(config, configuration(programs.module, folder, port));
  const nginx = new Daemon({
    program: programs.nginx,
    args: ['-p', folder, '-c', config, '-e', logFile],
    env: {},
    folder,
    logFile: path.join(folder, 'output.log'),
  });
  const status = async () => (await fetch(`http://127.0.0.1:${port}/status`)).text();
  let publisher: BenchProcess | null = null;
  const stop = async () => {
    await publisher?.stop();
    await nginx.stop();
    await rm(folder, { recursive: true, force: true });
  };
  nginx.start();
  try {
    await eventually('nginx serves', status, { within: START_LIMIT_MS });
    if (databaseUrl !== null) {
      publisher = await startRival('nchan-publisher', { DATABASE_URL: databaseUrl, NCHAN_PORT: String(port) });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  // With the publisher, the bodies name the group; without it, the path does.
  const direct = ({ body }: RequestSpec): RequestSpec => {
    const { groupId } = body as { groupId: number };
    return { method: 'POST', path: `/publish/${groupId}`, body };
  };
  const trigger = { method: 'POST', path: '/messages', body: { userId: 7, groupId: GROUP, content: CONTENT } };
  return pollingRival({
    load,
    pids: () => withDescendants(nginx.pid ?? 0),
    postPort: publisher?.port ?? port,
    pollPort: port,
    posts: publisher ? posts() : posts().map(direct),
    poll: { method: 'GET', path: `/subscribe/${GROUP}` },
    trigger: publisher ? trigger : direct(trigger),
    waiting: async () => Number(/^subscribers: (\d+)/m.exec(await status())?.[1] ?? Number.NaN),
    stop,
  });
}

import { PLANTAO } from '../package-root.ts';
import type { DemoIds } from './prepare-demo-database.ts';

/** A node as the banner shows it. */
export interface BannerNode {
  name: string;
  url: string;
  pid: number | null;
  isActive: boolean;
}

/**
 * Returns the text shown when the cluster is ready: its addresses, and commands to try. `databaseUrl` is null if it must not be
 * shown; `hints` are lines about PostgreSQL. With AUTH=token the demo accounts cannot sign in (they have no password), so the
 * commands register an account.
 */
export function banner(
  nodes: BannerNode[],
  demo: DemoIds | null,
  databaseUrl: string | null,
  auth: 'open' | 'token',
  hints = '',
): string {
  const active = nodes.find(({ isActive }) => isActive) ?? nodes[0];
  const other = nodes.find((node) => node !== active) ?? active;
  if (!active || !other) return '';
  const rows = nodes.map(({ name, url, pid, isActive }) => {
    return `  ${`${url}/home`.padEnd(34)} ${name}, ${isActive ? 'active' : 'standby'}, pid ${pid}`;
  });
  const isToken = auth === 'token';
  const topic = demo && !isToken ? `groupId=${demo.group}` : 'group=default';
  const as = isToken ? ' -H "Authorization: Bearer $TOKEN"' : '';
  const trigger =
    demo && !isToken
      ? `curl '${active.url}/messages' -H 'Content-Type: application/json' -d '{"userId":${demo.user},"groupId":${demo.group},"content":"Olá!"}'`
      : `curl -X POST '${active.url}/notify/default'${as}`;
  const failover =
    nodes.length > 1
      ? `Try a failover, and see the node return:\n  kill -9 ${active.pid}\n  curl '${other.url}/cluster'\n`
      : `See a node return:\n  kill -9 ${active.pid}\n`;
  return `
Plantão is ready.

${rows.join('\n')}
${isToken ? signIn(active.url) : ''}
Wait for events in one terminal, create one in another:
  curl -i '${other.url}/subscribe/status?${topic}'${as}
  ${trigger}
${failover}${databaseUrl === null ? '' : inspect(databaseUrl)}${hints}
Ctrl-C stops everything gracefully, a second Ctrl-C at once.

`;
}

/** Returns the commands that show the cluster. They name the URL, because the embedded PostgreSQL has a different port at each start. */
function inspect(databaseUrl: string): string {
  return `Inspect it with plantao, or with psql:
  ${PLANTAO} status --database '${databaseUrl}'
  psql '${databaseUrl}' -c 'TABLE plantao.cluster_status'
`;
}

/** Returns the commands that register an account and put its token into a variable. */
function signIn(url: string): string {
  const call = (path: string) =>
    `curl -s '${url}/${path}' -H 'Content-Type: application/json' -d '{"username":"ana","password":"correct horse"}'`;
  return `
Sign in (AUTH=token). Run the first command once, the second one in each terminal:
  ${call('register')}
  TOKEN=$(${call('login')} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
`;
}

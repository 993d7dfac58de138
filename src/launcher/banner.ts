import type { DemoIds } from './prepare-database.ts';

/** What the banner tells of one node. */
export interface BannerNode {
  name: string;
  url: string;
  pid: number | null;
  isActive: boolean;
}

/**
 * What a person reads when the cluster is ready: where it is, and what to try. `databaseUrl` only where it may be shown.
 * With AUTH=token nobody can enter the demo accounts, which have no password, so the way leads through a new one.
 */
export function banner(
  nodes: BannerNode[],
  demo: DemoIds | null,
  databaseUrl: string | null,
  auth: 'open' | 'token',
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
  const news =
    demo && !isToken
      ? `curl '${active.url}/messages' -H 'Content-Type: application/json' -d '{"userId":${demo.user},"groupId":${demo.group},"content":"Olá!"}'`
      : `curl -X POST '${active.url}/notify/default'${as}`;
  const failover =
    nodes.length > 1
      ? `A failover, and the return of a node:\n  kill -9 ${active.pid}\n  curl '${other.url}/cluster'\n`
      : `The return of a node:\n  kill -9 ${active.pid}\n`;
  return `
Plantão is ready.

${rows.join('\n')}
${isToken ? signIn(active.url) : ''}
Wait for news in one terminal, make some in another:
  curl -i '${other.url}/subscribe/status?${topic}'${as}
  ${news}
${failover}${databaseUrl ? `For psql:\n  psql '${databaseUrl}' -c 'TABLE plantao.cluster_status'\n` : ''}
Ctrl-C stops everything in order, a second one at once.

`;
}

/** An account once, and its token in each terminal that asks for something. */
function signIn(url: string): string {
  const call = (path: string) =>
    `curl -s '${url}/${path}' -H 'Content-Type: application/json' -d '{"username":"ana","password":"correct horse"}'`;
  return `
Sign in (AUTH=token): once the first, then in each terminal the second:
  ${call('register')}
  TOKEN=$(${call('login')} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
`;
}

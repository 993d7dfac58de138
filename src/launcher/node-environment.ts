/** Variables of a process by name. */
export type Environment = Record<string, string | undefined>;

/** How one node of a local cluster is started and reached. */
export interface NodePlan {
  name: string;
  /** What people and peers reach it by. */
  url: string;
  /** Where the launcher reaches its `/health`. */
  probeUrl: string;
  env: Environment;
}

/** What the node on port `own` is started with; the first of `ports` is the one that tries for the duty at once. */
export function nodeEnvironment(own: number, ports: number[], host: string, environment: Environment): NodePlan {
  const urlOf = (port: number) => `http://${isOnLocalhost(host) ? 'localhost' : callable(host)}:${port}`;
  const name = `node-${own}`;
  const isFirst = own === ports[0];
  const env = {
    LOG_FORMAT: 'pretty',
    ...environment,
    PORT: String(own),
    NODE_NAME: name,
    NODE_URL: urlOf(own),
    IS_ACTIVE: String(isFirst),
    // One node at most may ask for the duty back.
    IS_PRIMARY: isFirst ? environment.IS_PRIMARY : undefined,
    PEER_URL: ports
      .filter((port) => port !== own)
      .map(urlOf)
      .join(','),
    PLANTAO_NO_DOTENV: '1',
  };
  return { name, url: urlOf(own), probeUrl: `http://${callable(host)}:${own}`, env };
}

/** Loopback or a wildcard: who listens there is reached by "localhost". Who listens on one address is reached by it alone. */
const isOnLocalhost = (host: string) => ['0.0.0.0', '::', '::1', 'localhost'].includes(host) || host.startsWith('127.');

/** The address to call where a node listens on `host`: a wildcard is one to listen on only. */
function callable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** How one node of a local cluster is started and reached. */
export interface NodePlan {
  name: string;
  /** The address for users and peers. */
  url: string;
  /** The address at which the launcher probes `/health`. */
  probeUrl: string;
  env: NodeJS.ProcessEnv;
}

/** The settings that {@link nodePlan} sets for each node. Values of the launcher's environment are ignored. */
const SET_PER_NODE = ['PORT', 'NODE_NAME', 'NODE_URL', 'IS_ACTIVE', 'PEER_URL'];

/** Returns `environment` without {@link SET_PER_NODE}. */
export function commonEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !SET_PER_NODE.includes(name)));
}

/** Returns how to start the node on port `own`. The first of `ports` tries to become active at once. */
export function nodePlan(own: number, ports: number[], host: string, environment: NodeJS.ProcessEnv): NodePlan {
  const urlOf = (port: number) => `http://${isOnLocalhost(host) ? 'localhost' : reachableHost(host)}:${port}`;
  const name = `node-${own}`;
  const isFirst = own === ports[0];
  const env = {
    LOG_FORMAT: 'pretty',
    ...environment,
    PORT: String(own),
    NODE_NAME: name,
    NODE_URL: urlOf(own),
    IS_ACTIVE: String(isFirst),
    // At most one node may be the preferred one.
    PREFERRED: isFirst ? environment.PREFERRED : undefined,
    IS_PRIMARY: isFirst ? environment.IS_PRIMARY : undefined,
    PEER_URL: ports
      .filter((port) => port !== own)
      .map(urlOf)
      .join(','),
    PLANTAO_NO_DOTENV: '1',
  };
  return { name, url: urlOf(own), probeUrl: `http://${reachableHost(host)}:${own}`, env };
}

/** Returns true for loopback and wildcard addresses, which "localhost" reaches. Any other address must be used as it is. */
const isOnLocalhost = (host: string) => ['0.0.0.0', '::', '::1', 'localhost'].includes(host) || host.startsWith('127.');

/** Returns an address at which a node that listens on `host` is reached: a wildcard address is no destination. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

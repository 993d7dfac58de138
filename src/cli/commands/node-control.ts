import { errorMessage } from '../../error-message.ts';
import { bodyText } from '../../network/body-text.ts';
import { processEnvironment } from '../../settings/process-environment.ts';
import { readAdminToken } from '../../settings.ts';
import { parseCommand, UsageError } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { withDatabase } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { CommandError, Exit } from '../command/exit.ts';

/** A node that falls finishes its writes and resigns: about a second at most. */
const LIMIT_MS = 10_000;

interface NodeTarget {
  url: string;
  role: string;
  cluster: string;
}

/** `plantao fall NODE` */
export const fall = nodeCommand(
  'fall',
  'Takes a node out of service: it resigns if it is active, responds to every waiter, and stays out of service until\n`plantao revive`.',
);

/** `plantao revive NODE` */
export const revive = nodeCommand('revive', 'Brings a node that is out of service back, as a candidate.');

const DONE = { fall: 'out of service', revive: 'back in service' };

function nodeCommand(action: 'fall' | 'revive', description: string): Command {
  return {
    usage: `plantao ${action} NODE [--url URL] [--database URL] [--json]

${description} It calls the node's own route POST /${action}, at the URL that the node has
written to plantao.nodes. With AUTH=token set ADMIN_TOKEN in the environment or in .env.

  --url URL       the node's URL, if this machine reaches it at another one
${DATABASE_USAGE}`,
    async run(args, io) {
      const { values, positionals } = parseCommand(args, { ...DATABASE_OPTIONS, url: { type: 'string' } }, ['NODE']);
      const [name = ''] = positionals;
      if (values.url !== undefined && !isHttpUrl(values.url)) {
        throw new UsageError(`--url must be an http:// or https:// URL, not "${values.url}"`);
      }
      const row = await withDatabase(values.database, async (query) => {
        const [found] = await query<NodeTarget>(
          `SELECT s.url, s.role, plantao.cluster_id() AS cluster FROM plantao.cluster_status s WHERE s.node = $1`,
          [name],
        );
        return found ?? null;
      });
      if (row === null) throw new CommandError(`there is no node "${name}": see plantao status`);
      const url = values.url ?? row.url;
      await requireSameNode(url, name, row.cluster, values.url === undefined ? 'use --url' : 'check --url');
      const reply = (await call(url, `/${action}`, 'POST')) as { status?: string; active?: boolean };
      if (values.json) io.printJson({ node: name, ...reply });
      else io.print(`${name} is ${DONE[action]}${reply.active ? ', and active' : ''}`);
      return Exit.OK;
    },
  };
}

const isHttpUrl = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

/**
 * Checks that `url` leads to the node. The URL comes from the database, and a copy of a database has the URLs of the nodes that
 * use the original.
 */
async function requireSameNode(url: string, node: string, cluster: string, remedy: string): Promise<void> {
  const health = (await call(url, '/health', 'GET')) as { node?: unknown; cluster?: unknown };
  if (health.node === node && health.cluster === cluster) return;
  throw new CommandError(
    `${url} is not ${node} of this cluster, but ${String(health.node)} of ${String(health.cluster)}: ${remedy}`,
  );
}

async function call(url: string, path: string, method: 'GET' | 'POST'): Promise<unknown> {
  const token = readAdminToken(processEnvironment());
  const headers: HeadersInit = token && method === 'POST' ? { Authorization: `Bearer ${token}` } : {};
  let response: Response;
  let body: unknown;
  try {
    // A redirect would take the token elsewhere.
    const signal = AbortSignal.timeout(LIMIT_MS);
    response = await fetch(new URL(path, url), { method, headers, redirect: 'error', signal });
    body = JSON.parse(await bodyText(response, signal));
  } catch (error) {
    const reason = error instanceof Error && error.cause ? errorMessage(error.cause) : errorMessage(error);
    const isFrozen = error instanceof Error && error.name === 'TimeoutError';
    const advice = isFrozen
      ? 'its process or machine may be frozen; kill -9 makes a standby take over'
      : 'is it running?';
    throw new CommandError(`the node at ${url} does not respond (${reason}): ${advice}`, Exit.UNREACHABLE);
  }
  const { error } = (typeof body === 'object' && body !== null ? body : {}) as { error?: string };
  // A fallen node reports its state with 503.
  if (response.ok || (method === 'GET' && error === undefined)) return body;
  const remedy = response.status === 401 || response.status === 403 ? ': set ADMIN_TOKEN as for the node' : '';
  throw new CommandError(`${url} refused ${method} ${path}: ${error ?? `status ${response.status}`}${remedy}`);
}

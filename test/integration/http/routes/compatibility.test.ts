import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get, request } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

/**
 * The commands in the documentation of the Python project that this one replaces, unchanged, and the requests that curl sends for
 * them, in case curl is not installed.
 */
const COMMANDS = {
  health: { command: 'curl http://localhost:8080/health', method: 'GET', path: '/health' },
  poll: { command: 'curl http://localhost:8080/subscribe/status', method: 'GET', path: '/subscribe/status' },
  fall: { command: 'curl -X POST http://localhost:8080/fall', method: 'POST', path: '/fall' },
  send: {
    command: String.raw`curl -X POST -H "Content-Type: application/json" \
-d '{"userId": 1, "groupId": 1, "content": "Olá do cURL!"}' \
http://localhost:8080/messages`,
    method: 'POST',
    path: '/messages',
    body: '{"userId": 1, "groupId": 1, "content": "Olá do cURL!"}',
  },
  /** Its documentation shows the parameters of a GET as JSON. */
  chats: {
    command: `curl -X GET -H "Content-Type: application/json" -d '{"userId": 1}' http://localhost:8080/chats`,
    method: 'GET',
    path: '/chats',
    body: '{"userId": 1}',
  },
};

function hasCurl(): boolean {
  try {
    execFileSync('sh', ['-c', 'curl --version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('A client of the Python project that this one replaces', () => {
  const nodes = useTwoNodes();
  const withCurl = hasCurl();

  /** Returns what the command prints, sent to this node instead of port 8080. */
  async function type({
    command,
    method,
    path,
    body,
  }: {
    command: string;
    method: string;
    path: string;
    body?: string;
  }) {
    const { port } = new URL(nodes.active.url);
    if (withCurl) {
      const typed = command.replace('localhost:8080', `localhost:${port}`);
      const { stdout } = await promisify(execFile)('sh', ['-c', typed], { timeout: 20_000 });
      return JSON.parse(stdout);
    }
    const headers = { accept: '*/*', 'user-agent': 'curl/8.0.0' };
    return (await request(method, nodes.active.url + path, { headers, body, deadline: 20_000 })).body;
  }

  it('reads the health', async () => {
    expect(await type(COMMANDS.health)).to.include({ status: 'alive', active: true });
  });

  it('sends a message to its group', async () => {
    const response = await type(COMMANDS.send);
    expect(response).to.include({ message: 'message sent' });
    const { body } = await get<{ messages: unknown[] }>(`${nodes.standby.url}/messages?groupId=1`);
    const { message_id: id, timestamp } = response;
    const content = 'Olá do cURL!';
    expect(body.messages.at(-1)).to.deep.equal({ id, sender: 'ana_orm', sender_id: 1, content, timestamp });
  });

  it('lists the chats with a JSON body on a GET', async () => {
    const { chats } = await type(COMMANDS.chats);
    expect(chats[0]).to.include({ id: 1, name: 'Grupo Geral' });
  });

  it('polls until the state changes', async () => {
    const poll = type(COMMANDS.poll);
    await eventually('the poll waits', async () => {
      const { body } = await get<{ active_groups: string[] }>(`${nodes.active.url}/groups`);
      return body.active_groups.includes('default');
    });
    expect(await type(COMMANDS.fall)).to.deep.equal({ status: 'system down', active: false });
    const response = await poll;
    expect(response).to.include({ status: 'down', active: false, change: true, group: 'default' });
    expect(response.cursor).to.match(/^[0-9a-f]{12}-\d+$/);
    expect(await type(COMMANDS.health)).to.include({ status: 'down', active: false });
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { chatHelp } from '../../../src/cli/chat/terminal-text.ts';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { eventually } from '../../support/eventually.ts';
import { type Behaviour, type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';
import { programOf } from '../../support/nodes/node-build.ts';

describe('The command-line chat with a pipe as its input', () => {
  /** A log that all fake nodes share: the texts of messages, and other events. */
  let log: (string | Record<string, unknown>)[];
  let waiting: (() => void)[];
  let nodes: FakeNode[];
  let auth: 'open' | 'token';
  let child: ChildProcess | undefined;

  const message = (position: number) => ({
    id: position,
    sender: 'ana',
    sender_id: 1,
    content: log[position - 1],
    timestamp: '2026-01-01T00:00',
  });
  const event = (position: number) => {
    const one = log[position - 1];
    const content = typeof one === 'object' ? one : { kind: 'message', message: message(position) };
    return { cursor: `e-${position}`, group_id: 1, at: '', ...content };
  };
  const append = (...events: typeof log) => {
    log.push(...events);
    for (const wake of waiting.splice(0)) wake();
  };
  const serve: Behaviour = (heard, response) => {
    const cursor = `e-${log.length}`;
    if (heard.path === '/health') return json(response, 200, { status: 'alive', active: true, auth });
    if (heard.path === '/login') return json(response, 200, { user_id: 1, username: 'ana', created: false });
    if (heard.path === '/chats') {
      const members = [{ id: 1, username: 'ana' }];
      return json(response, 200, { chats: [{ id: 1, name: 'Team', members }], cursor });
    }
    if (heard.path === '/messages' && heard.method === 'GET') {
      return json(response, 200, {
        messages: log.flatMap((one, index) => (typeof one === 'string' ? [message(index + 1)] : [])),
        has_more: false,
        cursor,
      });
    }
    if (heard.path === '/messages') {
      if (heard.method === 'PATCH') return json(response, 200, { message_id: heard.body.messageId, edited_at: null });
      append(String(heard.body.content));
      return json(response, 200, { message_id: log.length, timestamp: '', cursor: `e-${log.length}` });
    }
    const after = Number(heard.query.get('cursor')?.split('-')[1]);
    const answer = () => json(response, 200, { events: log.slice(after).map((_, index) => event(after + index + 1)) });
    if (after < log.length) answer();
    else if (heard.query.get('timeout') === '0') response.writeHead(204).end();
    else waiting.push(answer);
  };

  beforeEach(async () => {
    [log, waiting, auth] = [['earlier'], [], 'open'];
    nodes = [await startFakeNode(serve), await startFakeNode(serve)];
  });
  afterEach(async () => {
    if (child?.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
    await Promise.all(nodes.map((node) => node.close()));
  });

  function start(...more: string[]): { type(line: string): void; end(): Promise<number | null>; output(): string } {
    const urls = nodes.map(({ url }) => url).join();
    const args = ['--user', 'ana', '--url', urls, ...more];
    const started = spawn(process.execPath, [...programOf('cli/plantao'), 'chat', ...args], { cwd: PACKAGE_ROOT });
    child = started;
    let output = '';
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    return {
      type: (line) => started.stdin.write(`${line}\n`),
      end: async () => {
        started.stdin.end();
        const [code] = await once(started, 'close');
        return code;
      },
      output: () => output,
    };
  }

  it('sends lines that arrived before it was ready, shows them, and ends with its input', async () => {
    const chat = start();
    chat.type('one');
    chat.type('/who-knows');
    chat.type('two');
    expect(await chat.end()).to.equal(0);
    expect(log).to.deep.equal(['earlier', 'one', 'two']);
    for (const line of ['ana: earlier', 'ana: one', 'ana: two', 'unknown command'])
      expect(chat.output()).to.contain(line);
  }).timeout(60_000);

  it('edits the message that was just sent, although its event arrives later than the response to the post', async () => {
    const behave: Behaviour = (heard, response) => {
      if (heard.method !== 'POST' || heard.path !== '/messages') return serve(heard, response);
      const woken = waiting.splice(0);
      serve(heard, response);
      response.once('finish', () => setTimeout(() => woken.map((wake) => wake()), 300));
    };
    for (const node of nodes) node.behave = behave;
    const chat = start();
    await eventually('the history', () => chat.output().includes('ana: earlier'), { within: 30_000 });
    chat.type('with a tpyo');
    chat.type('/edit with a typo');
    expect(await chat.end()).to.equal(0);
    const edits = nodes.flatMap(({ heard }) => heard).filter(({ method }) => method === 'PATCH');
    expect(edits.map(({ body }) => body)).to.deep.equal([{ messageId: 2, content: 'with a typo', userId: 1 }]);
  }).timeout(60_000);

  it('names users who joined or changed their name after it was started', async () => {
    const chat = start();
    await eventually('the history', () => chat.output().includes('ana: earlier'), { within: 30_000 });
    const reaction = { kind: 'reaction', user_id: 2, emoji: '👍', message_id: 1, added: true, count: 1 };
    append({ kind: 'joined', user_id: 2, username: 'bia', group: 'Team' }, reaction);
    await eventually('the reaction', () => chat.output().includes('bia reacted with 👍 to #1'), { within: 30_000 });
    append(
      { kind: 'user_renamed', user_id: 2, username: 'beatriz' },
      { kind: 'role_changed', user_id: 2, role: 'admin' },
    );
    await eventually('the new name', () => chat.output().includes('beatriz is now admin'), { within: 30_000 });
    expect(await chat.end()).to.equal(0);
  }).timeout(60_000);

  it('says that a password is required with AUTH=token', async () => {
    auth = 'token';
    const chat = start();
    expect(await chat.end()).to.equal(1);
    expect(chat.output()).to.contain('this cluster requires a password: add --password PASSWORD');
    expect(nodes.flatMap(({ heard }) => heard).filter(({ path }) => path === '/login')).to.deep.equal([]);
  }).timeout(60_000);

  it('joins the group with exactly that name, although the user is in one that differs only in case', async () => {
    let names = ['Team'];
    const behave: Behaviour = (heard, response) => {
      if (heard.path === '/chats') {
        const chats = names.map((name, index) => ({ id: index + 1, name, members: [{ id: 1, username: 'ana' }] }));
        return json(response, 200, { chats, cursor: `e-${log.length}` });
      }
      if (heard.path !== '/user/1/groups/team') return serve(heard, response);
      names = ['Team', 'team'];
      json(response, 200, { user_id: 1, groups: names });
    };
    for (const node of nodes) node.behave = behave;
    const chat = start();
    chat.type('/join team');
    await eventually('the other group is open', () => /\bteam\b/.test(chat.output()));
    expect(await chat.end()).to.equal(0);
  }).timeout(60_000);

  it('does not join a group by name with AUTH=token, which would create a second one', async () => {
    auth = 'token';
    const chat = start('--password', 'secret');
    chat.type('/join Somewhere');
    chat.type('/help');
    expect(await chat.end()).to.equal(0);
    expect(chat.output()).to.contain('you are not in a group of that name').and.contain(chatHelp(true));
    expect(nodes.flatMap(({ heard }) => heard).filter(({ path }) => path.startsWith('/user/'))).to.deep.equal([]);
  }).timeout(60_000);

  it('reports an outage, a waiting message, and the node that serves again', async () => {
    const chat = start();
    await eventually('the history', () => chat.output().includes('ana: earlier'), { within: 30_000 });
    // Still there, but out of service.
    const behave: Behaviour = (_, response) => json(response, 503, { error: 'not alive', code: 'not_alive' });
    for (const node of nodes) node.behave = behave;
    for (const node of nodes) node.disconnect();
    chat.type('into the dark');
    await eventually('the outage', () => chat.output().includes('no node responds, retrying'), { within: 30_000 });
    await eventually(
      'the waiting message',
      () => chat.output().includes('not sent yet, waiting for a node: into the dark'),
      { within: 30_000 },
    );
    for (const node of nodes) node.behave = serve;
    await eventually('the message', () => chat.output().includes('ana: into the dark'), { within: 30_000 });
    await eventually('the end of the problem', () => /serves again/.test(chat.output()), { within: 30_000 });
    expect(await chat.end()).to.equal(0);
    expect(log).to.deep.equal(['earlier', 'into the dark']);
  }).timeout(90_000);

  it('survives the death of its node, reports it in one line, and continues at the other node', async () => {
    const chat = start();
    await eventually('the history', () => chat.output().includes('ana: earlier'), { within: 30_000 });
    await nodes[0]?.close();
    chat.type('after the death');
    await eventually('the message', () => chat.output().includes('ana: after the death'), { within: 30_000 });
    expect(await chat.end()).to.equal(0);
    // One line, whichever notices the death first: the poll or the message that was typed.
    const notice = new RegExp(`${nodes[0]?.url} .*; ${nodes[1]?.url} (serves|accepts messages)`, 'g');
    expect(chat.output().match(notice)).to.have.length(1);
    expect(chat.output().match(/ana: after the death/g)).to.have.length(1);
  }).timeout(90_000);
});

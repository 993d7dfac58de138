import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { json, startFakeNode } from '../../support/nodes/client-fake-node.ts';

describe('A process that has used the client', () => {
  it('exits by itself after its event iterator has ended', async () => {
    const cursor = 'e1-0';
    const node = await startFakeNode(({ path, query }, response) => {
      if (path === '/chats') json(response, 200, { chats: [], cursor });
      else if (query.get('timeout') === '0') response.writeHead(204, { cursor }).end();
      // Every other poll hangs until the client ends it.
    });
    try {
      const script = `
        import { ChatClient } from './src/client/index.ts';
        const ending = new AbortController();
        const client = new ChatClient({ urls: ['${node.url}'], userId: 1 });
        setTimeout(() => ending.abort(), 300);
        for await (const event of client.events({ signal: ending.signal })) console.log(event);
        console.log('ended');`;
      const args = ['--import', 'tsx', '--input-type=module', '-e', script];
      const child = spawn(process.execPath, args, { cwd: PACKAGE_ROOT });
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      const [code] = await once(child, 'close');
      expect([code, output]).to.deep.equal([0, 'ended\n']);
    } finally {
      await node.close();
    }
  }).timeout(30_000);
});

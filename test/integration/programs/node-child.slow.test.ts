import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { NodeChild } from '../../../src/local-cluster/node-child.ts';
import { openOutput } from '../../../src/local-cluster/output.ts';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';

/** Runs before the node's program, which is never reached. */
const FOR_EVER = '--import=data:text/javascript,setInterval(()=>{},1000);await(new(Promise)(()=>{}))';

describe('A node that was restarted and does not respond', () => {
  it('is reported once, and gets no further requests', async () => {
    let asked = 0;
    const unready = createServer((_, response) => {
      asked++;
      response.writeHead(503).end();
    }).listen(0, '127.0.0.1');
    await once(unready, 'listening');
    const url = `http://127.0.0.1:${(unready.address() as AddressInfo).port}`;
    let text = '';
    const output = openOutput(['node-1'], (more) => {
      text += more;
    });
    const env = { ...process.env, NODE_OPTIONS: FOR_EVER };
    const child = new NodeChild({ name: 'node-1', url, probeUrl: url, env, output, servesWithinMs: 500 });
    child.start();
    try {
      child.keepRunning();
      process.kill(child.pid ?? 0, 'SIGKILL');
      await eventually('it is reported', () => text.includes('node-1 is running, but does not respond'), {
        within: 20_000,
      });
      expect(text).to.include('node-1 was killed by SIGKILL; restarting it').and.not.include('is running again');
      const before = asked;
      expect(before).to.be.greaterThan(1);
      await always('no request arrives', () => asked === before, { forMs: 1000 });
    } finally {
      await child.stop();
      unready.close();
    }
  });
});

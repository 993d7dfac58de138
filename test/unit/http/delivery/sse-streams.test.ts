import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import type { Response } from 'express';
import type { ReplayableAudience } from '../../../../src/chat/delivery/audiences.ts';
import type { SseStreamOptions } from '../../../../src/http/delivery/sse-stream.ts';
import { SseStreams } from '../../../../src/http/delivery/sse-streams.ts';
import { RequestLifetime } from '../../../../src/http/request/request-lifetime.ts';

/** The part of an Express response that a stream uses. */
class FakeResponse extends EventEmitter {
  readonly lifetime = new RequestLifetime();
  text = '';
  writeHead(): void {}
  write(text: string): boolean {
    this.text += text;
    return true;
  }
  end(text: string): void {
    this.text += text;
    this.lifetime.end();
  }
}

describe('SseStreams', () => {
  /** Returns the comment with which a stream ends that begins while `meanwhile` changes the node. */
  async function commentAfter(meanwhile: (streams: SseStreams, fall: () => void) => void): Promise<string | undefined> {
    let isServing = true;
    const subscribe = async () => {
      meanwhile(streams, () => {
        isServing = false;
      });
      return null;
    };
    const streams = new SseStreams({
      pollSlots: { reserve: () => {} },
      eventLog: { known: { end: { epoch: 'e', position: 5 } } },
      subscriptions: { subscribe },
      waiters: { remove: () => {} },
      isServing: () => isServing,
    } as unknown as SseStreamOptions);
    const response = new FakeResponse();
    const audience = async () => ({}) as ReplayableAudience;
    const request = { audience, userId: 1, cursor: undefined, ephemeral: false };
    await streams.run(response as unknown as Response, response.lifetime, request);
    return /^: (.*)$/m.exec(response.text)?.[1];
  }

  it('ends a stream that is still reading its first events when the node falls or stops, and says which of them it was', async () => {
    expect(await commentAfter((_, fall) => fall())).to.equal('this node has fallen');
    expect(await commentAfter((streams) => streams.drain())).to.equal('the node is stopping');
    const both = await commentAfter((streams, fall) => {
      fall();
      streams.drain();
    });
    expect(both).to.equal('the node is stopping');
  });
});

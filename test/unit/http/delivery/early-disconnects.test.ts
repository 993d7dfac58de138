import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import type { Response } from 'express';
import { OnceSignal } from '../../../../src/async/once-signal.ts';
import type { ReplayableAudience } from '../../../../src/chat/delivery/audiences.ts';
import type { SseStreamOptions } from '../../../../src/http/delivery/sse-stream.ts';
import { SseStreams } from '../../../../src/http/delivery/sse-streams.ts';
import { endWithToken } from '../../../../src/http/request/checks/authentication.ts';
import { RequestLifetime } from '../../../../src/http/request/request-lifetime.ts';

/** A response whose client can leave. */
class LeavingClient extends EventEmitter {
  readonly lifetime = new RequestLifetime();
  leave(): void {
    this.lifetime.end();
  }
  get response(): Response {
    return this as unknown as Response;
  }
}

describe('A client that leaves before its poll is registered', () => {
  it('leaves no stream open', async () => {
    let listened = 0;
    const streams = new SseStreams({
      pollSlots: { reserve() {} },
      eventLog: { known: { end: { epoch: 'e', position: 1 } } },
      subscriptions: {
        async subscribe() {
          listened++;
          return null;
        },
      },
      isServing: () => true,
    } as unknown as SseStreamOptions);
    const client = new LeavingClient();
    const audience = async () => {
      client.leave();
      return {} as ReplayableAudience;
    };
    await streams.run(client.response, client.lifetime, { audience, userId: null, cursor: undefined, ephemeral: true });
    expect(listened).to.equal(0);
    expect(client.eventNames()).to.deep.equal([]);
  });

  it('leaves no listener on its token', () => {
    const token = { userId: 1, ended: new OnceSignal<'revoked' | 'forgotten'>() };
    const client = new LeavingClient();
    client.leave();
    endWithToken({ userId: 1, isAdmin: false, token }, client.response, client.lifetime);
    expect(token.ended.size).to.equal(0);
  });
});

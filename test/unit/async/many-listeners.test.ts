import { EventEmitter, getEventListeners } from 'node:events';
import { expect } from 'chai';
import type { Response } from 'express';
import { OnceSignal } from '../../../src/async/once-signal.ts';
import { onAbort } from '../../../src/client/requests/on-abort.ts';
import { sleep } from '../../../src/client/requests/sleep.ts';
import { endWithToken } from '../../../src/http/request/checks/authentication.ts';
import { RequestLifetime } from '../../../src/http/request/request-lifetime.ts';
import { eventually } from '../../support/eventually.ts';
import { noteWarning, takeWarnings } from '../../support/run/process-warnings.ts';

describe('Many listeners on one object', () => {
  it('of polls under one token cause no warning, are all notified, and leave nothing behind', () => {
    const token = { userId: 1, ended: new OnceSignal<'revoked' | 'forgotten'>() };
    const lifetimes = Array.from({ length: 50 }, () => new RequestLifetime());
    let destroyed = 0;
    const response = Object.assign(new EventEmitter(), {
      headersSent: true,
      destroy: () => {
        destroyed++;
      },
    }) as unknown as Response;
    for (const lifetime of lifetimes) endWithToken({ userId: 1, isAdmin: false, token } as never, response, lifetime);
    expect(token.ended.size).to.equal(50);
    for (const lifetime of lifetimes.slice(0, 20)) lifetime.end();
    expect(token.ended.size).to.equal(30);
    token.ended.fire('revoked');
    expect(destroyed).to.equal(30);
  });

  it('of calls that share an AbortSignal are one listener of the signal, which is removed after the calls', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const heard: number[] = [];
    const unlisten = Array.from({ length: 30 }, (_, number) => onAbort(signal, () => heard.push(number)));
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    for (const one of unlisten) one();
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
    await Promise.all(Array.from({ length: 30 }, () => sleep(1, signal)));
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
    const pauses = Array.from({ length: 30 }, () => sleep(60_000, signal).catch((error) => error));
    controller.abort(new Error('enough'));
    for (const error of await Promise.all(pauses)) expect(error.message).to.equal('enough');
    expect(heard).to.deep.equal([]);
  });

  it('fail the test that added them if Node.js warns about them', async () => {
    const emitter = new EventEmitter();
    for (let number = 0; number < 11; number++) emitter.on('event', () => undefined);
    const warnings = await eventually('it is noted', () => {
      const taken = takeWarnings();
      return taken.length > 0 && taken;
    });
    expect(warnings.join()).to.include('MaxListenersExceededWarning');
    noteWarning('node-a', '(node:4711) MaxListenersExceededWarning: Possible EventTarget memory leak detected.');
    noteWarning('node-a', '(node:4711) ExperimentalWarning: something');
    noteWarning('node-a', '{"level":30,"msg":"(node:1) Warning: no"}');
    expect(takeWarnings()).to.have.length(1);
  });
});

import { expect } from 'chai';
import { parseProveArguments, repeatCommand } from '../../../src/prove/arguments.ts';
import { runFailoverCommand } from '../../../src/prove/faults/failover-command.ts';

describe('The failover command of plantao prove', () => {
  const env = { PATH: process.env.PATH };
  const never = new AbortController().signal;

  it('is a command of the shell, with the environment', async () => {
    expect(await runFailoverCommand('test "$FOO" = bar && exit 0', { ...env, FOO: 'bar' }, never)).to.deep.equal({
      problem: null,
    });
  });

  it('that fails is reported with its code and its last line', async () => {
    const { problem } = await runFailoverCommand('echo first; echo no leader >&2; exit 3', env, never);
    expect(problem).to.equal('the failover command exited with code 3: no leader');
  });

  it('that takes too long is stopped with its children', async () => {
    const { problem } = await runFailoverCommand('sleep 60 & sleep 60', env, never, 100);
    expect(problem).to.match(/was stopped after 0.1 s/);
  });

  it('is stopped when the run is given up', async () => {
    const stop = new AbortController();
    const outcome = runFailoverCommand('sleep 60', env, stop.signal);
    stop.abort();
    expect((await outcome).problem).to.match(/was stopped/);
  });

  it('may leave a program in the background', async () => {
    expect(await runFailoverCommand('sleep 0.5 & exit 0', env, never)).to.deep.equal({ problem: null });
  });
});

describe('The command that repeats a run', () => {
  it('is parsed to the same options by a shell, without the URL', async () => {
    const args = ['--minutes', '2', '--seed', '9', '--nodes', '3', '--faults', 'kill -9,freeze'];
    const names = [
      '--database',
      'it\'s "mine" %41',
      '--failover-command',
      "echo 'a b'",
      '--url',
      'postgres://u:secret@h/d',
    ];
    const plan = parseProveArguments([...args, ...names]);
    const command = repeatCommand(plan);
    expect(command).to.not.include('secret');
    const outcome = await runFailoverCommand(
      `set -- ${command.replace('plantao prove', '')}; printf '%s\\n' "$@" >&2; exit 1`,
      { PATH: process.env.PATH },
      new AbortController().signal,
    );
    expect(outcome.problem).to.match(/echo 'a b'$/);
  });
});

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { processEnvironment } from '../../../src/settings/process-environment.ts';
import { EnvironmentError } from '../../../src/settings/working-folder.ts';

const MAKE_PIPE = 'mkfifo';

describe('The environment of a process', () => {
  let before: string;
  let folder: string;
  let saved: NodeJS.ProcessEnv;
  beforeEach(() => {
    before = process.cwd();
    saved = { ...process.env };
    delete process.env.PLANTAO_NO_DOTENV;
    folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'plantao-environment-')));
    process.chdir(folder);
  });
  afterEach(() => {
    process.chdir(before);
    process.env = saved;
    rmSync(folder, { recursive: true, force: true });
  });

  it('is completed from .env, which overrides no variable', () => {
    process.env.DB_NAME = 'given';
    writeFileSync('.env', '# A comment\nDB_NAME=other\nDB_USER="ana"\n');
    expect(processEnvironment()).to.include({ DB_NAME: 'given', DB_USER: 'ana' });
  });

  it('needs no .env, and ignores a folder of that name', () => {
    expect(processEnvironment()).to.include({ PATH: saved.PATH });
    mkdirSync('.env');
    expect(processEnvironment()).to.include({ PATH: saved.PATH });
  });

  it('ignores a .env that it may not read: a service manager read it before it dropped its privileges', function () {
    if (process.platform === 'win32') this.skip();
    writeFileSync('.env', 'DB_NAME=secret');
    chmodSync('.env', 0);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.('nobody');
    try {
      expect(processEnvironment().DB_NAME).to.equal(saved.DB_NAME);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it('does not wait for a writer of a named pipe', function () {
    if (process.platform === 'win32') this.skip();
    execFileSync(MAKE_PIPE, ['.env']);
    expect(processEnvironment).to.throw(EnvironmentError, '.env is a pipe: replace it with a text file');
  });

  it('is not read from a file of gigabytes', () => {
    writeFileSync('.env', 'A=1\n');
    truncateSync('.env', 3 * 1024 ** 3);
    expect(processEnvironment).to.throw(EnvironmentError, '.env is larger than 1 MiB: replace it with a text file');
  });

  for (const [what, bytes] of [
    ['UTF-16 with its mark', Buffer.from('\ufeffDB_NAME=chat\r\n', 'utf16le')],
    ['UTF-16 without one', Buffer.from('DB_NAME=chat\r\n', 'utf16le')],
    ['Windows-1252', Buffer.from('DB_PASSWORD=sol-é\r\n', 'latin1')],
  ] as const) {
    it(`is not read from a file in another encoding: ${what}`, () => {
      writeFileSync('.env', bytes);
      expect(processEnvironment).to.throw(EnvironmentError, '.env is not text in UTF-8: replace it with a text file');
    });
  }

  it('is read from a file of Windows: with a byte order mark, CRLF line breaks, quotation marks and spaces', () => {
    writeFileSync('.env', '\ufeffDB_NAME="chat"\r\nexport DB_USER = ana # who\r\nDB_HOST=one\r\nDB_HOST=two\r\n');
    expect(processEnvironment()).to.include({ DB_NAME: 'chat', DB_USER: 'ana', DB_HOST: 'two' });
  });

  for (const line of ['DB_PASSWORD=pa#ss', 'export DB_PASSWORD = a b#c # d', 'DB_PASSWORD=x#\r']) {
    it(`is not read from a file in which # cuts the value of a setting: ${JSON.stringify(line)}`, () => {
      delete process.env.DB_PASSWORD;
      writeFileSync('.env', `DB_USER=ana\n${line}\nDB_HOST=h\n`);
      expect(processEnvironment).to.throw(
        EnvironmentError,
        '.env: the value of DB_PASSWORD has a #, at which it would end',
      );
    });
  }

  it('may have a # in quotation marks, in a comment, in the value of another program, and in one that is not used', () => {
    process.env.DB_NAME = 'given';
    for (const name of ['DB_USER', 'DB_PASSWORD', 'DB_HOST']) delete process.env[name];
    const lines = [
      'DB_USER="an#a"',
      'DB_PASSWORD=x # y#z',
      "DB_HOST='h#'# c",
      'OTHER=a#b',
      'DB_NAME=a#b',
      '# PORT=1#2',
    ];
    writeFileSync('.env', `${lines.join('\n')}\n`);
    expect(processEnvironment()).to.include({ DB_NAME: 'given', DB_USER: 'an#a', DB_PASSWORD: 'x', DB_HOST: 'h#' });
  });

  it('is not available if the working folder was deleted', function () {
    if (process.platform === 'win32') this.skip();
    rmSync(folder, { recursive: true });
    expect(processEnvironment).to.throw(EnvironmentError, 'the working folder was deleted');
  });
});

import { execFile } from 'node:child_process';
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import { get } from '../support/network/http.ts';
import { useTwoNodes } from '../support/nodes/two-nodes.ts';

const TOOLS = path.join(PACKAGE_ROOT, 'test', 'openapi-tools');

describe('Public tools for OpenAPI', function () {
  this.timeout(600_000);
  const nodes = useTwoNodes();
  let folder: string;

  /** Runs a program of the tools in their folder and returns what it printed. */
  const run = async (command: string, ...args: string[]): Promise<string> => {
    const { stdout, stderr } = await promisify(execFile)(command, args, {
      cwd: folder,
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        FORCE_COLOR: '0',
        REDOCLY_TELEMETRY: 'off',
        REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
      },
      maxBuffer: 64 * 1024 * 1024,
    }).catch((error: { stdout: string; stderr: string; message: string }) => {
      throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`);
    });
    return stdout + stderr;
  };
  const tool = (name: string, ...args: string[]) => run(path.join(folder, 'node_modules', '.bin', name), ...args);

  before('the tools', async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'plantao-openapi-'));
    await cp(TOOLS, folder, { recursive: true });
    for (const name of ['fetch-client', 'hey-client']) {
      await rename(path.join(folder, `${name}.txt`), path.join(folder, `${name}.ts`));
    }
    await run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund');
    const { text } = await get(`${nodes.active.url}/openapi.json`);
    await writeFile(path.join(folder, 'openapi.json'), text);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('accept /openapi.json without a finding: redocly lint and spectral lint', async () => {
    await writeFile(path.join(folder, 'redocly.yaml'), 'extends: [recommended]\n');
    await writeFile(path.join(folder, '.spectral.yaml'), 'extends: ["spectral:oas"]\n');
    const linted = await tool('redocly', 'lint', 'openapi.json');
    expect(linted)
      .to.match(/valid/)
      .and.not.match(/\b[1-9]\d* (?:warning|error|problem)/);
    await tool('spectral', 'lint', '-F', 'hint', 'openapi.json');
  });

  it('generate clients that compile and work against a node: openapi-typescript and @hey-api/openapi-ts', async () => {
    await tool('openapi-typescript', 'openapi.json', '-o', 'schema.d.ts');
    await tool('openapi-ts', '-i', 'openapi.json', '-o', 'client', '-c', '@hey-api/client-fetch');
    const options = ['--target', 'es2023', '--module', 'esnext', '--moduleResolution', 'bundler', '--strict'];
    const checks = ['--noEmit', '--skipLibCheck', '--allowImportingTsExtensions', '--types', 'node'];
    await tool('tsc', ...options, ...checks, 'fetch-client.ts', 'hey-client.ts');
    for (const client of ['fetch-client.ts', 'hey-client.ts']) {
      const printed = await tool('tsx', client, nodes.active.url);
      expect(JSON.parse(printed), client).to.deep.equal([[true], 'group_not_found', 'function']);
    }
  });
});

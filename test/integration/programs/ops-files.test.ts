import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { readSettings } from '../../../src/settings.ts';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const OPS = path.join(PROJECT, '.ops');
const read = (name: string) => readFileSync(path.join(OPS, name), 'utf8');

/** The documents of a YAML file. @throws if one is not valid. */
function documentsOf(name: string): unknown[] {
  return parseAllDocuments(read(name), { merge: true }).map((document) => {
    if (document.errors.length > 0) throw new Error(`${name}: ${document.errors[0]?.message}`);
    return document.toJS();
  });
}

type Env = Record<string, string>;
interface Compose {
  services: Record<string, { environment: Env }>;
}
interface Manifest {
  kind: string;
  stringData: Env;
  spec: {
    serviceName: string;
    replicas: number;
    template: { spec: { containers: { env: { name: string; value?: string }[]; [probe: string]: unknown }[] } };
  };
}

/** Settings that .env.example documents, so every name that src/settings.ts reads. */
const known = new Set(
  readFileSync(path.join(PROJECT, '.env.example'), 'utf8')
    .match(/^(?:# )?[A-Z][A-Z0-9_]+(?==)/gm)
    ?.map((name) => name.replace('# ', '')),
);
const unknownIn = (env: Env) => Object.keys(env).filter((name) => !known.has(name));

describe('The files of .ops:', () => {
  it('are valid YAML or JSON', () => {
    for (const name of readdirSync(OPS)) {
      if (name.endsWith('.yml')) expect(documentsOf(name), name).to.not.deep.equal([]);
      if (name.endsWith('.json')) JSON.parse(read(name));
    }
  });

  it('compose.yml gives two nodes settings that exist and name each other', () => {
    const [compose] = documentsOf('compose.yml') as [Compose];
    const nodes = ['node-a', 'node-b'].map((name) => compose.services[name]?.environment ?? {});
    const secrets = { DATABASE_URL: 'postgres://a:b@database/c', ADMIN_TOKEN: 'x'.repeat(16) };
    for (const env of nodes) {
      expect(unknownIn(env)).to.deep.equal([]);
      // Clients on the host reach the nodes by published ports, not by the names of the nodes.
      expect(env.STANDBY_WRITES).to.equal('forward');
      readSettings({ ...env, ...secrets });
    }
    const [a, b] = nodes.map((env) => readSettings({ ...env, ...secrets }));
    expect([a?.peerUrls, b?.peerUrls]).to.deep.equal([[b?.nodeUrl], [a?.nodeUrl]]);
  });

  it('kubernetes.yml gives two pods settings that exist, an address of their own, and the probes of the health routes', () => {
    const manifests = documentsOf('kubernetes.yml') as Manifest[];
    const secret = manifests.find(({ kind }) => kind === 'Secret')?.stringData ?? {};
    const spec = manifests.find(({ kind }) => kind === 'StatefulSet')?.spec;
    const [container] = spec?.template.spec.containers ?? [];
    const given = Object.fromEntries(container?.env.map(({ name, value = '' }) => [name, value]) ?? []);
    const env = { ...secret, ...given, NODE_NAME: 'plantao-0' };
    expect(unknownIn(env)).to.deep.equal([]);
    const settings = readSettings({ ...env, NODE_URL: given.NODE_URL?.replace('$(NODE_NAME)', 'plantao-0') });
    expect(settings).to.include({ nodeUrl: `http://plantao-0.${spec?.serviceName}:8080`, port: 8080, auth: 'token' });
    expect(spec?.replicas).to.equal(2);
    const paths = ['startupProbe', 'livenessProbe', 'readinessProbe'].map(
      (probe) => (container?.[probe] as { httpGet: { path: string } }).httpGet.path,
    );
    expect(paths).to.deep.equal(['/liveness', '/liveness', '/readiness']);
    const routes = readFileSync(path.join(PROJECT, 'src/http/routes/cluster/control-routes.ts'), 'utf8');
    for (const probe of paths) expect(routes).to.include(`'${probe}'`);
    expect(manifests.map(({ kind }) => kind)).to.include('PodDisruptionBudget');
  });

  it('the Dockerfile runs what the build writes, as a user without privileges, and gets signals', () => {
    const lines = read('Dockerfile').split('\n');
    expect(lines).to.include('CMD ["node", "dist/main.js"]').and.include('USER node');
    const fromBuild = lines.flatMap((line) => /^COPY --from=build \/app\/(\S+) /.exec(line)?.[1] ?? []);
    expect(fromBuild, 'the build bundles the dependencies').to.have.members(['package.json', 'dist', 'migrations']);
    const copied = lines.flatMap((line) => /^COPY (?!--from)(.*) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    for (const name of copied) expect(existsSync(path.join(PROJECT, name)), name).to.equal(true);
    const env = Object.fromEntries(
      lines.flatMap((line) => /^ENV (.*)$/.exec(line)?.[1]?.split(' ') ?? []).map((pair) => pair.split('=')),
    );
    // Not settings of a node.
    const { NODE_ENV: _mode, PLANTAO_NO_DOTENV: _dotenv, ...settings } = env as Env;
    expect(unknownIn(settings)).to.deep.equal([]);
  });

  it('the systemd unit is valid', function () {
    const { error, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path.join(OPS, 'plantao.service')], {
      encoding: 'utf8',
    });
    if (error) {
      console.log('        systemd-analyze is missing: install systemd to check the unit');
      return this.skip();
    }
    const faults = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => line.includes('plantao.service:') && !line.includes('node is not executable'));
    expect(faults).to.deep.equal([]);
  });
});

describe('The npm scripts that run until a signal', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as { scripts: Env };
  for (const name of ['start', 'cluster', 'plantao', 'chat']) {
    it(`${name} replaces the shell, which would not pass on the SIGTERM that npm receives`, () => {
      expect(scripts[name]).to.match(/(^|&& )exec node /);
    });
  }
});

import { access, constants } from 'node:fs/promises';
import type { ServerTools } from '../../src/local-cluster/replicated/server-tools.ts';
import { findServerTools } from '../support/postgres/replica-tools.ts';

/** The programs of a run, with the Debian package that provides each. */
const PROGRAMS = {
  etcd: ['/usr/bin/etcd', 'etcd-server'],
  patroni: ['/usr/bin/patroni', 'patroni'],
  haproxy: ['/usr/sbin/haproxy', 'haproxy'],
} as const;

/** Absolute paths of everything that a run starts. */
export interface Programs {
  etcd: string;
  patroni: string;
  haproxy: string;
  tools: ServerTools;
}

/** Returns the programs, or a sentence that says which packages to install. */
export async function findPrograms(): Promise<Programs | string> {
  const tools = await findServerTools();
  const missing: string[] = tools ? [] : ['postgresql'];
  for (const [path, debianPackage] of Object.values(PROGRAMS)) {
    await access(path, constants.X_OK).catch(() => missing.push(debianPackage));
  }
  if (tools === null || missing.length > 0) {
    return `skipped: this needs Debian's packages ${missing.join(', ')}; install them with apt-get install --no-install-recommends ${missing.join(' ')}`;
  }
  const [etcd, patroni, haproxy] = [PROGRAMS.etcd[0], PROGRAMS.patroni[0], PROGRAMS.haproxy[0]];
  return { etcd, patroni, haproxy, tools };
}

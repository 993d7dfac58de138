import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** The files of a rival as Debian installs them: the folder, the name, and the package that provides it. */
type Files = Record<string, [folder: string, name: RegExp, debianPackage: string]>;

const EJABBERD = {
  erl: ['/usr/bin', /^erl$/, 'erlang-base'],
  schema: ['/usr/share/ejabberd/sql', /^pg\.sql$/, 'ejabberd'],
  libraries: [`/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`, /^ejabberd-/, 'ejabberd'],
  driver: ['/usr/lib/erlang/lib', /^p1_pgsql-/, 'erlang-p1-pgsql'],
} satisfies Files;
const NCHAN = {
  nginx: ['/usr/sbin', /^nginx$/, 'nginx'],
  module: ['/usr/lib/nginx/modules', /^ngx_nchan_module\.so$/, 'libnginx-mod-nchan'],
} satisfies Files;

export type EjabberdPaths = Record<keyof typeof EJABBERD, string>;
export type NchanPaths = Record<keyof typeof NCHAN, string>;

/** The rivals that are installed. */
export interface InstalledRivals {
  ejabberd: EjabberdPaths | null;
  nchan: NchanPaths | null;
  /** A sentence that says which packages to install; null if none is missing. */
  remark: string | null;
}

/** Finds the rivals. Installs nothing. */
export async function findRivals(): Promise<InstalledRivals> {
  const missing: string[] = [];
  const [ejabberd, nchan] = [await pathsOf(EJABBERD, missing), await pathsOf(NCHAN, missing)];
  const names = missing.join(' ');
  const remark = `not every rival is installed: apt-get install --no-install-recommends ${names}`;
  return { ejabberd, nchan, remark: missing.length === 0 ? null : remark };
}

/** Returns the path of each file, or null after it has added the missing packages to `missing`. */
async function pathsOf<Name extends string>(
  files: Record<Name, Files[string]>,
  missing: string[],
): Promise<Record<Name, string> | null> {
  const paths: [string, string][] = [];
  for (const [name, [folder, pattern, debianPackage]] of Object.entries<Files[string]>(files)) {
    const found = (await readdir(folder).catch(() => [])).find((one) => pattern.test(one));
    if (found === undefined) missing.push(debianPackage);
    else paths.push([name, path.join(folder, found)]);
  }
  const isComplete = paths.length === Object.keys(files).length;
  return isComplete ? (Object.fromEntries(paths) as Record<Name, string>) : null;
}

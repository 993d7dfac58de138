import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SqlState, sqlState } from '../../database/errors.ts';
import type { Query } from '../../database/session/run-and-close.ts';
import { withDatabaseName } from '../../database/url/rewrite-url.ts';
import { errorMessage } from '../../error-message.ts';
import { ProveError } from '../prove-error.ts';
import type { RigDatabase } from '../rig/node-rig.ts';
import { withAdminSession } from './admin-session.ts';
import { objectsIn } from './objects-in.ts';

/** The settings of the user: DATABASE_URL and DATABASE_DIRECT_URL. */
export interface DatabaseUrls {
  url: string;
  directUrl: string;
}

/** The state that a run found, and has to restore. */
interface ScratchState {
  name: string;
  /** True if the run created it. */
  isOurs: boolean;
  rolesBefore: readonly string[];
  /** True if it is to stay after the run. */
  keep: boolean;
}

const PREFIX = 'plantao_prove_';
/** The comment on our databases ends with the time until which a run may use it. */
const COMMENT = 'Scratch database of plantao prove; may be dropped after ';
/** Everything that a run creates in a database. */
const SCHEMAS = ['plantao_prove', 'plantao', 'plantao_mutexes'];
/** Roles that the migrations create, for the whole server. */
const ROLES = ['plantao_service', 'plantao_dba_readonly'];
/** How long a removal is retried while PostgreSQL restarts or fails over. */
const REMOVE_TIMEOUT_MS = 20_000;

const quoted = pg.escapeIdentifier;

/** A database for one run: created for it, or an empty one of the user. It is left as it was found. */
export class ScratchDatabase implements RigDatabase {
  readonly name: string;
  readonly url: string;
  readonly directUrl: string | null;
  readonly observerUrl: string;
  /** A sentence that names what could not be removed, and the statement that removes it; null if nothing is left. */
  leftover: string | null = null;
  readonly #adminUrl: string;
  readonly #isOurs: boolean;
  readonly #rolesBefore: readonly string[];
  readonly #keep: boolean;
  #isRemoved = false;

  private constructor(urls: DatabaseUrls, { name, isOurs, rolesBefore, keep }: ScratchState) {
    this.name = name;
    this.#isOurs = isOurs;
    this.#rolesBefore = rolesBefore;
    this.#keep = keep;
    this.#adminUrl = urls.directUrl;
    this.url = withDatabaseName(urls.url, name);
    this.observerUrl = withDatabaseName(urls.directUrl, name);
    this.directUrl = urls.directUrl === urls.url ? null : this.observerUrl;
  }

  /** Creates a database. `forMs`: how long the run may take. @throws {ProveError} if the role may not, or the server's error. */
  static async create(urls: DatabaseUrls, { keep, forMs }: { keep: boolean; forMs: number }): Promise<ScratchDatabase> {
    const name = PREFIX + randomBytes(4).toString('hex');
    return withAdminSession(urls.directUrl, async (query) => {
      const rolesBefore = await existingRoles(query);
      await refuseWithoutRight(query);
      const scratch = new ScratchDatabase(urls, { name, isOurs: true, rolesBefore, keep });
      try {
        await query(`CREATE DATABASE ${quoted(name)} TEMPLATE template0 ENCODING 'UTF8'`);
        const until = new Date(Date.now() + forMs).toISOString();
        await query(`COMMENT ON DATABASE ${quoted(name)} IS ${pg.escapeLiteral(COMMENT + until)}`);
      } catch (error) {
        await scratch.remove();
        throw creationError(error);
      }
      return scratch;
    });
  }

  /** Uses an empty database of the user. @throws {ProveError} if it holds anything. */
  static async use(urls: DatabaseUrls, name: string, keep: boolean): Promise<ScratchDatabase> {
    const url = withDatabaseName(urls.directUrl, name);
    return withAdminSession(url, async (query) => {
      const [role] = await query<{ role: string; may: boolean }>(
        `SELECT current_user AS role, has_database_privilege(current_database(), 'CREATE') AS may`,
      );
      const contents = await objectsIn(query);
      if (contents.length > 0) throw new ProveError(notEmptyError(name, contents));
      if (!role?.may) {
        const grant = `GRANT CREATE ON DATABASE ${quoted(name)} TO ${quoted(role?.role ?? '')}`;
        throw new ProveError(
          `the role ${quoted(role?.role ?? '')} may not create a schema in ${quoted(name)}: ${grant}`,
        );
      }
      return new ScratchDatabase(urls, { name, isOurs: false, rolesBefore: await existingRoles(query), keep });
    }).catch((error) => {
      if (sqlState(error) !== SqlState.UNDEFINED_DATABASE) throw error;
      throw new ProveError(`there is no database ${quoted(name)}. As a DBA: ${createStatement(name, null)}`);
    });
  }

  /** Removes what the run has created. Never rejects: see {@link leftover}. Does nothing the second time. */
  async remove(withinMs = REMOVE_TIMEOUT_MS): Promise<void> {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    if (this.#keep) return;
    const deadline = performance.now() + withinMs;
    for (;;) {
      try {
        await (this.#isOurs ? this.#drop() : this.#empty());
        return;
      } catch (error) {
        if (performance.now() < deadline) await sleep(500);
        else {
          const remedy = this.#isOurs
            ? `DROP DATABASE ${quoted(this.name)}`
            : `in ${quoted(this.name)}, ${DROP_SCHEMAS}`;
          this.leftover = `the database ${quoted(this.name)} could not be cleaned up (${errorMessage(error)}). Clean it up later: ${remedy}`;
          return;
        }
      }
    }
  }

  async #drop(): Promise<void> {
    await withAdminSession(this.#adminUrl, async (query) => {
      await query(`DROP DATABASE IF EXISTS ${quoted(this.name)} WITH (FORCE)`);
      await this.#dropRoles(query);
    });
  }

  async #empty(): Promise<void> {
    await withAdminSession(this.observerUrl, async (query) => {
      await query(DROP_SCHEMAS);
      await this.#dropRoles(query);
      const left = await objectsIn(query);
      if (left.length > 0) this.leftover = `the database ${quoted(this.name)} is not empty: ${left.join(', ')}`;
    });
  }

  /** Drops the roles that the run created. One that another database depends on by now stays: PostgreSQL refuses to drop it. */
  async #dropRoles(query: Query): Promise<void> {
    for (const role of ROLES) {
      if (!this.#rolesBefore.includes(role)) await query(`DROP ROLE IF EXISTS ${quoted(role)}`).catch(() => undefined);
    }
  }
}

const DROP_SCHEMAS = `DROP SCHEMA IF EXISTS ${SCHEMAS.join(', ')} CASCADE`;

/** Drops the databases that killed runs have left. Returns their names. */
export async function removeAbandoned(query: Query): Promise<string[]> {
  const found = await query<{ name: string; comment: string }>(
    `SELECT datname AS name, shobj_description(d.oid, 'pg_database') AS comment FROM pg_database d
     WHERE datname LIKE 'plantao\\_prove\\_________' AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`,
  );
  const removed: string[] = [];
  for (const { name, comment } of found) {
    const until = comment?.startsWith(COMMENT) ? Date.parse(comment.slice(COMMENT.length)) : Number.NaN;
    if (!(until < Date.now())) continue;
    await query(`DROP DATABASE IF EXISTS ${quoted(name)}`).then(
      () => removed.push(name),
      () => undefined,
    );
  }
  return removed;
}

async function existingRoles(query: Query): Promise<string[]> {
  const rows = await query<{ name: string }>('SELECT rolname AS name FROM pg_roles WHERE rolname = ANY ($1)', [ROLES]);
  return rows.map(({ name }) => name);
}

async function refuseWithoutRight(query: Query): Promise<void> {
  const [role] = await query<{ name: string; may: boolean }>(
    'SELECT rolname AS name, rolcreatedb OR rolsuper AS may FROM pg_roles WHERE rolname = current_user',
  );
  if (role?.may) return;
  const name = 'plantao_prove';
  throw new ProveError(
    `the role ${quoted(role?.name ?? '')} may not create a database. As a DBA: ${createStatement(name, role?.name ?? '')}; then run plantao prove --database ${name}`,
  );
}

function createStatement(name: string, owner: string | null): string {
  const owned = owner === null ? '' : ` OWNER ${quoted(owner)}`;
  return `CREATE DATABASE ${quoted(name)}${owned} TEMPLATE template0 ENCODING 'UTF8'`;
}

function notEmptyError(name: string, contents: readonly string[]): string {
  const isLeft = contents.some((one) => one.startsWith('schema plantao_prove'));
  const remedy = isLeft
    ? `If a run of plantao prove was killed there: ${DROP_SCHEMAS}`
    : `Name an empty database, or let plantao prove create one. As a DBA: ${createStatement('plantao_prove', null)}`;
  return `the database ${quoted(name)} is not empty (${contents.join(', ')}), and plantao prove uses only an empty one. ${remedy}`;
}

function creationError(error: unknown): unknown {
  if (sqlState(error) === SqlState.DISK_FULL) return new ProveError("the server's disk is full: free space on it");
  if (sqlState(error) === SqlState.INVALID_PARAMETER) {
    return new ProveError(
      `the server's locale does not allow UTF8 (${errorMessage(error)}). As a DBA: CREATE DATABASE plantao_prove TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'; then run plantao prove --database plantao_prove`,
    );
  }
  return error;
}

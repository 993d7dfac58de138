import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { TABLES } from '../../../src/cli/transfer/format.ts';
import { eventually } from '../../support/eventually.ts';
import { plantao } from '../../support/nodes/command.ts';
import { programOf } from '../../support/nodes/node-build.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

const PEOPLE = `
  INSERT INTO plantao.users (username, password_hash) VALUES ('ana', 'a hash'), ('bruno', NULL), ('Zoë "z" \\', NULL);
  INSERT INTO plantao.groups (name, creator_id) VALUES ('Grupo Geral', 1), ('Outro', 2), ('ana, bruno', 1);
  UPDATE plantao.groups SET direct_low = 1, direct_high = 2 WHERE id = 3;
  INSERT INTO plantao.memberships (group_id, user_id, role) VALUES (1, 2, 'owner'), (1, 1, 'member'), (2, 3, 'member'), (3, 1, 'member'), (3, 2, 'member');
  INSERT INTO plantao.messages (group_id, sender_id, content, meta)
    SELECT 1, 1 + n % 2, E'line ' || n || E'\\n"\\u2028 Olá 👍', CASE WHEN n % 3 = 0 THEN '{"a": [1, null, "x"]}'::jsonb END FROM generate_series(1, 11000) n;
  INSERT INTO plantao.messages (group_id, sender_id, content, reply_to_id) VALUES (1, 2, 'a reply', 5);
  SELECT set_config('plantao.edit_history', pg_current_xact_id()::text, true);
  UPDATE plantao.messages SET content = 'edited' WHERE id = 7;
  INSERT INTO plantao.reactions (message_id, user_id, emoji) VALUES (5, 1, '👍'), (5, 2, '👍');
  DELETE FROM plantao.memberships WHERE group_id = 2 AND user_id = 3;
  INSERT INTO plantao.identities (issuer, subject, user_id, revoked_before) VALUES ('https://login.example', 'u"1', 3, '2026-01-01 UTC');
`;

describe('The commands of plantao:', function () {
  this.timeout(180_000);
  let folder: string;
  let source: TestDatabase;
  let target: TestDatabase;
  let file: string;
  const clients = new Map<TestDatabase, pg.Client>();

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'plantao transfer '));
    file = path.join(folder, 'all.jsonl');
    [source, target] = [await createDatabase(), await createDatabase()];
    for (const database of [source, target]) {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      clients.set(database, client);
    }
    await sql(source, PEOPLE);
  });
  after(async () => {
    for (const [database, client] of clients) {
      await client.end();
      await database.drop();
    }
    await rm(folder, { recursive: true, force: true });
  });

  const sql = async (database: TestDatabase, text: string) => (await clients.get(database)?.query(text))?.rows ?? [];
  const rowsOf = (database: TestDatabase, table: string) =>
    sql(database, `SELECT to_jsonb(t) AS row FROM plantao.${table} t ORDER BY t::text`);
  const load = (content: string) => plantao(['import', '--database', target.url], {}, content);

  it('export writes a file that only its owner reads, and overwrites none', async () => {
    const done = await plantao(['export', file, '--database', source.url]);
    expect(done.exit, done.errors).to.equal(0);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    const again = await plantao(['export', file, '--database', source.url]);
    expect(again).to.include({ exit: 1 });
    expect(again.errors).to.match(/ exists: delete it, .* or name another file\n$/);
    const bare = await plantao(['export', '--without-passwords', '--database', source.url]);
    expect(bare.output).to.not.include('a hash');
    expect(bare.output.split('\n')).to.have.length((await readFile(file, 'utf8')).split('\n').length);
  });

  it('export fails with a sentence when the reader of its output closes the pipe', async () => {
    const child = spawn(process.execPath, [...programOf('cli/plantao'), 'export', '--database', source.url], {
      env: { PATH: process.env.PATH ?? '', PLANTAO_NO_DOTENV: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (text) => (errors += text));
    child.stdout.once('data', () => child.stdout.destroy());
    const [exit] = await once(child, 'close');
    // Progress may come before it.
    expect(errors).to.match(/(^|\n)standard output cannot be written: write EPIPE\n$/);
    expect(exit).to.equal(1);
  });

  it('export leaves no part of a file behind when it is interrupted', async () => {
    const part = path.join(folder, 'part.jsonl');
    await sql(source, 'BEGIN; LOCK plantao.users');
    try {
      const child = spawn(process.execPath, [...programOf('cli/plantao'), 'export', part, '--database', source.url], {
        env: { PATH: process.env.PATH ?? '', PLANTAO_NO_DOTENV: '1' },
        stdio: 'ignore',
      });
      const ended = once(child, 'close');
      await eventually('the export has created its file', async () => (await stat(part).catch(() => null)) !== null, {
        within: 30_000,
      });
      child.kill('SIGINT');
      expect(await ended).to.deep.equal([130, null]);
      expect(await stat(part).catch(() => null)).to.equal(null);
    } finally {
      await sql(source, 'ROLLBACK');
    }
  });

  it('import refuses a file that is damaged, incomplete or of another kind, and stores nothing of it', async () => {
    const whole = await readFile(file, 'utf8');
    const lines = whole.trimEnd().split('\n');
    const at = lines.findIndex((line) => line.includes('"table":"messages"')) + 8000;
    for (const [content, sentence] of [
      ['', /the file is incomplete/],
      ['{}', /^line 1 is not the header/m],
      [lines.slice(0, -1).join('\n'), /the file is incomplete/],
      [lines.toSpliced(at, 1).join('\n'), /the last line says \d+ rows, but the file has \d+/],
      [lines.toSpliced(at, 1, 'x').join('\n'), new RegExp(`^line ${at + 1} is not a row`, 'm')],
      [
        lines.toSpliced(at, 1, lines[at + 1] ?? '').join('\n'),
        new RegExp(`^line ${at + 2} \\(messages\\) was refused.* unique .*\\(id\\)=\\(${8002}\\) already exists`, 'm'),
      ],
      [
        lines.toSpliced(at, 1, (lines[at] ?? '').replace(/"sender_id": \d+/, '"sender_id": 99')).join('\n'),
        new RegExp(`^line ${at + 1} \\(messages\\) was refused.*foreign key.*\\(sender_id\\)=\\(99\\)`, 'm'),
      ],
      [lines.toSpliced(1, 1, '{"table":"users","row":{"id":1,"is_admin":true}}').join('\n'), /has no column is_admin/],
      [lines.toSpliced(1, 1, '{"table":"tokens","row":{"id":1}}').join('\n'), /^line 2 is not a row of a table/m],
    ] as const) {
      const result = await load(content);
      expect(result.exit, String(sentence)).to.equal(1);
      expect(result.errors).to.match(sentence);
    }
    expect(await sql(target, 'SELECT FROM plantao.users')).to.have.length(0);
  });

  it('import blocks no posts, and leaves nothing behind when it is interrupted', async () => {
    const other = await createDatabase();
    const client = new pg.Client({ connectionString: other.url });
    await client.connect();
    const child = spawn(process.execPath, [...programOf('cli/plantao'), 'import', '--database', other.url], {
      env: { PATH: process.env.PATH ?? '', PLANTAO_NO_DOTENV: '1' },
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const ended = once(child, 'close');
    try {
      // The transaction is open until the input ends.
      child.stdin.write(await readFile(file));
      await eventually(
        'the import has inserted messages',
        async () => {
          const { rows } = await client.query(
            `SELECT FROM pg_locks JOIN pg_database d ON d.oid = database AND d.datname = current_database()
             WHERE relation = 'plantao.messages_pkey'::regclass AND mode = 'RowExclusiveLock'`,
          );
          return rows.length > 0;
        },
        { within: 30_000 },
      );
      await client.query(`SET lock_timeout = '5s';
        INSERT INTO plantao.users (username) VALUES ('new');
        INSERT INTO plantao.groups (name) VALUES ('new');
        INSERT INTO plantao.messages (group_id, sender_id, content) SELECT g.id, u.id, 'posted' FROM plantao.groups g, plantao.users u`);
      const { rows } = await client.query('SELECT id::int, group_id::int, sender_id::int FROM plantao.messages');
      expect(rows, 'behind the ids of the file').to.deep.equal([{ id: 11_002, group_id: 4, sender_id: 4 }]);
      child.kill('SIGKILL');
      await ended;
      expect((await client.query('SELECT FROM plantao.users')).rows).to.have.length(1);
    } finally {
      child.kill('SIGKILL');
      await ended;
      await client.end();
      await other.drop();
    }
  });

  it('import restores every row, and the next ids come after the imported ones', async () => {
    const done = await plantao(['import', file, '--json', '--database', target.url]);
    expect(done.exit, done.errors).to.equal(0);
    expect(JSON.parse(done.output).rows).to.be.greaterThan(11_000);
    expect(await sql(target, 'SELECT kind, count(*)::int FROM plantao.events GROUP BY kind')).to.deep.equal([
      { kind: 'joined', count: 4 },
    ]);
    expect(await sql(target, 'SELECT is_complete, behind::int FROM plantao.search_status')).to.deep.equal([
      { is_complete: false, behind: 0 },
    ]);
    for (const table of [...TABLES, 'reaction_counts']) {
      expect(await rowsOf(source, table), table).to.not.be.empty;
      expect(await rowsOf(target, table), table).to.deep.equal(await rowsOf(source, table));
    }
    const next = "INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'next') RETURNING id::int";
    expect(await sql(target, next)).to.deep.equal([{ id: 11_002 }]);
    const again = await plantao(['import', file, '--database', target.url]);
    expect(again).to.include({ exit: 1 });
    expect(again.errors).to.match(/^this database has users or groups already/);
  });

  it('erase-user deletes an account only with --yes', async () => {
    const run = (...args: string[]) => plantao(['erase-user', ...args, '--database', target.url]);
    expect(await run('nobody', '--yes')).to.include({ exit: 1, errors: 'there is no user "nobody"\n' });
    const asked = await run(' ANA ');
    expect(asked).to.include({ exit: 2 });
    expect(asked.errors).to.match(/^this would anonymise ana \(id 1\): add --yes/);
    expect(await run('ana', '--yes')).to.include({ exit: 0, output: 'ana (id 1) is deleted\n' });
    expect(
      await sql(target, 'SELECT username LIKE $$deleted-1-%$$ AS is_so FROM plantao.users WHERE id = 1'),
    ).to.deep.equal([{ is_so: true }]);
    expect(await run('bruno', '--yes', '--mode', 'erase')).to.include({ exit: 0 });
    expect(await sql(target, 'SELECT FROM plantao.messages WHERE sender_id = 2')).to.have.length(0);
  });

  it('import accepts a file that was written by hand, with the columns that it has', async () => {
    const other = await createDatabase();
    try {
      await writeFile(
        path.join(folder, 'hand.jsonl'),
        `{"plantao_export":1,"rows":{}}
{"table":"users","row":{"id":7,"username":"ana"}}
{"table":"users","row":{"id":8,"username":"bruno","created_at":"2020-01-01T00:00:00Z"}}
{"table":"groups","row":{"id":3,"name":"Geral","creator_id":7}}
{"table":"memberships","row":{"group_id":3,"user_id":7}}
{"table":"messages","row":{"id":12,"group_id":3,"sender_id":7,"content":"Olá"}}
{"end":true,"rows":5}
`,
      );
      const done = await plantao(['import', path.join(folder, 'hand.jsonl'), '--database', other.url]);
      expect(done.exit, done.errors).to.equal(0);
    } finally {
      await other.drop();
    }
  });
});

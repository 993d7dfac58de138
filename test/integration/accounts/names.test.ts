import { expect } from 'chai';
import type pg from 'pg';
import { nameKey } from '../../../src/chat/users/names.ts';
import { get, type JsonObject, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { DbaSession } from '../../support/postgres/dba-session.ts';
import { testServer, withDatabase } from '../../support/postgres/test-server.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

const written = (name: string) =>
  JSON.stringify(name).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);

/** Names with characters that are invisible by themselves, each with the same name as a careless keyboard writes it. */
const RIGHTFUL: [name: string, without: string][] = [
  ['👩\u200d💻 devs', '👩💻 devs'],
  ['👩🏽\u200d🚀', '👩🏽🚀'],
  ['❤\ufe0f\u200d🔥', '❤🔥'],
  ['☎\ufe0f ajuda', '☎ ajuda'],
  ['1\ufe0f\u20e3 um', '1\u20e3 um'],
  ['علی\u200cرضا', 'علیرضا'],
  ['می\u200cخواهم', 'میخواهم'],
  ['क्\u200dष', 'क्ष'],
  ['क्\u200cषा', 'क्षा'],
  ['ශ්\u200dරී', 'ශ්රී'],
  ['葛\u{e0100}城', '葛城'],
];
const HIDDEN = [
  'a\u200cna',
  'ana\u200d',
  '\u200dana',
  'an\u200ba',
  // Alef does not join to its left, so the character after it changes nothing.
  'رضا\u200cعلی',
  'ب\u200dب',
  '👩\u200dx',
  '👩\u200d',
  '👩\u200d\u200d💻',
  '\u202eana',
  'ana\u200e',
  'ana\u200f',
  '\u2066ana\u2069',
  'a\u061cna',
  'a\u00adna',
  'a\u034fna',
  'a\u2060na',
  'a\ufeffna',
  'a\u3164na',
  'ana\u2800',
  'a\u{e0061}na',
  'a\ufff9na',
  'ana\ufffc',
  'a\u{13430}na',
  'a\u{13440}na',
  'a\u{16fe4}na',
  'ana\ufdd0',
  'ana\u{10ffff}',
  'a\u0007na',
];

describe('Names', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes();
  const on = (path: string) => nodes.active.url + path;
  const logIn = (username: string) => post(on('/login'), { username });
  const create = (groupName: string) => post(on('/create-chat'), { groupName, creatorId: 1 });

  it('keep joiners and variation selectors that change their appearance, and are returned as written', async () => {
    for (const [name] of RIGHTFUL) {
      const { status, body } = await logIn(name);
      expect([status, body.username], written(name)).to.deep.equal([200, name]);
      const group = await create(name);
      expect([group.status, group.body.group_name], written(name)).to.deep.equal([200, name]);
      const topic = encodeURIComponent(name);
      const notified = await post<{ cursor: string }>(on(`/notify/${topic}`), {});
      expect(notified.status, written(name)).to.equal(200);
      const poll = on(`/subscribe/status?timeout=0&group=${topic}&cursor=${notified.body.cursor}`);
      expect((await get(poll)).status, written(name)).to.equal(204);
    }
  });

  it('are refused with invisible characters elsewhere', async () => {
    for (const name of HIDDEN) {
      for (const { status, body } of [await logIn(name), await create(name)]) {
        expect([status, body.code], written(name)).to.deep.equal([400, 'invalid_request']);
        expect(body.error, written(name)).to.match(/must not contain control characters or invisible ones/);
      }
    }
  });

  it('lose variation selectors that have no effect', async () => {
    for (const [typed, kept] of [
      ['sele\ufe0fct', 'select'],
      ['12\ufe0f', '12'],
    ] as const) {
      expect((await logIn(typed)).body.username).to.equal(kept);
      expect((await create(typed)).body.group_name).to.equal(kept);
    }
  });

  it('of users cannot differ by invisible characters only', async () => {
    for (const [name, without] of RIGHTFUL) {
      const [one, other] = [await logIn(name), await logIn(without)];
      expect(other.body.user_id, written(name)).to.equal(one.body.user_id);
      const { body } = await post(on('/create-chat'), { groupName: 'x', creatorId: 1, members: [without] });
      expect((body.members as JsonObject[]).map(({ id }) => id)).to.include(one.body.user_id);
    }
  });
});

describe('plantao.name_key', function () {
  this.timeout(60_000);
  const { sql, database } = useDatabase();

  const keysOf = async (names: string[], dba = sql) => {
    const query =
      'SELECT plantao.name_key(name) AS key FROM unnest($1::text[]) WITH ORDINALITY AS n (name, at) ORDER BY at';
    return (await dba.query<{ key: string }>(query, [names])).rows.map(({ key }) => key);
  };
  /** Returns true if databases may have locales of ICU: not before PostgreSQL 15, or in a build without it. */
  const knowsLocales = async () => {
    const [server] = await sql.rows<{ known: boolean }>(
      `SELECT current_setting('server_version_num')::int >= 150000
              AND EXISTS (SELECT FROM pg_collation WHERE collname = 'tr-x-icu') AS known`,
    );
    return server?.known === true;
  };
  /** Returns the keys in a database with this locale of ICU, which has a copy of the function. */
  const keysIn = async (locale: string, names: string[]) => {
    const [original] = await sql.rows<{ text: string }>(
      "SELECT pg_get_functiondef('plantao.name_key(text)'::regprocedure) AS text",
    );
    const { admin, adminUrl } = await testServer();
    const name = `${database.name}_${locale}`;
    const options = `TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE '${locale}'`;
    await admin(`CREATE DATABASE ${name} ${options}`);
    const dba = new DbaSession(() => withDatabase(adminUrl, name));
    try {
      await dba.connect();
      await dba.query(`CREATE SCHEMA plantao; ${original?.text}`);
      return await keysOf(names, dba);
    } finally {
      await dba.end();
      await admin(`DROP DATABASE ${name}`);
    }
  };
  const expectRefused = async (name: string, constraint: RegExp) => {
    const insert = sql.query('INSERT INTO plantao.users (username) VALUES ($1)', [name]);
    expect(
      await insert.then(String, (error: pg.DatabaseError) => error.constraint),
      written(name.slice(0, 9)),
    ).to.match(constraint);
  };

  it('drops every invisible character, as its copy in TypeScript does', async () => {
    const names: string[] = [];
    for (let point = 1; point <= 0x10ffff; point++) {
      if (point === 0xd800) point = 0xe000;
      const character = String.fromCodePoint(point);
      const isHidden = /[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u.test(character);
      // Of the visible characters, one in a hundred. Their lower case does not matter here.
      if (isHidden || point % 100 === 0) names.push(`a${character}b`);
    }
    expect(names.length).to.be.above(5000);
    const keys = await keysOf(names);
    const without = (key: string) => ['ab', 'a b'].indexOf(key);
    const different = names.filter((name, at) => without(keys[at] ?? '') !== without(nameKey(name)));
    expect(different.map(written)).to.deep.equal([]);
  });

  it('ignores invisible characters between a letter and its mark', async () => {
    for (const invisible of ['\u034f', '\u200d', '\u200c', '\ufe0f', '\uffa0', '']) {
      expect(await keysOf([` Jose${invisible}\u0301 \t`]), written(invisible)).to.deep.equal(['josé']);
    }
  });

  it('is the same for both forms of the Greek sigma, whose capital is one, as in its copy in TypeScript', async () => {
    const names = ['σοφος', 'σοφοσ', 'Νίκος Σ', 'Νίκοσ ς'];
    const keys = ['σοφοσ', 'σοφοσ', 'νίκοσ σ', 'νίκοσ σ'];
    expect(await keysOf(names)).to.deep.equal(keys);
    expect([...names, 'ΣΟΦΟΣ'].map(nameKey)).to.deep.equal([...keys, 'σοφοσ']);
  });

  it('is the same in every locale of the database, in Turkish and Lithuanian too, as in its copy in TypeScript', async function () {
    if (!(await knowsLocales())) return this.skip();
    const names = ['IRIS', 'İris', 'I\u0307ris', 'TITI J\u0300', 'Įsteigė', 'ÌÍĨ', 'Ị\u0307'];
    const keys = ['iris', 'iris', 'iris', 'titi j\u0300', 'įsteigė', 'ìíĩ', 'ị\u0307'];
    expect(await keysOf(names)).to.deep.equal(keys);
    expect(names.map(nameKey)).to.deep.equal(keys);
    // Every letter up to the end of Latin Extended Additional, where the capitals with marks end.
    const letters = Array.from({ length: 0x1eff - 0x40 }, (_, at) => String.fromCodePoint(0x41 + at));
    const all = [...names, ...letters];
    const inEnglish = await keysIn('en', all);
    expect(inEnglish.slice(0, names.length)).to.deep.equal(keys);
    for (const locale of ['tr', 'az', 'lt']) expect(await keysIn(locale, all), locale).to.deep.equal(inEnglish);
  });

  it('returns no key for an invisible name, and the row is refused', async () => {
    for (const name of ['\u200d', '\u2800\u200b', '\ufe0f \u3164']) await expectRefused(name, /^users_username/);
  });

  it('does no work for text longer than a name, which a check refuses at once', async () => {
    for (const name of [
      `a${'\u0301'.repeat(200_000)}${'\u0327'.repeat(200_000)}`,
      '\ufdfa'.repeat(300_000),
      'x'.repeat(65),
    ]) {
      const startedAt = performance.now();
      await expectRefused(name, /^users_username_check$/);
      expect(performance.now() - startedAt).to.be.below(2000);
    }
  });
});

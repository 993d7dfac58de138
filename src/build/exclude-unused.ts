import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plugin } from 'esbuild';

/** Files of dependencies that the programs of the build use only in part or not at all, and their smaller replacements. */
const REPLACEMENTS: readonly { file: RegExp; text: string | ((code: string) => string) }[] = [
  // Removes all time zones: the node stores and sends times in UTC.
  {
    file: /moment-timezone\/data\/packed\/latest\.json$/,
    text: '{"version":"","zones":[],"links":[],"countries":[]}',
  },
  // Removes the other databases that Sequelize supports.
  {
    file: /sequelize\/lib\/dialects\/(db2|mariadb|mssql|mysql|oracle|snowflake|sqlite)\/index\.js$/,
    text: 'module.exports = {};',
  },
  // Sequelize clones the whole validator module, but calls only these functions.
  {
    file: /validator\/index\.js$/,
    text: onlyOf('isBoolean isEmpty isFloat isIP isIPRange isIn isInt isLength isMACAddress isURL isUUID', 'default'),
  },
  // V8 keeps a whole source at two bytes a character if one character is beyond Latin-1. Here such characters are in
  // regular expressions, which esbuild does not escape.
  { file: /validator\/lib\/alpha\.js$/, text: (code) => code.replace(/[^\0-\x7f]/g, escaped) },
  // Removes the geometries of PostGIS.
  { file: /wkx\/lib\/wkx\.js$/, text: 'module.exports = {};' },
  // Express refers to its body parsers, which load tables of forty character sets. This service reads bodies itself.
  {
    file: /body-parser\/index\.js$/,
    text: `const excluded = () => { throw new Error('the build excludes body-parser: see exclude-unused.ts'); };
      module.exports = { json: excluded, raw: excluded, text: excluded, urlencoded: excluded };`,
  },
  {
    file: /\/qs\/lib\/index\.js$/,
    text: "module.exports = { parse() { throw new Error('the build excludes qs: see exclude-unused.ts'); } };",
  },
  // Removes media types without a file name extension; neither Express nor send looks them up.
  { file: /mime-db\/db\.json$/, text: withExtensions },
  // Removes counters in other databases.
  { file: /rate-limiter-flexible\/index\.js$/, text: onlyOf('RateLimiterMemory RateLimiterRes') },
  // Removes error messages in forty languages.
  { file: /zod\/v4\/locales\/index\.js$/, text: 'export { default as en } from "./en.js";' },
  // pg creates a Response to detect Cloudflare, for which Node.js 20 loads its whole HTTP client.
  { file: /pg\/lib\/stream\.js$/, text: (code) => replaced(code, 'if (isCloudflareRuntime())', 'if (false)') },
  // pg-format loads a file beside it, which esbuild bundles only if its path is a literal.
  {
    file: /pg-format\/lib\/index\.js$/,
    text: (code) => replaced(code, "require(__dirname + '/reserved.js')", "require('./reserved.js')"),
  },
];

/** Returns only the media types that have a file name extension. */
function withExtensions(types: string): string {
  const entries = Object.entries<{ extensions?: string[] }>(JSON.parse(types));
  return JSON.stringify(Object.fromEntries(entries.filter(([, { extensions }]) => extensions)));
}

function escaped(codeUnit: string): string {
  return `\\u${codeUnit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Returns an index file of a dependency in CommonJS that has only these of the files in its `lib/`. */
function onlyOf(names: string, exported?: string): string {
  const from = (name: string) => `require('./lib/${name}')${exported ? `.${exported}` : ''}`;
  return `module.exports = { ${names.split(' ').map((name) => `${name}: ${from(name)}`)} };`;
}

/** Keeps unused code out of the build: a node would read and parse it at each start, and keep it in memory. */
export const excludeUnused: Plugin = {
  name: 'exclude-unused',
  setup(build) {
    for (const { file, text } of REPLACEMENTS) {
      build.onLoad({ filter: file }, async (given) => ({
        contents: typeof text === 'string' ? text : text(await readFile(given.path, 'utf8')),
        loader: path.extname(given.path) === '.json' ? 'json' : 'js',
      }));
    }
  },
};

/** @throws if a new version of the dependency does not contain `part`. */
function replaced(code: string, part: string, by: string): string {
  if (!code.includes(part)) throw new Error(`the dependency no longer contains ${part}: update exclude-unused.ts`);
  return code.replace(part, by);
}

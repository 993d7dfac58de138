import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Plugin } from 'esbuild';

/** Files of dependencies that the programs of the build use only in part or not at all, and their smaller replacements. */
const REPLACEMENTS: readonly { file: RegExp; text: string | ((code: string) => string) }[] = [
  // All time zones of the world; the node stores and sends times in UTC.
  {
    file: /moment-timezone\/data\/packed\/latest\.json$/,
    text: '{"version":"","zones":[],"links":[],"countries":[]}',
  },
  // The other databases that Sequelize knows.
  {
    file: /sequelize\/lib\/dialects\/(db2|mariadb|mssql|mysql|oracle|snowflake|sqlite)\/index\.js$/,
    text: 'module.exports = {};',
  },
  // The sentences of errors in forty languages.
  { file: /zod\/v4\/locales\/index\.js$/, text: 'export { default as en } from "./en.js";' },
  // It creates a Response to detect Cloudflare, for which Node.js 20 loads its whole HTTP client.
  { file: /pg\/lib\/stream\.js$/, text: (code) => replaced(code, 'if (isCloudflareRuntime())', 'if (false)') },
  // A sibling file, which esbuild bundles only if its path is a literal.
  {
    file: /pg-format\/lib\/index\.js$/,
    text: (code) => replaced(code, "require(__dirname + '/reserved.js')", "require('./reserved.js')"),
  },
];

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

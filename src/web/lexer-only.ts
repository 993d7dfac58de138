import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** The end of marked's module: the instance behind its functions, which renders HTML, and the exports. */
const TAIL = /;var \w+=new \w+;function (?:(?!;export).)*;export\{(?<names>[^}]*)\};/s;

/**
 * Leaves out of marked what renders HTML, a fifth of it: the pages use its lexer alone, and a bundler keeps the rest because
 * the module creates an instance. A version of marked that looks different is bundled as a whole.
 */
export const lexerOnly: Plugin = {
  name: 'lexer-only',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]marked\.esm\.js$/ }, async ({ path }) => {
      const whole = await readFile(path, 'utf8');
      return { contents: whole.replace(TAIL, withoutInstance), loader: 'js' };
    });
  },
};

function withoutInstance(tail: string, names: string): string {
  const kept = names.split(',').filter((name) => / as (?:Lexer|Tokenizer)$/.test(name));
  return kept.length === 2 ? `;export{${kept.join(',')}};` : tail;
}

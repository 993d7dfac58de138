import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** The end of marked's module: the instance behind its functions, which renders HTML, and the exports. */
const TAIL = /;var \w+=new \w+;function (?:(?!;export).)*;export\{(?<names>[^}]*)\};/s;

/** The rules of an older Markdown, which no page uses. */
const PEDANTIC = /,(\w+)=\{\.\.\.\w+,html:\w+\(`[\s\S]*?getRegex\(\)\},/;

/**
 * Leaves out the part of marked that renders HTML, a fifth of it: the pages use only its lexer. The bundler alone would keep that
 * part, because the module creates an instance of it. If the module of another version ends differently, it is bundled as a whole.
 */
export const lexerOnly: Plugin = {
  name: 'lexer-only',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]marked\.esm\.js$/ }, async ({ path }) => {
      const whole = await readFile(path, 'utf8');
      return { contents: whole.replace(TAIL, withoutInstance).replace(PEDANTIC, ',$1={},'), loader: 'js' };
    });
  },
};

function withoutInstance(tail: string, names: string): string {
  const kept = names.split(',').filter((name) => / as (?:Lexer|Tokenizer)$/.test(name));
  return kept.length === 2 ? `;export{${kept.join(',')}};` : tail;
}

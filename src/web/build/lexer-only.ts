import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** The end of marked's module: the instance behind its functions, which renders HTML, and the exports. */
const TAIL = /;var \w+=new \w+;function (?:(?!;export).)*;export\{(?<names>[^}]*)\};/s;

/** The rules of an older Markdown, which no page uses. */
const PEDANTIC = /,(\w+)=\{\.\.\.\w+,html:\w+\(`[\s\S]*?getRegex\(\)\},/;

/** Runs of neighbouring methods of marked's tokenizer that the pages override: the first, and the method after the last. */
const OVERRIDDEN = [
  ['code', 'fences'],
  ['heading', 'blockquote'],
  ['html', 'paragraph'],
  ['tag', 'link'],
  ['reflink', 'emStrong'],
] as const;

/**
 * Leaves out the part of marked that renders HTML, a fifth of it, and the methods that the pages override: they use only its lexer.
 * The bundler alone would keep that part, because the module creates an instance of it. If the module of another version looks
 * different, more of it is bundled.
 */
export const lexerOnly: Plugin = {
  name: 'lexer-only',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]marked\.esm\.js$/ }, async ({ path }) => {
      const whole = await readFile(path, 'utf8');
      const lexer = whole.replace(TAIL, withoutInstance).replace(PEDANTIC, ',$1={},');
      return { contents: OVERRIDDEN.reduce(withoutMethods, lexer), loader: 'js' };
    });
  },
};

function withoutInstance(tail: string, names: string): string {
  const kept = names.split(',').filter((name) => / as (?:Lexer|Tokenizer)$/.test(name));
  return kept.length === 2 ? `;export{${kept.join(',')}};` : tail;
}

function withoutMethods(source: string, [first, next]: readonly [first: string, next: string]): string {
  return source.replace(new RegExp(`(?<=\\})${first}\\(\\w+(?:,\\w+)*\\)\\{.*?\\}(?=${next}\\()`, 's'), '');
}

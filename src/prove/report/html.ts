import { escapeHtml } from '../../text/escape-html.ts';

/** Markup that needs no further escaping. */
export interface Html {
  readonly html: string;
}

type Part = string | number | Html | readonly Html[] | null;

/** A template whose values are escaped, unless they are {@link Html} themselves. */
export function html(texts: TemplateStringsArray, ...values: readonly Part[]): Html {
  const parts = texts.map((text, at) => text + (at < values.length ? shown(values[at] ?? null) : ''));
  return { html: parts.join('') };
}

function shown(value: Part): string {
  if (value === null) return '';
  if (typeof value === 'string' || typeof value === 'number') return escapeHtml(String(value));
  return 'html' in value ? value.html : value.map((one) => one.html).join('');
}

import { escapeHtml } from '../../text/escape-html.ts';
import type { JsonSchema } from '../contract/json-schema.ts';
import { inline } from './html.ts';
import { typeOf } from './schema-text.ts';
import { commandOf, formOf, type Located, needsToken } from './try-it.ts';

/** Returns one operation as HTML: its parameters, a command line, an example response, and a form that sends the request. */
export function sectionOf(located: Located, url: string): string {
  const { method, path, operation } = located;
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const words = [
    description,
    ...parameters.map(({ name }) => name),
    ...bodyFieldsOf(requestBody).map(([name]) => name),
  ].join(' ');
  const title = `${method.toUpperCase()} ${path} ${summary}`;
  return `<section id="${operationId}" data-title="${escapeHtml(title)}" data-text="${escapeHtml(words)}">
<h3><a href="#${operationId}"><b class="${method}">${method.toUpperCase()}</b> ${escapeHtml(path)}</a></h3>
<p>${inline(description ?? summary)}${needsToken(operation) ? ' <strong>Requires a token.</strong>' : ''}</p>
${fieldTable([...parameters.map((one): Row => [one.name, one.in, one.required, one.schema, one.description]), ...bodyRows(requestBody)])}
<div class="curl">${commandOf(located, url)}<button type="button" class="copy secondary small">Copy</button></div>
${responseExample(responses)}
<p class="answers">${Object.entries(responses).map(responseOf).join(' · ')}</p>
${formOf(located)}
</section>`;
}

type Row = [name: string, place: string, required: boolean, schema: JsonSchema, note?: string | undefined];

/** Returns the parameters and the fields of the body as one table; nothing for an operation that takes none. */
function fieldTable(rows: Row[]): string {
  if (rows.length === 0) return '';
  const line = ([name, place, required, schema, note]: Row) =>
    `<tr><td><code>${escapeHtml(name)}</code></td><td>${place}${required ? ', required' : ''}</td><td>${typeOf(schema)}${note ? `. ${inline(note)}` : ''}</td></tr>`;
  return `<div class="table"><table><thead><tr><th>Name</th><th>In</th><th>Description</th></tr></thead><tbody>${rows.map(line).join('')}</tbody></table></div>`;
}

function bodyRows(requestBody: JsonSchema | undefined): Row[] {
  return bodyFieldsOf(requestBody).map(([name, one, isRequired]) => [
    name,
    'JSON body',
    isRequired,
    one,
    String(one.description ?? ''),
  ]);
}

/** Returns the fields of a JSON body; none without a body. */
function bodyFieldsOf(requestBody: JsonSchema | undefined): [name: string, schema: JsonSchema, isRequired: boolean][] {
  const { content } = (requestBody ?? { content: {} }) as { content: Record<string, { schema: JsonSchema }> };
  const { properties = {}, required = [] } = (content['application/json']?.schema ?? {}) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, one]) => [name, one, required.includes(name)]);
}

interface Response {
  $ref?: string;
  content?: Record<string, { schema: JsonSchema; example?: unknown }>;
}

/** Returns the example of the first response that has one. */
function responseExample(responses: Record<string, JsonSchema>): string {
  for (const [status, response] of Object.entries(responses)) {
    const [body] = Object.values((response as Response).content ?? {});
    if (body?.example === undefined) continue;
    return `<details class="example"><summary>Response ${status}</summary><pre>${escapeHtml(typeof body.example === 'string' ? body.example : JSON.stringify(body.example, null, 2))}</pre></details>`;
  }
  return '';
}

function responseOf([status, response]: [string, JsonSchema]): string {
  const { $ref, content } = response as Response;
  if ($ref) return `<a href="#guide-errors">${status}</a>`;
  const [type = '', body] = Object.entries(content ?? {})[0] ?? [];
  const what = body?.schema.$ref ? typeOf(body.schema) : escapeHtml(type);
  return `<strong>${status}</strong>${what ? ` ${what}` : ''}`;
}

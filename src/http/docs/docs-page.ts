/** `/docs`: the OpenAPI document for people, as one page of HTML. Its script adds the filter and the forms (src/web/docs.ts). */
import { anchorOf, inline, markdown, text } from './html.ts';
import type { JsonSchema } from './json-schema.ts';
import type { OpenApi } from './openapi.ts';
import { curlOf, formOf, type Located, needsToken } from './try-it.ts';

/** Returns the page. It loads only files of this node; `url` is the address of the node. */
export function docsPageOf(document: OpenApi, url: string): string {
  const { title, version, description } = document.info as Record<string, string>;
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = document.tags as { name: string; description: string }[];
  const sections = tags.map((tag) => ({
    ...tag,
    operations: all.filter(({ operation }) => operation.tags[0] === tag.name),
  }));
  const { schemas, responses } = document.components as Record<string, Record<string, JsonSchema>>;
  const guide = [...(description ?? '').matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(title)} API</title>
<link rel="stylesheet" href="docs.css">
<script type="module" src="assets/docs.js"></script>
</head>
<body>
<nav aria-label="Contents">
<label>Filter <input id="filter" type="search" autocomplete="off"></label>
<ul>${guide.map((heading) => `<li><a href="#${anchorOf(heading)}">${text(heading)}</a></li>`).join('\n')}</ul>
${sections.map(({ name, operations }) => `<h2>${text(name)}</h2><ul>${operations.map(linkTo).join('\n')}</ul>`).join('\n')}
<h2>Reference</h2><ul><li><a href="#refusals">Error responses</a></li><li><a href="#schemas">Schemas</a></li></ul>
</nav>
<main>
<h1>${text(title)} <small>${text(version)}</small></h1>
<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<p><label>Token for “Try it” <input id="token" type="password" autocomplete="off" spellcheck="false"></label></p>
${markdown(description ?? '')}
${sections.map(({ name, description, operations }) => `<h2>${text(name)}</h2><p>${text(description)}</p>${operations.map((one) => sectionOf(one, url)).join('\n')}`).join('\n')}
<h2 id="refusals">Error responses</h2>
<p>The body of each is an <a href="#schema-Error">Error</a>.</p>
<dl>${Object.entries(responses ?? {})
    .map(refusal)
    .join('\n')}</dl>
<h2 id="schemas">Schemas</h2>
${Object.entries(schemas ?? {})
  .map(schemaOf)
  .join('\n')}
</main>
</body>
</html>
`;
}

const linkTo = ({ method, path, operation }: Located) =>
  `<li><a href="#${operation.operationId}"><b>${method.toUpperCase()}</b> ${text(path)}</a></li>`;

function sectionOf(located: Located, url: string): string {
  const { method, path, operation } = located;
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const words = `${method} ${path} ${summary} ${description ?? ''}`.toLowerCase();
  return `<section id="${operationId}" data-text="${text(words)}">
<h3><b>${method.toUpperCase()}</b> ${text(path)}</h3>
<p>${inline(description ?? summary)}${needsToken(operation) ? ' <strong>Needs a token.</strong>' : ''}</p>
${parameters.length > 0 ? tableOf(parameters.map((one) => [one.name, one.in, one.required, one.schema, one.description])) : ''}
${requestBody ? bodyOf(requestBody) : ''}
<p class="answers">${Object.entries(responses).map(answerOf).join(' · ')}</p>
<p class="curl"><code>${curlOf(located, url)}</code> <button type="button" class="copy">Copy</button></p>
${formOf(located)}
</section>`;
}

type Row = [name: string, place: string, required: boolean, schema: JsonSchema, note?: string | undefined];

function tableOf(rows: Row[]): string {
  const line = ([name, place, required, schema, note]: Row) =>
    `<tr><td><code>${text(name)}</code></td><td>${place}${required ? ', required' : ''}</td><td>${typeOf(schema)}${note ? `. ${inline(note)}` : ''}</td></tr>`;
  return `<table><thead><tr><th>Name</th><th>In</th><th>Description</th></tr></thead><tbody>${rows.map(line).join('')}</tbody></table>`;
}

function bodyOf(requestBody: JsonSchema): string {
  const { content } = requestBody as { content: Record<string, { schema: JsonSchema }> };
  const { properties = {}, required = [] } = (content['application/json']?.schema ?? {}) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return tableOf(
    Object.entries(properties).map(([name, one]) => [
      name,
      'JSON body',
      required.includes(name),
      one,
      String(one.description ?? ''),
    ]),
  );
}

function answerOf([status, response]: [string, JsonSchema]): string {
  const { $ref, content } = response as { $ref?: string; content?: Record<string, { schema: JsonSchema }> };
  if ($ref) return `<a href="#refusal-${status}">${status}</a>`;
  const [type = '', body] = Object.entries(content ?? {})[0] ?? [];
  const what = body?.schema.$ref ? typeOf(body.schema) : text(type);
  return `<strong>${status}</strong>${what ? ` ${what}` : ''}`;
}

function refusal([name, response]: [string, JsonSchema]): string {
  const status = name.replace(/\D/g, '');
  return `<dt id="refusal-${status}">${status}</dt><dd>${inline(String(response.description))}</dd>`;
}

const schemaOf = ([name, schema]: [string, JsonSchema]) =>
  `<section id="schema-${name}"><h3>${name}</h3>${schema.description ? `<p>${inline(String(schema.description))}</p>` : ''}${objectOf(schema)}</section>`;

function objectOf(schema: JsonSchema): string {
  const {
    oneOf,
    properties,
    required = [],
  } = schema as {
    oneOf?: JsonSchema[];
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  if (oneOf) return `<ul>${oneOf.map((one) => `<li>${objectOf(one)}</li>`).join('')}</ul>`;
  if (!properties) return typeOf(schema);
  const fields = Object.entries(properties).map(
    ([name, one]) =>
      `<li><code>${text(name)}</code>${required.includes(name) ? '' : ' (optional)'}: ${typeOf(one)}${one.description ? `. ${inline(String(one.description))}` : ''}</li>`,
  );
  return `<ul>${fields.join('')}</ul>`;
}

/** Describes a schema in a few words. */
function typeOf(schema: JsonSchema): string {
  const {
    $ref,
    type,
    items,
    anyOf,
    enum: values,
    const: value,
    format,
    default: otherwise,
  } = schema as Record<string, unknown>;
  if (typeof $ref === 'string') {
    const name = $ref.split('/').at(-1) ?? '';
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (value !== undefined) return `<code>${text(JSON.stringify(value))}</code>`;
  if (Array.isArray(values)) return values.map((one) => `<code>${text(JSON.stringify(one))}</code>`).join(' or ');
  if (Array.isArray(anyOf)) return anyOf.map((one) => typeOf(one)).join(' or ');
  if (type === 'array') return `list of ${typeOf((items ?? {}) as JsonSchema)}`;
  if (type === 'object' && 'properties' in schema) return objectOf(schema);
  const name = Array.isArray(type) ? type.join(' or ') : String(type ?? 'any JSON');
  return text(
    [
      name,
      format ? `(${format})` : '',
      limitsOf(schema),
      otherwise === undefined ? '' : `default ${JSON.stringify(otherwise)}`,
    ]
      .filter((part) => part !== '')
      .join(' '),
  );
}

function limitsOf(schema: JsonSchema): string {
  const { minimum, maximum, minLength, maxLength } = schema;
  if (maximum !== undefined)
    return maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
  return maxLength === undefined ? '' : `of ${minLength ?? 0} to ${maxLength} characters`;
}

/** The style sheet of the page. */
export const DOCS_STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; grid-template-columns: minmax(14rem, 20rem) minmax(0, 60rem); gap: 2rem; }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid #8886; box-sizing: border-box; }
nav ul { list-style: none; margin: 0; padding: 0; font-size: 0.875rem; }
nav a { display: block; padding: 0.125rem 0; text-decoration: none; overflow-wrap: anywhere; }
nav b, h3 b { display: inline-block; min-width: 4.5ch; font: 600 0.8em ui-monospace, monospace; }
main { padding: 1rem 1rem 4rem; min-width: 0; }
section { border-top: 1px solid #8886; padding: 0.5rem 0; }
h2 { font-size: 1.375rem; }
h3 { font-size: 1.125rem; overflow-wrap: anywhere; }
nav h2 { font-size: 0.875rem; margin: 0.75rem 0 0.125rem; }
nav input { width: 100%; box-sizing: border-box; }
[hidden] { display: none; }
.curl code, pre { display: block; overflow-x: auto; padding: 0.5rem; border: 1px solid #8886; border-radius: 0.25rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.try label { display: block; margin: 0.25rem 0; }
.try input, .try textarea { display: block; width: 100%; box-sizing: border-box; font: inherit; }
pre:empty { display: none; }
small { font-weight: 400; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid #8883; }
code { font-family: ui-monospace, monospace; }
dt { font-weight: 600; }
dd { margin: 0 0 0.5rem; }
@media (max-width: 50rem) { body { grid-template-columns: minmax(0, 1fr); gap: 0; } nav { position: static; height: auto; border: 0; } }
`;

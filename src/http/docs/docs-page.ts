/** `/docs`: the OpenAPI document for people, as one page of HTML with a style sheet and no script. */
import type { JsonSchema } from './json-schema.ts';
import type { OpenApi, Operation } from './openapi.ts';

/** The page. It names nothing that is not served by this node. */
export function docsPageOf(document: OpenApi): string {
  const { title, version, description } = document.info as Record<string, string>;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const { schemas, responses } = document.components as Record<string, Record<string, JsonSchema>>;
  const links = operations.map(
    ({ method, path, operation }) =>
      `<li><a href="#${operation.operationId}"><b>${method.toUpperCase()}</b> ${text(path)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(title)} API</title>
<link rel="stylesheet" href="docs.css">
</head>
<body>
<nav aria-label="Routes"><ul>${links.join('\n')}</ul></nav>
<main>
<h1>${text(title)} <small>${text(version)}</small></h1>
<p>${text(description)}</p>
<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${operations.map(sectionOf).join('\n')}
<h2 id="refusals">Refusals</h2>
<p>Every refusal is an <a href="#schema-Error">Error</a>.</p>
<dl>${Object.entries(responses ?? {})
    .map(refusal)
    .join('\n')}</dl>
<h2 id="schemas">Answers</h2>
${Object.entries(schemas ?? {})
  .map(schemaOf)
  .join('\n')}
</main>
</body>
</html>
`;
}

function sectionOf({ method, path, operation }: { method: string; path: string; operation: Operation }): string {
  const { operationId, summary, description, parameters, requestBody, responses, security } = operation;
  const needsToken = security.some((one) => 'token' in one);
  return `<section id="${operationId}">
<h2><b>${method.toUpperCase()}</b> ${text(path)}</h2>
<p>${text(summary)}.${description ? ` ${text(description)}` : ''}${needsToken ? ' Needs a token.' : ''}</p>
${parameters.length > 0 ? tableOf(parameters.map((one) => [one.name, one.in, one.required, one.schema, one.description])) : ''}
${requestBody ? bodyOf(requestBody) : ''}
<p class="answers">${Object.entries(responses).map(answerOf).join(' · ')}</p>
</section>`;
}

type Row = [name: string, place: string, required: boolean, schema: JsonSchema, note?: string | undefined];

function tableOf(rows: Row[]): string {
  const line = ([name, place, required, schema, note]: Row) =>
    `<tr><td><code>${text(name)}</code></td><td>${place}${required ? ', required' : ''}</td><td>${typeOf(schema)}${note ? `. ${text(note)}` : ''}</td></tr>`;
  return `<table><thead><tr><th>Name</th><th>Where</th><th>What</th></tr></thead><tbody>${rows.map(line).join('')}</tbody></table>`;
}

function bodyOf(requestBody: JsonSchema): string {
  const { content } = requestBody as { content: Record<string, { schema: JsonSchema }> };
  const { properties = {}, required = [] } = (content['application/json']?.schema ?? {}) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return tableOf(Object.entries(properties).map(([name, one]) => [name, 'JSON body', required.includes(name), one]));
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
  return `<dt id="refusal-${status}">${status}</dt><dd>${text(String(response.description))}</dd>`;
}

const schemaOf = ([name, schema]: [string, JsonSchema]) =>
  `<section id="schema-${name}"><h3>${name}</h3>${objectOf(schema)}</section>`;

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
      `<li><code>${text(name)}</code>${required.includes(name) ? '' : ' (optional)'}: ${typeOf(one)}</li>`,
  );
  return `<ul>${fields.join('')}</ul>`;
}

/** A schema in a few words. */
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

/** Text as HTML. */
function text(plain = ''): string {
  const signs: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return plain.replace(/[&<>"']/g, (sign) => signs[sign] ?? sign);
}

/** The style sheet of the page. */
export const DOCS_STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; grid-template-columns: minmax(14rem, 20rem) minmax(0, 60rem); gap: 2rem; }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid #8886; box-sizing: border-box; }
nav ul { list-style: none; margin: 0; padding: 0; font-size: 0.875rem; }
nav a { display: block; padding: 0.125rem 0; text-decoration: none; overflow-wrap: anywhere; }
nav b, h2 b { display: inline-block; min-width: 4.5ch; font: 600 0.8em ui-monospace, monospace; }
main { padding: 1rem 1rem 4rem; min-width: 0; }
section { border-top: 1px solid #8886; padding: 0.5rem 0; }
h2 { font-size: 1.125rem; overflow-wrap: anywhere; }
small { font-weight: 400; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid #8883; }
code { font-family: ui-monospace, monospace; }
dt { font-weight: 600; }
dd { margin: 0 0 0.5rem; }
@media (max-width: 50rem) { body { grid-template-columns: minmax(0, 1fr); gap: 0; } nav { position: static; height: auto; border: 0; } }
`;

import { escapeHtml } from '../../text/escape-html.ts';
import type { JsonSchema } from '../contract/json-schema.ts';
import { inline } from './html.ts';

/** Returns a named schema as HTML: its description and its fields. */
export function schemaOf([name, schema]: [string, JsonSchema]): string {
  const about = schema.description ? `<p>${inline(String(schema.description))}</p>` : '';
  return `<section id="schema-${name}"><h3>${name}</h3>${about}${objectOf(schema)}</section>`;
}

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
  if (oneOf) return `<ul>${oneOf.map((one) => `<li>${typeOf(one)}</li>`).join('')}</ul>`;
  if (!properties) return typeOf(schema);
  const fields = Object.entries(properties).map(
    ([name, one]) =>
      `<li><code>${escapeHtml(name)}</code>${required.includes(name) ? '' : ' (optional)'}: ${typeOf(one)}${one.description ? `. ${inline(String(one.description))}` : ''}</li>`,
  );
  return `<ul>${fields.join('')}</ul>`;
}

/** Describes a schema in a few words of HTML. */
export function typeOf(schema: JsonSchema): string {
  const {
    $ref,
    type,
    items,
    anyOf,
    enum: values,
    const: value,
    format,
    default: defaultValue,
  } = schema as Record<string, unknown>;
  if (typeof $ref === 'string') {
    const name = $ref.split('/').at(-1) ?? '';
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (value !== undefined) return `<code>${escapeHtml(JSON.stringify(value))}</code>`;
  if (Array.isArray(values)) return values.map((one) => `<code>${escapeHtml(JSON.stringify(one))}</code>`).join(' or ');
  if (Array.isArray(anyOf)) return anyOf.map((one) => typeOf(one)).join(' or ');
  if (type === 'array') return `list of ${typeOf((items ?? {}) as JsonSchema)}`;
  if (type === 'object' && 'properties' in schema) return objectOf(schema);
  const name = Array.isArray(type) ? type.join(' or ') : String(type ?? 'any JSON');
  return escapeHtml(
    [
      name,
      format ? `(${format})` : '',
      limitsOf(schema),
      defaultValue === undefined ? '' : `default ${JSON.stringify(defaultValue)}`,
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

/** Names the schemas of the OpenAPI document. Every function adds to `schemas`, the document's components. */

import type { JsonSchema } from '../contract/json-schema.ts';
import { EVENT_KINDS } from './event-kinds.ts';
import { fieldText } from './field-texts.ts';

/** Adds a schema, and those that it refers to, to the document. Returns the reference to it. */
export function addSchema(json: JsonSchema, name: string, schemas: JsonSchema): string {
  const { $defs = {}, ...own } = json as { $defs?: Record<string, JsonSchema> } & JsonSchema;
  for (const [part, schema] of Object.entries($defs)) schemas[part] = withDocumentRefs(schema);
  // A schema that is only a reference has been added with those that it refers to.
  if (!('$ref' in own)) schemas[name] = withDocumentRefs(own);
  return `#/components/schemas/${name}`;
}

/** Gives each kind of event a schema of its own, such as MessageEvent, and makes `kind` the discriminator of Event. */
export function nameEventKinds(schemas: JsonSchema): void {
  const { oneOf = [] } = schemas.Event as { oneOf?: JsonSchema[] };
  const mapping: Record<string, string> = {};
  for (const one of oneOf) {
    const kind = (one.properties as { kind: { const: string } }).kind.const;
    const name = `${kind.split('_').map(capital).join('')}Event`;
    schemas[name] = { description: EVENT_KINDS[kind as keyof typeof EVENT_KINDS], ...one };
    mapping[kind] = `#/components/schemas/${name}`;
  }
  schemas.Event = {
    description: 'An event. A newer version may have other kinds: ignore those that you do not know.',
    oneOf: Object.values(mapping).map(($ref) => ({ $ref })),
    discriminator: { propertyName: 'kind', mapping },
  };
}

/** Returns the schema with references to the document's schemas instead of its own, and with a description of every field. */
function withDocumentRefs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withDocumentRefs);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'id' || typeof (value as JsonSchema).id !== 'string');
  return Object.fromEntries(
    entries.map(([key, one]) =>
      key === 'properties'
        ? [key, fieldsWithDocumentRefs(one as Record<string, JsonSchema>)]
        : key === '$ref' && typeof one === 'string'
          ? [key, one.replace('#/$defs/', '#/components/schemas/')]
          : [key, withDocumentRefs(one)],
    ),
  );
}

function fieldsWithDocumentRefs(properties: Record<string, JsonSchema>): Record<string, JsonSchema> {
  const fields = Object.entries(properties);
  return Object.fromEntries(
    fields.map(([name, schema]) => [name, described(name, withDocumentRefs(schema) as JsonSchema)]),
  );
}

/** Returns the schema of a field with a description. */
export function described(name: string, schema: JsonSchema): JsonSchema {
  return '$ref' in schema || 'description' in schema ? schema : { ...schema, description: `${fieldText(name)}.` };
}

/** Returns the text with its first letter in upper case. */
export const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

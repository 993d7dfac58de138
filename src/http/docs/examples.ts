import type { JsonSchema } from '../contract/json-schema.ts';
import { FIELDS } from './field-texts.ts';

/** Stops at schemas that contain themselves. */
const MAX_DEPTH = 12;

/**
 * Returns an example of a schema: its own one, otherwise for each field the example in field-texts.ts, or if it has another type, one
 * of that type.
 */
export function exampleOf(schema: JsonSchema, schemas: JsonSchema, name = '', depth = 0): unknown {
  const { $ref, type, properties, items, oneOf, anyOf, enum: values, const: value, examples } = schema as JsonSchema;
  if (depth > MAX_DEPTH) return null;
  if (Array.isArray(examples)) return examples[0];
  if (typeof $ref === 'string') {
    return exampleOf((schemas[$ref.split('/').at(-1) ?? ''] ?? {}) as JsonSchema, schemas, name, depth + 1);
  }
  if ('default' in schema && type !== 'array') return schema.default;
  if (value !== undefined) return value;
  const own = FIELDS[name]?.[1];
  const [first] = Array.isArray(values) ? values : [];
  if (first !== undefined) return Array.isArray(values) && values.includes(own) ? own : first;
  const [choice] = (Array.isArray(oneOf) ? oneOf : Array.isArray(anyOf) ? anyOf : []) as JsonSchema[];
  if (choice) return exampleOf(choice, schemas, name, depth + 1);
  if (properties) {
    const required = (schema.required ?? []) as string[];
    // An optional constant marks something special, such as the messages of hooks.
    const isPlain = ([field, one]: [string, JsonSchema]) => required.includes(field) || one.const === undefined;
    const fields = Object.entries(properties as Record<string, JsonSchema>).filter(isPlain);
    return Object.fromEntries(fields.map(([field, one]) => [field, exampleOf(one, schemas, field, depth + 1)]));
  }
  if (own !== undefined && fits(own, type)) return own;
  if (type === 'array') return items ? [exampleOf(items as JsonSchema, schemas, singular(name), depth + 1)] : [];
  return plainExample(schema);
}

function fits(value: unknown, type: unknown): boolean {
  const actual = Array.isArray(value) ? 'array' : typeof value === 'number' ? 'integer' : typeof value;
  const types = Array.isArray(type) ? type : [type];
  return type === undefined || types.includes(actual) || (types.includes('number') && actual === 'integer');
}

function plainExample({ type, format, minimum }: JsonSchema): unknown {
  const [first] = Array.isArray(type) ? type : [type];
  if (first === 'integer' || first === 'number') return minimum ?? 1;
  if (first === 'boolean') return true;
  if (first === 'string') return format === 'date-time' ? '2026-01-31T12:00:00.000Z' : 'text';
  return first === 'object' ? {} : null;
}

const singular = (name: string) => ({ members: 'username', groups: 'group', users: 'username' })[name] ?? name;

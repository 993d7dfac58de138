import { z } from 'zod';

/** A JSON Schema (draft 2020-12), as OpenAPI 3.1 uses it. */
export type JsonSchema = Record<string, unknown>;

const documents = new WeakMap<object, JsonSchema>();

/**
 * Sets the JSON Schema of a request schema whose refinements and transforms have none. Returns the same schema. Schemas
 * derived from it by `refine` or `describe` inherit the JSON Schema unless they set their own.
 */
export function withJsonSchema<Schema extends z.ZodType>(schema: Schema, document: JsonSchema): Schema {
  documents.set(schema, document);
  return schema;
}

function documentOf(schema: z.core.$ZodType): JsonSchema | undefined {
  const { parent } = schema._zod;
  return documents.get(schema) ?? (parent && documentOf(parent));
}

const fieldsRequiredWhenOpen = new WeakSet<object>();

/** Marks a field that names the caller: it is required only with AUTH=open, where no token names the caller. Returns the same schema. */
export function requiredWhenOpen<Schema extends z.ZodType>(schema: Schema): Schema {
  fieldsRequiredWhenOpen.add(schema);
  return schema;
}

/** A number in a response that may have a fraction. */
export const fraction = withJsonSchema(z.number(), { type: 'number' });

/** One field of a request. */
export interface Field {
  name: string;
  required: boolean;
  /** True for a field that is required with AUTH=open: {@link requiredWhenOpen}. */
  requiredWhenOpen: boolean;
  schema: JsonSchema;
}

/** Returns the fields of a request schema. @throws if it is not an object schema. */
export function fieldsOf(input: z.ZodType): Field[] {
  if (!(input instanceof z.ZodObject)) throw new Error('a request schema must be an object');
  return Object.entries(input.shape as Record<string, z.ZodType>).map(([name, field]) => {
    const { schema, ...rest } = unwrapped(field);
    return {
      name,
      required: !('default' in rest) && !rest.isOptional,
      requiredWhenOpen: fieldsRequiredWhenOpen.has(field),
      schema: {
        ...requestSchemaOf(schema),
        ...('default' in rest && { default: rest.default }),
        ...(field.description !== undefined && { description: field.description }),
      },
    };
  });
}

/** Returns the JSON Schema of a response; schemas with an `id` are under `$defs`. Numbers are integers unless {@link fraction}. */
export function responseSchemaOf(body: z.ZodType): JsonSchema {
  return jsonOf(body, 'output');
}

/** Returns the JSON Schema of a part of a request. */
export function requestSchemaOf(part: z.ZodType): JsonSchema {
  return jsonOf(part, 'input');
}

/** Returns the name of a schema (`.meta({ id })`), if it has one. */
export const schemaNameOf = (schema: z.ZodType): string | undefined => z.globalRegistry.get(schema)?.id;

function jsonOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const document = documentOf(zodSchema);
      if (document) {
        for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
        Object.assign(jsonSchema, document);
      } else if (io === 'output') {
        if (jsonSchema.type === 'number') jsonSchema.type = 'integer';
        // Responses may gain fields. The pattern of a time would be longer than everything around it.
        delete jsonSchema.additionalProperties;
        if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
      }
    },
  });
  return json;
}

interface Unwrapped {
  schema: z.ZodType;
  isOptional: boolean;
  default?: unknown;
}

/** Removes `.optional()` and `.default()`. */
function unwrapped(schema: z.ZodType): Unwrapped {
  if (schema instanceof z.ZodOptional) return { ...unwrapped(schema.unwrap() as z.ZodType), isOptional: true };
  if (schema instanceof z.ZodDefault) {
    return { ...unwrapped(schema.unwrap() as z.ZodType), default: schema.def.defaultValue };
  }
  return { schema, isOptional: false };
}

import { z } from 'zod';

/** A JSON Schema (draft 2020-12), as OpenAPI 3.1 takes it. */
export type JsonSchema = Record<string, unknown>;

const documents = new WeakMap<object, JsonSchema>();

/**
 * Says how a request's schema is to be documented where what it is made of does not say it (refinements have no JSON
 * Schema). Answers the same schema; to be called last, since every further method makes a new one.
 */
export function documented<Schema extends z.ZodType>(schema: Schema, document: JsonSchema): Schema {
  documents.set(schema, document);
  return schema;
}

/** One field of a request. */
export interface Field {
  name: string;
  required: boolean;
  schema: JsonSchema;
}

/** The fields of a request's schema. @throws where it is no object. */
export function fieldsOf(input: z.ZodType): Field[] {
  if (!(input instanceof z.ZodObject)) throw new Error('a request is an object of fields');
  return Object.entries(input.shape as Record<string, z.ZodType>).map(([name, field]) => {
    const { schema, ...rest } = unwrapped(field);
    return {
      name,
      required: !('default' in rest) && !rest.isOptional,
      schema: { ...requestOf(schema), ...noted(rest) },
    };
  });
}

/** The schema of an answer; what has an `id` in its metadata is under `$defs`. Every number of an answer is a whole one. */
export function answerOf(answer: z.ZodType): JsonSchema {
  return jsonOf(answer, 'output');
}

/** The schema of a part of a request. */
export function requestOf(part: z.ZodType): JsonSchema {
  return jsonOf(part, 'input');
}

/** The name that a schema was given (`.meta({ id })`), if any. */
export const nameOf = (schema: z.ZodType): string | undefined => z.globalRegistry.get(schema)?.id;

function jsonOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const document = documents.get(zodSchema);
      if (document) {
        for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
        Object.assign(jsonSchema, document);
      } else if (io === 'output') {
        if (jsonSchema.type === 'number') jsonSchema.type = 'integer';
        // Answers may gain fields; and the pattern of a time is longer than everything around it.
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

/** Takes `.optional()`, `.nullish()` and `.default()` off. */
function unwrapped(schema: z.ZodType): Unwrapped {
  if (schema instanceof z.ZodOptional) return { ...unwrapped(schema.unwrap() as z.ZodType), isOptional: true };
  if (schema instanceof z.ZodDefault) {
    return { ...unwrapped(schema.unwrap() as z.ZodType), default: schema.def.defaultValue };
  }
  return { schema, isOptional: false };
}

const noted = (rest: { default?: unknown }): JsonSchema => ('default' in rest ? { default: rest.default } : {});

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { PACKAGE_ROOT } from '../package-root.ts';

type Schema = { [name: string]: unknown } & { $defs?: Record<string, Schema> };

const IMPORT = /^import type \{ ([^}]*) \} from '\.\.\/(http\/[^']*)';\n/gm;

/**
 * Rewrites the declarations of the client in `folder`, so that they need neither zod nor the server: in types.d.ts, each type
 * that is derived from a schema of the server is written out.
 */
export async function writeOutClientTypes(folder: string): Promise<void> {
  const file = path.join(folder, 'client', 'types.d.ts');
  const source = await readFile(file, 'utf8');
  const schemas = new Map<string, z.ZodType>();
  for (const [, names = '', module = ''] of source.matchAll(IMPORT)) {
    const exported = await import(path.join(PACKAGE_ROOT, 'src', module));
    for (const name of names.split(',')) schemas.set(name.trim(), exported[name.trim()]);
  }
  const text = source
    .replace(IMPORT, '')
    .replace("import type { z } from 'zod';\n", '')
    .replace(/\bz\.output<typeof (\w+)>/g, (_, name: string) => {
      const schema = schemas.get(name);
      if (!schema) throw new Error(`client/types.ts uses ${name}, which is not a schema of src/http`);
      const json: Schema = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' });
      return typeScriptTypeOf(json, json.$defs ?? {});
    });
  if (/\bz\.|\bhttp\//.test(text.replace(/\/\*[\s\S]*?\*\//g, ''))) {
    throw new Error(
      'types.d.ts would still import zod or the server: in client/types.ts, use only z.output<typeof schema> of them',
    );
  }
  await writeFile(file, text);
}

/** Returns the TypeScript type of a JSON Schema. */
function typeScriptTypeOf(schema: Schema, defs: Record<string, Schema>): string {
  const { $ref, enum: values, const: value, type, items, properties, additionalProperties, required } = schema;
  if (typeof $ref === 'string') return typeScriptTypeOf(defs[$ref.replace('#/$defs/', '')] ?? {}, defs);
  const options = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(options)) return `(${options.map((one) => typeScriptTypeOf(one, defs)).join(' | ')})`;
  if (Array.isArray(values)) return `(${values.map((one) => JSON.stringify(one)).join(' | ')})`;
  if (value !== undefined) return JSON.stringify(value);
  if (Array.isArray(type))
    return `(${type.map((one) => typeScriptTypeOf({ ...schema, type: one }, defs)).join(' | ')})`;
  if (type === 'integer') return 'number';
  if (type === 'array') return `${typeScriptTypeOf((items as Schema) ?? {}, defs)}[]`;
  if (type !== 'object') return typeof type === 'string' ? type : 'unknown';
  if (properties === undefined)
    return `Record<string, ${typeScriptTypeOf((additionalProperties as Schema) || {}, defs)}>`;
  const names = new Set(required as string[] | undefined);
  const fields = Object.entries(properties as Record<string, Schema>).map(
    ([name, field]) => `${JSON.stringify(name)}${names.has(name) ? '' : '?'}: ${typeScriptTypeOf(field, defs)}`,
  );
  return `{ ${fields.join('; ')} }`;
}

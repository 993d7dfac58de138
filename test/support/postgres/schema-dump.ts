import type pg from 'pg';

/** Lists every object of the schemas, one line each. Bodies of functions appear as hashes, comments not at all. */
const LISTING = `
  WITH own AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('plantao', 'plantao_mutexes'))
  SELECT line FROM (
    SELECT format('column %s.%s %s %s%s%s%s%s', o.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
             CASE WHEN a.attcollation <> t.typcollation THEN ' collate ' || co.collname END,
             CASE WHEN a.attnotnull THEN ' not null' END,
             CASE a.attidentity WHEN 'a' THEN ' identity always' WHEN 'd' THEN ' identity by default' END,
             CASE WHEN d.oid IS NOT NULL THEN CASE a.attgenerated WHEN 's' THEN ' generated ' ELSE ' default ' END
               || pg_get_expr(d.adbin, d.adrelid) END) AS line
    FROM pg_class c JOIN own o ON o.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('%s %s.%s%s', CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, o.nspname, c.relname,
             CASE WHEN c.relkind = 'v' THEN ' ' || md5(pg_get_viewdef(c.oid)) WHEN c.relpersistence = 'u' THEN ' unlogged' END)
    FROM pg_class c JOIN own o ON o.oid = c.relnamespace WHERE c.relkind IN ('r', 'v')
    UNION ALL
    SELECT format('constraint %s on %s: %s', conname, conrelid::regclass, pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN own o ON o.oid = k.connamespace WHERE contype <> 'n'
    UNION ALL
    SELECT 'index ' || pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN own o ON o.oid = c.relnamespace
    UNION ALL
    SELECT format('function %s returns %s%s%s %s', p.oid::regprocedure, pg_get_function_result(p.oid),
             CASE WHEN p.prosecdef THEN ' security definer' END, ' set ' || array_to_string(p.proconfig, ', '), md5(p.prosrc))
    FROM pg_proc p JOIN own o ON o.oid = p.pronamespace
    UNION ALL
    SELECT format('trigger on %s: %s', t.tgrelid::regclass, pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN own o ON o.oid = c.relnamespace WHERE NOT t.tgisinternal
    UNION ALL
    SELECT format('grant on %s to %s: %s', granted.name, pg_get_userbyid(acl.grantee), acl.privilege_type)
    FROM (
      SELECT c.oid::regclass::text AS name, c.relacl AS list FROM pg_class c JOIN own o ON o.oid = c.relnamespace
      UNION ALL
      SELECT p.oid::regprocedure::text, p.proacl FROM pg_proc p JOIN own o ON o.oid = p.pronamespace
      UNION ALL
      SELECT format('%s.%s', a.attrelid::regclass, a.attname), a.attacl
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN own o ON o.oid = c.relnamespace
    ) granted CROSS JOIN LATERAL aclexplode(granted.list) acl
    WHERE pg_get_userbyid(acl.grantee) LIKE 'plantao\\_%'
  ) lines ORDER BY line COLLATE "C"`;

/** The file that holds the expected schema. */
export const SCHEMA_SNAPSHOT = new URL('../../integration/database/schema/schema.snapshot.txt', import.meta.url);

/** Returns the schema of a migrated database as text. */
export async function dumpSchema(client: Pick<pg.Client, 'query'>): Promise<string> {
  const { rows } = await client.query<{ line: string }>(LISTING);
  return `${rows.map(({ line }) => line.replaceAll(/\s+/g, ' ')).join('\n')}\n`;
}

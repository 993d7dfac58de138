import type { Query } from '../../database/session/run-and-close.ts';

/** The maximum number of objects that a refusal names. */
const MAX_NAMED = 5;

/** Everything that a person or a program has created in the database, except what belongs to an extension. */
const CONTENTS = `
  SELECT what FROM (
    SELECT 'pg_class'::regclass AS class, c.oid, format('%s %I.%I', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN
             'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'table' END, nspname, relname) AS what
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, format('function %I.%I', nspname, proname)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, format('type %I.%I', nspname, typname)
    FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
    WHERE typtype IN ('d', 'e', 'r') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    UNION ALL
    SELECT 'pg_namespace'::regclass, oid, format('schema %I', nspname) FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
    UNION ALL
    SELECT 'pg_largeobject_metadata'::regclass, oid, format('large object %s', oid) FROM pg_largeobject_metadata
    UNION ALL
    SELECT 'pg_publication'::regclass, oid, format('publication %I', pubname) FROM pg_publication
    UNION ALL
    SELECT 'pg_event_trigger'::regclass, oid, format('event trigger %I', evtname) FROM pg_event_trigger
  ) AS objects
  WHERE NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = class AND d.objid = objects.oid AND d.deptype = 'e')
  ORDER BY what LIMIT ${MAX_NAMED + 1}`;

/** Returns the names of the first objects in the session's database; an empty list if it has none. */
export async function objectsIn(query: Query): Promise<string[]> {
  const found = (await query<{ what: string }>(CONTENTS)).map(({ what }) => what);
  return found.length > MAX_NAMED ? [...found.slice(0, MAX_NAMED), 'and more'] : found;
}

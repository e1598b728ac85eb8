-- Rights of some roles ($1; 0 is PUBLIC) on tables, views, sequences and their columns. Left out is what
-- initdb gave to everybody on built-in objects; pg_init_privs has that, but for the views of the
-- information schema, which show only what their reader may see (those named _pg… do not, and count).
-- An owner's own entries are covered by its ownership.
WITH relation AS (
  SELECT c.oid, c.relkind, c.relacl, c.relowner, c.relname, n.nspname,
         c.oid < 16384 AND n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS builtin,
         CASE WHEN c.relrowsecurity THEN
           (SELECT ' (rows limited by '
                   || coalesce(string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname), 'default')
                   || ')'
            FROM pg_policy p WHERE p.polrelid = c.oid)
         ELSE '' END AS limited
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
), right_on AS (
  SELECT r.oid, 0::int2 AS attnum, NULL::name AS attname, a.*
  FROM relation r CROSS JOIN LATERAL aclexplode(r.relacl) a
  UNION ALL
  SELECT r.oid, t.attnum, t.attname, a.*
  FROM relation r JOIN pg_attribute t ON t.attrelid = r.oid CROSS JOIN LATERAL aclexplode(t.attacl) a
  WHERE NOT t.attisdropped
)
SELECT r.oid, a.grantee, a.privilege_type, a.is_grantable,
       CASE WHEN r.builtin THEN 'catalog'
            WHEN r.relkind = 'f' THEN 'foreign table'
            WHEN r.relkind = 'S' THEN 'sequence'
            WHEN a.attnum > 0 THEN 'column'
            ELSE 'table' END AS kind,
       format('%I.%I', r.nspname, r.relname)
         || CASE WHEN a.attnum > 0 THEN '.' || quote_ident(a.attname) ELSE '' END
         || r.limited AS name
FROM relation r JOIN right_on a ON a.oid = r.oid
WHERE a.grantee = ANY ($1) AND a.grantee <> r.relowner
  AND NOT (r.builtin AND r.nspname = 'information_schema' AND r.relname NOT LIKE '\_pg%'
           AND a.privilege_type = 'SELECT' AND NOT a.is_grantable)
  AND NOT (r.builtin AND EXISTS (
    SELECT FROM pg_init_privs i CROSS JOIN LATERAL aclexplode(i.initprivs) d
    WHERE i.classoid = 'pg_class'::regclass AND i.objoid = r.oid AND i.objsubid IN (0, a.attnum)
      AND i.privtype = 'i' AND d.grantee IN (0, a.grantee)
      AND d.privilege_type = a.privilege_type AND d.is_grantable >= a.is_grantable))

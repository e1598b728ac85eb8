-- Rights of some roles ($1; 0 is PUBLIC) on tables, views, sequences and their columns. Left out is what
-- initdb gave to everybody on built-in objects; pg_init_privs has that, but for the views of the
-- information schema, which show only what their reader may see (those named _pg… do not, and count).
-- An owner's own entries are covered by its ownership. A database has many columns and few lists of rights.
WITH relation AS (
  SELECT c.oid, c.relkind, c.relacl, c.relowner, c.relname, c.relrowsecurity, n.nspname,
         c.oid < 16384 AND n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS builtin
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
), right_on AS (
  SELECT c.oid, 0 AS attnum, NULL::name AS attname, a.*
  FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
  WHERE c.relacl IS NOT NULL
  UNION ALL
  SELECT t.attrelid, t.attnum, t.attname, a.*
  FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) a
  WHERE t.attacl IS NOT NULL AND NOT t.attisdropped
), initial AS MATERIALIZED (
  SELECT i.objoid, i.objsubid, d.grantee, d.privilege_type, d.is_grantable
  FROM pg_init_privs i CROSS JOIN LATERAL aclexplode(i.initprivs) d
  WHERE i.classoid = 'pg_class'::regclass AND i.privtype = 'i'
)
SELECT r.oid, a.grantee, a.privilege_type, a.is_grantable,
       CASE WHEN r.builtin THEN 'catalog'
            WHEN r.relkind = 'f' THEN 'foreign table'
            WHEN r.relkind = 'S' THEN 'sequence'
            WHEN a.attnum > 0 THEN 'column'
            ELSE 'table' END AS kind,
       format('%I.%I', r.nspname, r.relname)
         || CASE WHEN a.attnum > 0 THEN '.' || quote_ident(a.attname) ELSE '' END
         || CASE WHEN r.relrowsecurity THEN
              (SELECT ' (rows limited by '
                      || coalesce(string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname), 'default')
                      || ')'
               FROM pg_policy p WHERE p.polrelid = r.oid)
            ELSE '' END AS name
FROM relation r JOIN right_on a ON a.oid = r.oid
WHERE a.grantee = ANY ($1) AND a.grantee <> r.relowner
  AND NOT (r.builtin AND r.nspname = 'information_schema' AND r.relname NOT LIKE '\_pg%'
           AND a.privilege_type = 'SELECT' AND NOT a.is_grantable)
  AND NOT EXISTS (
    SELECT FROM initial i
    WHERE r.builtin AND i.objoid = r.oid AND i.objsubid IN (0, a.attnum) AND i.grantee IN (0, a.grantee)
      AND i.privilege_type = a.privilege_type AND i.is_grantable >= a.is_grantable)

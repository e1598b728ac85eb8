-- What reading some relations ($1) reads beside them, with the rights of a view's owner or of a parent
-- table: relations a view names (numbers in its rewrite rule, since catalogs have no dependency rows) and
-- children. A view that checks its caller's rights leads nowhere by itself.
WITH RECURSIVE edge AS (
  SELECT r.ev_class AS source, (m.found)[1]::oid AS target
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
  CROSS JOIN LATERAL regexp_matches(r.ev_action::text, ':relid (\d+)', 'g') AS m(found)
  WHERE r.ev_type = '1' AND c.relkind IN ('v', 'm') AND c.oid >= 16384
  UNION
  SELECT inhparent, inhrelid FROM pg_inherits
), reach AS (
  SELECT e.source AS start, e.target
  FROM edge e JOIN pg_class c ON c.oid = e.source
  WHERE e.source = ANY ($1) AND NOT EXISTS (
    SELECT FROM unnest(c.reloptions) o WHERE o ~* '^security_invoker=(true|on|yes|1)$')
  UNION
  SELECT r.start, e.target FROM reach r JOIN edge e ON e.source = r.target
)
SELECT r.start, format('%I.%I of %I', n.nspname, s.relname, pg_get_userbyid(s.relowner)) AS through,
       CASE WHEN t.oid < 16384 AND tn.nspname IN ('pg_catalog', 'information_schema', 'pg_toast')
              THEN 'catalog'
            WHEN t.relkind = 'f' THEN 'foreign table'
            WHEN t.relkind = 'S' THEN 'sequence'
            ELSE 'table' END AS kind,
       format('%I.%I', tn.nspname, t.relname) AS name
FROM reach r
JOIN pg_class s ON s.oid = r.start JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_class t ON t.oid = r.target JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE r.target <> r.start
  AND NOT (t.oid < 16384 AND tn.nspname = 'information_schema' AND t.relname NOT LIKE '\_pg%')
  AND NOT EXISTS (
    SELECT FROM pg_init_privs i CROSS JOIN LATERAL aclexplode(i.initprivs) d
    WHERE i.classoid = 'pg_class'::regclass AND i.objoid = t.oid AND i.objsubid = 0
      AND i.privtype = 'i' AND d.grantee = 0 AND d.privilege_type = 'SELECT' AND t.oid < 16384)

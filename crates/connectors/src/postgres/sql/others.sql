-- Rights of some roles ($1; 0 is PUBLIC) on everything that is no relation and no function. Where a list
-- is absent, what PostgreSQL gives by default is meant.
SELECT a.grantee, a.privilege_type, a.is_grantable, o.kind, o.name
FROM (
  SELECT 'schema' AS kind, quote_ident(n.nspname) AS name, n.nspowner AS owner, n.nspacl AS acl
  FROM pg_namespace n
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
     OR EXISTS (SELECT FROM aclexplode(n.nspacl) x WHERE x.privilege_type <> 'USAGE' AND x.grantee <> n.nspowner)
  UNION ALL
  SELECT 'database', quote_ident(d.datname), d.datdba, coalesce(d.datacl, acldefault('d', d.datdba))
  FROM pg_database d WHERE d.datallowconn
  UNION ALL
  SELECT 'language', quote_ident(l.lanname), l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner))
  FROM pg_language l WHERE l.lanpltrusted
  UNION ALL
  SELECT 'type', format('%I.%I', n.nspname, t.typname), t.typowner,
         coalesce(t.typacl, acldefault('T', t.typowner))
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE t.oid >= 16384 AND t.typrelid = 0 AND t.typelem = 0
  UNION ALL
  SELECT 'foreign-data wrapper', quote_ident(w.fdwname), w.fdwowner, w.fdwacl
  FROM pg_foreign_data_wrapper w
  UNION ALL
  SELECT 'foreign server', quote_ident(s.srvname), s.srvowner, s.srvacl FROM pg_foreign_server s
  UNION ALL
  SELECT 'large object', m.oid::text, m.lomowner, m.lomacl FROM pg_largeobject_metadata m
  UNION ALL
  SELECT 'tablespace', quote_ident(t.spcname), t.spcowner, t.spcacl FROM pg_tablespace t
  UNION ALL
  SELECT CASE f.defaclobjtype WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'function'
                              WHEN 'T' THEN 'type' WHEN 'n' THEN 'schema' WHEN 'L' THEN 'large object'
                              ELSE 'future object' END,
         format('(each that %I creates%s)', pg_get_userbyid(f.defaclrole), ' in ' || quote_ident(n.nspname)),
         f.defaclrole, f.defaclacl
  FROM pg_default_acl f LEFT JOIN pg_namespace n ON n.oid = f.defaclnamespace
) o CROSS JOIN LATERAL aclexplode(o.acl) a
WHERE a.grantee = ANY ($1) AND a.grantee <> o.owner

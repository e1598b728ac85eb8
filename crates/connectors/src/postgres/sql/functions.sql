-- Functions that some roles ($1; 0 is PUBLIC) may call, and with whose rights these run. Left out is what
-- initdb gave to everybody on built-in functions: nearly all there are, so they are left out first.
WITH routine AS (
  SELECT p.oid, p.proname, p.prosecdef, p.proowner, p.pronamespace, p.prolang,
         coalesce(p.proacl, acldefault('f', p.proowner)) AS acl,
         p.oid < 16384 AND p.pronamespace = ANY (own.schemas) AS builtin
  FROM (SELECT ARRAY(SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('pg_catalog', 'information_schema')) AS schemas) own
  JOIN pg_proc p ON p.proacl IS NOT NULL OR p.oid >= 16384 OR p.pronamespace <> ALL (own.schemas)
)
SELECT a.grantee, a.privilege_type, a.is_grantable,
       format('%I.%I(%s)', n.nspname, r.proname, pg_get_function_identity_arguments(r.oid)) AS name,
       r.builtin, r.prosecdef, r.proowner, pg_get_userbyid(r.proowner)::text AS owner,
       l.lanpltrusted AS trusted, l.lanname::text AS language,
       (SELECT e.extname::text FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = r.oid
          AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e') AS extension
FROM routine r JOIN pg_namespace n ON n.oid = r.pronamespace JOIN pg_language l ON l.oid = r.prolang
CROSS JOIN LATERAL aclexplode(r.acl) a
WHERE a.grantee = ANY ($1) AND a.grantee <> r.proowner
  AND NOT (r.builtin AND EXISTS (
    SELECT FROM aclexplode(coalesce(
      (SELECT i.initprivs FROM pg_init_privs i
       WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = r.oid AND i.objsubid = 0 AND i.privtype = 'i'),
      acldefault('f', r.proowner))) d
    WHERE d.grantee IN (0, a.grantee)
      AND d.privilege_type = a.privilege_type AND d.is_grantable >= a.is_grantable))

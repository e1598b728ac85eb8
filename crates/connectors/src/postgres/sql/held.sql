-- Whether an account ($2) can use a role ($1) by whatever chain. From PostgreSQL 16 on a membership may
-- give neither its rights nor SET ROLE; before, each gives both.
SELECT a.oid AS account,
       CASE WHEN r.oid IS NULL OR a.oid IS NULL THEN false
            WHEN current_setting('server_version_num')::int >= 160000
              THEN pg_has_role(a.oid, r.oid, 'USAGE') OR pg_has_role(a.oid, r.oid, 'SET')
            ELSE pg_has_role(a.oid, r.oid, 'MEMBER') END AS held
FROM (SELECT 1) one
LEFT JOIN pg_roles r ON r.rolname = $1
LEFT JOIN pg_roles a ON a.rolname = $2

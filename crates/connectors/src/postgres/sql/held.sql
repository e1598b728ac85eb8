-- Whether an account ($2) can use a role ($1) by whatever chain, and the roles it is itself a member of that
-- lead there. From PostgreSQL 16 on a membership may give neither its rights nor SET ROLE; before, each
-- gives both.
WITH pair AS (
  SELECT r.oid AS role, a.oid AS account,
         current_setting('server_version_num')::int >= 160000 AS options
  FROM (SELECT 1) one
  LEFT JOIN pg_roles r ON r.rolname = $1
  LEFT JOIN pg_roles a ON a.rolname = $2
)
SELECT account,
       CASE WHEN role IS NULL OR account IS NULL THEN false
            WHEN options THEN pg_has_role(account, role, 'USAGE') OR pg_has_role(account, role, 'SET')
            ELSE pg_has_role(account, role, 'MEMBER') END AS held,
       ARRAY(SELECT DISTINCT g.rolname::text
             FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
             WHERE m.member = account
               AND (to_jsonb(m) ->> 'inherit_option' IS DISTINCT FROM 'false'
                 OR to_jsonb(m) ->> 'set_option' IS DISTINCT FROM 'false')
               AND CASE WHEN role IS NULL THEN false
                        WHEN options THEN pg_has_role(g.oid, role, 'USAGE') OR pg_has_role(g.oid, role, 'SET')
                        ELSE pg_has_role(g.oid, role, 'MEMBER') END) AS through
FROM pair

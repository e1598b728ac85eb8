-- The direct memberships of an account ($2) in a role ($1): before PostgreSQL 16 there is at most one, and
-- its grantor plays no part.
SELECT CASE WHEN current_setting('server_version_num')::int >= 160000
       THEN pg_get_userbyid(m.grantor)::text END AS grantor
FROM pg_auth_members m
JOIN pg_roles r ON r.oid = m.roleid AND r.rolname = $1
JOIN pg_roles a ON a.oid = m.member AND a.rolname = $2

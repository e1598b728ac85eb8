-- Who is a member of what, whatever the membership says about inheritance: a role that does not inherit
-- may still SET ROLE. The owner of this database is a member of pg_database_owner without a row.
SELECT member, roleid, admin_option
FROM pg_catalog.pg_auth_members
UNION ALL
SELECT d.datdba, r.oid, false
FROM pg_catalog.pg_database d, pg_catalog.pg_roles r
WHERE d.datname = current_database() AND r.rolname = 'pg_database_owner'

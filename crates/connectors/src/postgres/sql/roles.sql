-- Every role of the cluster with the attributes that do not pass through membership but through SET ROLE.
SELECT oid, rolname::text, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
FROM pg_catalog.pg_roles

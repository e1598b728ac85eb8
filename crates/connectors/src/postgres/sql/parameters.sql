-- Settings of the server that some roles ($1; 0 is PUBLIC) may change though they are kept from others.
SELECT a.grantee, a.privilege_type, a.is_grantable, 'parameter' AS kind, p.parname AS name
FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) a
WHERE a.grantee = ANY ($1)

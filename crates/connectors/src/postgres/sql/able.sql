-- Roles other than superusers that can become an account ($1): a session of one of them may carry what the
-- account was given. Portcullis' own role does not count.
WITH RECURSIVE able AS (
  SELECT $1::oid AS oid
  UNION
  SELECT m.member FROM pg_auth_members m JOIN able ON m.roleid = able.oid
  WHERE to_jsonb(m) ->> 'inherit_option' IS DISTINCT FROM 'false'
     OR to_jsonb(m) ->> 'set_option' IS DISTINCT FROM 'false'
)
SELECT r.oid, quote_ident(r.rolname) FROM able JOIN pg_roles r ON r.oid = able.oid
WHERE r.oid <> $1 AND NOT r.rolsuper AND r.rolname <> session_user
ORDER BY r.rolname

-- What some roles ($1) own in this database and cluster-wide.
SELECT s.refobjid AS owner, coalesce(o.type, 'object'), coalesce(o.identity, s.objid::text)
FROM pg_shdepend s CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) o
WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = ANY ($1) AND s.deptype = 'o'
  AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))

-- What some roles ($1) own, or have rights on, in other databases of the cluster. Only that there is
-- something can be seen from here, not what it is.
SELECT s.refobjid, s.deptype = 'o' AS owned, count(DISTINCT (s.classid, s.objid)) AS objects,
       quote_ident(d.datname) AS database
FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = ANY ($1) AND s.deptype IN ('o', 'a')
  AND d.datname <> current_database()
GROUP BY s.refobjid, s.deptype, d.datname

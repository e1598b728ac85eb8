-- Live sessions that may carry an account's rights: those of some roles ($1) that began before a moment
-- ($2; NULL is now). SET ROLE leaves no trace in the catalogs, so each counts. When the account is gone ($3),
-- so is its name: sessions of roles that are no more count then.
SELECT s.pid, format('pid %s of %s since %s', s.pid, coalesce(quote_ident(s.usename), 'a dropped role'),
                     coalesce(to_char(s.backend_start, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'unknown'))
FROM pg_stat_activity s
WHERE s.pid <> pg_backend_pid()
  AND (s.usesysid = ANY ($1) OR ($3 AND s.usename IS NULL AND s.usesysid > 0))
  AND (s.backend_start IS NULL OR $2::text IS NULL OR s.backend_start <= $2::text::timestamptz)
ORDER BY s.pid

-- check: everything that can be wrong, as rows, with the SQL that fixes it
--
-- dcx_check() gathers the facts, with the rights that it takes, and gives them to a function per area, which only
-- looks: at what it was given, and at this database's own catalogs. A fix names our schema as it is called now: its
-- owner can rename it, and make another one of the old name. Those functions are nobody's to call: who may execute
-- dcx_check() needs no right on them, and they run as he does.

CREATE FUNCTION @extschema@.dcx_check(area text DEFAULT NULL)
RETURNS TABLE(area text, severity text, object text, problem text, detail text, fix text)
AS 'MODULE_PATHNAME', 'dcx_check' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_check(text) IS
'Everything that is wrong with what is attached, as rows. No rows: healthy.
It changes nothing. A server that cannot be reached is a row, not an error, and costs five seconds at most.
Arguments:
  area: connection, schema, catalog, updated_at, wallet or settings. NULL: all of them.
Returns: one row per finding, errors first within each area.
  area: the area.
  severity: error (something does not work, or money is not right), warning (it works until something happens) or
    info.
  object: what it is about.
  problem: what is wrong.
  detail: more about it, and what to do in another database.
  fix: SQL that you can run here as it stands, such as with \gexec in psql. NULL if a person has to decide, or if it
    takes another role: then the detail has it, and says which.
Errors:
  22023: there is no such area.
Rights: for the audit you need EXECUTE on dcx_wallet_audit, too; else a row says so. No right on a table is needed.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_check_connection(facts jsonb)
RETURNS TABLE(severity text, object text, problem text, detail text, fix text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH bound AS (
        SELECT b AS binding, b ->> 'catalog' AS catalog, b ->> 'part' AS part, b ->> 'relation' AS relation, b ->> 'server' AS server
          FROM jsonb_array_elements(facts -> 'bindings') b),
    -- The binding that a catalog's prices are read from. seen: who was attached, where attach wrote it.
    attached AS (
        SELECT a, a -> 'is' AS found, a ->> 'title' AS title, bound.catalog, binding -> 'seen' AS seen, server, relation
          FROM bound JOIN jsonb_each(facts -> 'catalogs') c (key, a) ON c.key = bound.catalog AND a ->> 'part' = bound.part),
    option AS (
        SELECT s.srvname, o.option_name, o.option_value
          FROM pg_foreign_server s, pg_options_to_table(s.srvoptions) o),
    -- Parts that have been dropped, and where they were: as those have it that are still there, or as attach wrote it down.
    lost AS (
        SELECT l.catalog, l.part, here ->> 'name' AS name, coalesce(near.binding ->> 'schema', here ->> 'schema') AS schema,
               coalesce(near.server, (SELECT srvname FROM pg_foreign_server WHERE srvname = here ->> 'server')) AS server,
               coalesce(CASE WHEN near.server IS NOT NULL THEN near.binding ->> 'remote_schema' END, here ->> 'remote_schema') AS remote_schema
          FROM bound l CROSS JOIN LATERAL (SELECT l.binding -> 'seen' -> 'here') h (here)
          LEFT JOIN LATERAL (SELECT * FROM bound n WHERE n.catalog = l.catalog AND n.binding ->> 'kind' IS NOT NULL ORDER BY n.server, n.part LIMIT 1) near ON true
         WHERE l.binding ->> 'kind' IS NULL AND facts -> 'needs' ? l.catalog),
    found AS (
        -- by_server: it makes the tables again; adoptable: what pricing needs is there already
        SELECT lost.*, server IS NOT NULL AND remote_schema = 'public'
                   AND EXISTS (SELECT FROM pg_user_mappings m WHERE m.srvname = server AND m.usename IN (current_user, 'public')) AS by_server,
               NOT EXISTS (SELECT FROM jsonb_array_elements_text(CASE WHEN part = 'prices' THEN jsonb_build_array(name) ELSE facts -> 'needed' -> lost.catalog END) n
                            WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.relname = n AND c.relnamespace = to_regnamespace(quote_ident(schema)))) AS adoptable,
               CASE WHEN part = 'prices' THEN format(', %L', name) END AS view
          FROM lost),
    -- Schema dcx under another name. Then nobody knows what is attached.
    renamed AS (
        SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relname = 'binding' AND c.relkind = 'r' AND n.nspname <> 'dcx' AND obj_description(c.oid, 'pg_class') LIKE 'dcx\_pricing: %'
           AND NOT EXISTS (SELECT FROM pg_class b WHERE b.relname = 'binding' AND b.relnamespace = to_regnamespace('dcx'))),
    -- A server as attach makes it, that nothing is attached through, and whose tables nothing else uses.
    orphan AS (
        SELECT s.srvname, (SELECT string_agg(f.ftrelid::regclass::text, ', ' ORDER BY f.ftrelid::regclass::text) FROM pg_foreign_table f WHERE f.ftserver = s.oid) AS tables
          FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname = 'postgres_fdw'
         WHERE facts ? 'bindings' AND NOT EXISTS (SELECT FROM renamed)
           AND s.srvoptions @> '{application_name=dcx_pricing}' AND NOT EXISTS (SELECT FROM lost WHERE lost.server = s.srvname)
           AND NOT EXISTS (SELECT FROM pg_foreign_table f JOIN pg_class c ON c.oid = f.ftrelid
                 WHERE f.ftserver = s.oid AND (NOT coalesce(f.ftoptions, '{}') @> '{updatable=false,truncatable=false}' OR c.relispartition
                    OR EXISTS (SELECT FROM bound WHERE (binding ->> 'oid')::oid = c.oid)
                    OR EXISTS (SELECT FROM pg_depend d WHERE d.deptype <> 'i' AND (d.refclassid, d.refobjid) IN (('pg_class'::regclass, c.oid), ('pg_type'::regclass, c.reltype), ('pg_type'::regclass, (SELECT typarray FROM pg_type WHERE oid = c.reltype)))
                                  AND (d.classid, d.objid) NOT IN (SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = c.oid UNION SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = c.oid))
                    -- What a fix would attach.
                    OR c.relname = 'products' AND c.relnamespace = to_regnamespace('aas') AND NOT EXISTS (SELECT FROM bound WHERE bound.catalog = 'aas'))))
    SELECT 'error', 'schema dcx', format('it is called %I now', nspname), 'Nothing is attached, and changes of balances are not recorded: what is attached is looked up in schema dcx.',
           CASE WHEN to_regnamespace('dcx') IS NULL THEN format('ALTER SCHEMA %I RENAME TO dcx', nspname) END
      FROM renamed
    UNION ALL
    SELECT CASE WHEN EXISTS (SELECT FROM bound WHERE bound.catalog = 'wallet') THEN 'warning' ELSE 'info' END, 'aas', 'no catalog is attached', 'Nothing can be priced.',
           CASE WHEN EXISTS (SELECT FROM pg_class c WHERE c.relname = 'products' AND c.relnamespace = to_regnamespace('aas')
                                AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('code', 'price')) = 2)
                THEN format('SELECT * FROM %I.dcx_attach_aas()', facts ->> 'schema') END
     WHERE facts ? 'bindings' AND NOT EXISTS (SELECT FROM renamed) AND NOT EXISTS (SELECT FROM bound WHERE bound.catalog = 'aas' AND part = 'products')
    UNION ALL
    -- What is attached again is attached as a whole: the fix of one is that of all.
    SELECT 'error', format('%s of catalog %s', part, catalog), 'the attached relation has been dropped',
           concat_ws(' ', 'What needs it fails.', 'It was ' || format('%I.%I', schema, name) || '.',
                     CASE WHEN NOT by_server AND NOT adoptable AND server IS NOT NULL THEN 'Attach the catalog again by its URL.' END),
           CASE WHEN row_number() OVER (PARTITION BY catalog ORDER BY by_server DESC, adoptable, part) > 1 THEN NULL
                WHEN by_server THEN format('SELECT * FROM %I.dcx_attach_%s(%L, %L%s)', facts ->> 'schema', catalog, server, schema, view)
                WHEN adoptable THEN format('SELECT * FROM %I.dcx_attach_%s(NULL, %L%s)', facts ->> 'schema', catalog, schema, view)
                WHEN server IS NULL THEN format('SELECT * FROM %I.dcx_detach(%L)', facts ->> 'schema', catalog) END
      FROM found
    UNION ALL
    SELECT 'info', format('server %I', srvname), 'attach made it, and nothing is attached through it',
           concat_ws(' ', 'The catalog was attached elsewhere since. The password in a user mapping goes with it', 'and ' || tables) || '.',
           format('DROP SERVER %I CASCADE', srvname)
      FROM orphan
    UNION ALL
    SELECT 'error', 'enetworks', 'its tables belong to several roles',
           format('They are read together, as their owner, and are not: %s.', string_agg(format('%s: %s', relation, binding ->> 'owner'), ', ' ORDER BY relation)), NULL
      FROM bound
     WHERE bound.catalog = 'enetworks' AND part IN ('bandwidth_prices', 'network_services', 'providers') AND binding ->> 'kind' IS NOT NULL
       AND NOT EXISTS (SELECT FROM bound v WHERE v.catalog = 'enetworks' AND v.part = 'prices')
    HAVING count(DISTINCT binding ->> 'owner') > 1
    UNION ALL
    SELECT 'error', format('server %I', coalesce(server, a ->> 'behind')), 'the server cannot be reached', a ->> 'error', NULL
      FROM attached WHERE NOT (a ->> 'reached')::boolean
       AND (server IS NULL OR EXISTS (SELECT FROM pg_user_mappings m WHERE m.srvname = server AND m.usename IN (a ->> 'owner', 'public')))
    UNION ALL
    SELECT i.severity, format('server %I', server), i.problem,
           format('Attached: %s. Found: %s.', seen -> 'catalog' ->> i.name, found ->> i.name), NULL
      FROM attached, (VALUES ('database', 'error', 'it is another database than was attached'),
                        ('system', 'error', 'it is another server than was attached, or a restored one'),
                        ('address', 'warning', 'the server has another address than when it was attached'),
                        ('role', 'warning', 'it is reached as another role than when it was attached'),
                        ('encoding', 'warning', 'its database has another encoding than when it was attached'),
                        ('version', 'info', 'the server has another version than when it was attached'))
             AS i (name, severity, problem)
     WHERE seen -> 'catalog' ->> i.name <> found ->> i.name
    UNION ALL
    SELECT 'warning', format('server %I', server), 'the remote role is a superuser',
           format('Reading takes no more than SELECT. In %s: CREATE ROLE ... LOGIN PASSWORD ...; GRANT SELECT ON %s TO ...; '
                  'then attach as that role.', title,
                  (SELECT string_agg(quote_ident(part), ', ' ORDER BY part) FROM bound WHERE bound.catalog = attached.catalog)), NULL
      FROM attached WHERE (found ->> 'superuser')::boolean
    UNION ALL
    SELECT 'warning', format('server %I', server), 'the remote role may write',
           format('In %s: REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %I.', title,
                  string_agg(format('%I.%I', a ->> 'schema', t.key), ', ' ORDER BY t.key), found ->> 'role'), NULL
      FROM attached, jsonb_each(found -> 'tables') t
     WHERE (t.value ->> 'writable')::boolean AND NOT (found ->> 'superuser')::boolean AND facts -> 'needs' -> catalog ? t.key
     GROUP BY server, a, title, found
    UNION ALL
    SELECT 'warning', format('server %I', server), format('the server has no %s', o.name), o.why,
           format('ALTER SERVER %I OPTIONS (ADD %s %L)', server, o.name, o.value)
      FROM (SELECT DISTINCT server FROM attached) s, (VALUES ('connect_timeout', '3', 'A host that does not answer is waited for as long as the network likes.'),
                        ('tcp_user_timeout', '5000', 'A network that loses what is sent is waited for for minutes.'))
             AS o (name, value, why)
     WHERE server IS NOT NULL
       AND NOT EXISTS (SELECT FROM option WHERE option.srvname = server AND option.option_name = o.name)
    UNION ALL
    SELECT 'warning', format('server %I', server), format('the server''s %s is %s', o.name, option.option_value), concat_ws(' ', o.why, CASE WHEN o.most > 1 THEN format('From 1 to %s.', o.most) END),
           format('ALTER SERVER %I OPTIONS (SET %s %L)', server, o.name, o.value)
      FROM (SELECT DISTINCT server FROM attached) s, (VALUES ('connect_timeout', '3', 10, 'So many seconds a host that does not answer is waited for; 0: as long as the network likes.'),
                        ('tcp_user_timeout', '5000', 30000, 'So many milliseconds a network is waited for that loses what is sent; 0: minutes.'),
                        ('keepalives', '1', 1, 'Without them nobody notices a connection that the network has dropped.'),
                        ('keepalives_idle', '5', 60, 'After so many seconds of silence a connection is looked at; 0: after hours.'),
                        ('keepalives_interval', '2', 30, 'After so many seconds it is looked at again; 0: as the system has it.'),
                        ('keepalives_count', '3', 10, 'After so many times it is given up; 0: as the system has it.'))
             AS o (name, value, most, why), option
     WHERE server IS NOT NULL AND option.srvname = server AND option.option_name = o.name
       AND option.option_value ~ '^\s*[-+]?[0-9]+\s*$' AND NOT option.option_value::numeric BETWEEN 1 AND o.most
    UNION ALL
    -- What counts there, whoever has set it: the server's options, the role's settings, or a pooler in between.
    SELECT 'warning', format('server %I', server), format('statement_timeout there is %s', CASE v.ms WHEN 0 THEN '0' ELSE v.ms || ' ms' END),
           format('What is asked there goes on after nobody waits for it any more; %s. Behind pgbouncer, in %s: ALTER ROLE %I SET statement_timeout = ''5s''.',
                  CASE v.ms WHEN 0 THEN '0 is without end' ELSE 'up to 60 s is enough' END, title, found ->> 'role') ||
           CASE WHEN pooled THEN format(' Else: %s.', mend.sql) ELSE '' END,
           CASE WHEN NOT pooled THEN mend.sql END
      FROM attached CROSS JOIN LATERAL (SELECT (found ->> 'statement_timeout')::bigint) AS v (ms)
      LEFT JOIN option ON option.srvname = server AND option.option_name = 'options'
      -- Attach sends options, except to a pooler, which would refuse the connection.
      CROSS JOIN LATERAL (SELECT option.option_value IS NULL AND EXISTS
          (SELECT FROM option o WHERE o.srvname = server AND (o.option_name, o.option_value) = ('application_name', 'dcx_pricing'))) AS pooler (pooled)
      CROSS JOIN LATERAL (SELECT format('ALTER SERVER %I OPTIONS (%s options %L)', server, CASE WHEN option.option_value IS NULL THEN 'ADD' ELSE 'SET' END,
                                        concat_ws(' ', option.option_value, '-c statement_timeout=5s'))) AS mend (sql)
     WHERE v.ms = 0 OR v.ms > 60000
    UNION ALL
    SELECT 'error', format('server %I', server), format('role %I has no user mapping', binding ->> 'owner'),
           format('%s is read as its owner.', string_agg(relation, ', ' ORDER BY relation)), NULL
      FROM bound
     WHERE server IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_user_mappings m WHERE m.srvname = server AND m.usename IN (binding ->> 'owner', 'public'))
     GROUP BY server, binding ->> 'owner'
    UNION ALL
    SELECT 'warning', relation, 'this database is not the one that attached the catalog',
           format('Attached by database %s of system %s; this is %s of %s. A copy that was restored elsewhere still points at '
                  'the old catalog: attach the right one, or this one again.',
                  seen -> 'main' ->> 'database', seen -> 'main' ->> 'system',
                  facts -> 'local' ->> 'database', facts -> 'local' ->> 'system'), NULL
      FROM attached
     WHERE (seen -> 'main' ->> 'database', seen -> 'main' ->> 'system')
        <> (facts -> 'local' ->> 'database', facts -> 'local' ->> 'system')
    UNION ALL
    -- A relation is attached, whatever it is called. Who publishes by renaming means the name. named: when it was attached,
    -- which earlier versions did not note; other: what has the name now.
    SELECT CASE WHEN other IS NULL THEN 'info' ELSE 'warning' END, relation, format('what is attached is no longer called %I.%I', schema, name),
           CASE WHEN other IS NULL THEN 'It is used as before.' ELSE format('It is used as before. %s is another relation, and is not used.', other::regclass) END,
           CASE WHEN catalog = 'wallet' AND 2 > (SELECT count(*) FROM pg_attribute WHERE attrelid = coalesce(other, oid) AND attname IN (organisation, balance) AND attnum > 0)
                THEN NULL
                WHEN catalog = 'wallet'
                THEN concat(CASE WHEN other IS NOT NULL THEN format('SELECT * FROM %I.dcx_detach(%L); ', facts ->> 'schema', catalog) END,
                            format('SELECT * FROM %I.dcx_attach_wallet(%L, %L, %L)', facts ->> 'schema', coalesce(other, oid)::regclass, organisation, balance))
                WHEN other IS NULL THEN format('ALTER TABLE %s RENAME TO %I', relation, name)
                -- All that is attached of the catalog is there.
                WHEN NOT EXISTS (SELECT FROM bound p WHERE p.catalog = named.catalog AND NOT EXISTS
                       (SELECT FROM pg_class c WHERE c.relname = CASE p.part WHEN 'prices' THEN name ELSE p.part END AND c.relnamespace = to_regnamespace(quote_ident(schema))))
                THEN format('SELECT * FROM %I.dcx_attach_%s(NULL, %L%s)', facts ->> 'schema', catalog, schema, CASE WHEN part = 'prices' THEN format(', %L', name) END) END
      FROM (SELECT bound.*, here, c.oid, c.relname, coalesce(o.schema, here ->> 'schema', nspname) AS schema, n.name, o.other,
                   binding -> 'columns' ->> 0 AS organisation, binding -> 'columns' ->> 1 AS balance
              FROM bound JOIN pg_class c ON c.oid = (binding ->> 'oid')::oid JOIN pg_namespace ON pg_namespace.oid = c.relnamespace
             CROSS JOIN LATERAL (SELECT binding -> 'seen' -> 'here') h (here)
             CROSS JOIN LATERAL (SELECT coalesce(here ->> 'name', CASE WHEN bound.catalog = 'wallet' OR part = 'prices' THEN relname ELSE part END)) n (name)
              LEFT JOIN LATERAL (SELECT s.schema, r.oid FROM (VALUES (1, here ->> 'schema'), (2, nspname)) AS s (n, schema)
                      JOIN pg_class r ON r.relname = n.name AND r.relnamespace = to_regnamespace(quote_ident(s.schema))
                     WHERE r.oid <> c.oid AND r.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY s.n LIMIT 1) o (schema, other) ON true) AS named
     WHERE (other IS NOT NULL OR relname <> name)
       -- A restored dump has other OIDs. Where only the relation has another, its binding was changed by hand.
       AND (here ->> 'oid' = oid::text OR NOT EXISTS (SELECT FROM pg_namespace WHERE oid::text = here ->> 'schema_oid' AND nspname = here ->> 'schema'));
END;
COMMENT ON FUNCTION @extschema@.dcx_check_connection(jsonb) IS
'Internal: the area connection of dcx_check. How the catalogs'' servers are reached, and whether they are those that
were attached.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check_connection(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_check_schema(facts jsonb)
RETURNS TABLE(severity text, object text, problem text, detail text, fix text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH part AS (
        -- there: the table that a binding is of, or where it is, and what to call it there; of the catalog that was asked only
        SELECT b ->> 'catalog' AS catalog, b ->> 'part' AS part, b ->> 'relation' AS relation, b ->> 'server' IS NOT NULL AS is_foreign,
               (b ->> 'oid')::oid AS oid, facts -> 'needs' -> (b ->> 'catalog') -> (b ->> 'part') -> 'columns' AS needs,
               CASE WHEN b ->> 'server' IS NOT NULL THEN a -> 'is' -> 'tables' -> (b ->> 'remote_table')
                    ELSE facts -> 'local' -> 'tables' -> (b ->> 'relation') END AS there,
               CASE WHEN b ->> 'server' IS NOT NULL THEN format('%I.%I', a ->> 'schema', b ->> 'remote_table')
                    ELSE b ->> 'relation' END AS name,
               CASE WHEN b ->> 'server' IS NOT NULL THEN format('In %s: ', a ->> 'title') ELSE '' END AS place,
               a -> 'is' ->> 'database' AS database
          FROM jsonb_array_elements(facts -> 'bindings') b JOIN jsonb_each(facts -> 'catalogs') c (key, a) ON c.key = b ->> 'catalog'
         WHERE b ->> 'kind' IS NOT NULL AND (a ->> 'reached')::boolean
           AND (b ->> 'server' IS NULL OR (b ->> 'server', b ->> 'remote_schema') = (a ->> 'server', a ->> 'schema'))),
    here AS (
        SELECT p.catalog, p.part, p.relation, a.attname::text AS attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
               -- what a domain of this database is over
               (SELECT format_type(t.oid, (l ->> 'typmod')::integer)
                  FROM (VALUES (facts -> 'local' -> 'tables' -> p.relation -> 'columns' -> a.attname::text)) AS v (l) JOIN pg_type t ON t.typname = l ->> 'builtin'
                 WHERE t.typnamespace = 'pg_catalog'::regnamespace) AS base,
               coalesce((SELECT option_value FROM pg_options_to_table(a.attfdwoptions) WHERE option_name = 'column_name'),
                        a.attname::text) AS name,
               -- by what it can neither go nor become another one
               CASE WHEN a.attinhcount > 0 THEN 'It is inherited.' ELSE 'It is used by ' || (SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ') FROM pg_depend d
                 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype = 'n'
                   AND d.classid <> 'pg_constraint'::regclass) || ', which has to go first.' END AS used,
               a.attinhcount > 0 AS is_inherited
          FROM part p JOIN pg_attribute a ON a.attrelid = p.oid
         WHERE p.is_foreign AND a.attnum > 0 AND NOT a.attisdropped),
    need AS (
        -- name: what a column that is needed is called there
        SELECT p.part, p.name AS relation, p.place, p.there -> 'columns' AS columns, n.value AS need, coalesce(h.name, n.key) AS name,
               p.there ->> 'kind' IN ('r', 'p') AS is_table
          FROM part p CROSS JOIN jsonb_each(p.needs) n LEFT JOIN here h ON (h.catalog, h.part, h.attname) = (p.catalog, p.part, n.key)
         WHERE p.there IS NOT NULL),
    remote AS (
        -- with the type that it has here, of our own naming: what another server says is a type goes into no fix
        SELECT p.catalog, p.part, p.relation, p.needs,
               EXISTS (SELECT FROM pg_class l WHERE l.oid = p.oid AND l.relispartition) AS is_partition,
               c.key AS name, c.value ->> 'type' AS type, (c.value ->> 'not_null')::boolean AS not_null,
               (SELECT format_type(t.oid, (c.value ->> 'typmod')::integer) FROM pg_type t
                 WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typname = c.value ->> 'builtin') AS builtin,
               CASE WHEN (c.value ->> 'number')::boolean THEN 'numeric' ELSE 'text' END AS otherwise
          FROM part p, jsonb_each(p.there -> 'columns') c WHERE p.is_foreign)
    SELECT 'error', relation, 'the remote table is gone', format('There is no %s in database %s.', name, database), NULL
      FROM part WHERE is_foreign AND there IS NULL
    UNION ALL
    SELECT CASE WHEN (need ->> 'needed')::boolean THEN 'error' ELSE 'info' END, relation, format('there is no column %I', name),
           coalesce((SELECT 'It has ' || string_agg(quote_ident(c), ', ') || '.' FROM jsonb_object_keys(columns) c
                      WHERE lower(c) = lower(name)),
                    CASE WHEN is_table THEN format('%sALTER TABLE %s ADD COLUMN %I %s.', place, relation, name,
                                                   CASE WHEN (need ->> 'number')::boolean THEN 'numeric' ELSE 'text' END)
                         ELSE 'It is no table, and has the columns of what it reads.' END), NULL
      FROM need WHERE NOT columns ? name
    UNION ALL
    SELECT 'error', relation, format('column %I is not a number', name),
           concat_ws(' ', format('It is of type %s.', columns -> name ->> 'type'),
                     CASE WHEN is_table THEN format('%sALTER TABLE %s ALTER COLUMN %I TYPE numeric USING %I::numeric.', place, relation, name, name) END),
           NULL
      FROM need WHERE (need ->> 'number')::boolean AND NOT (columns -> name ->> 'number')::boolean
    UNION ALL
    SELECT CASE WHEN (p.needs -> h.attname ->> 'needed')::boolean THEN 'error' ELSE 'warning' END, p.relation,
           format('column %I is not in the remote table', h.attname), concat_ws(' ', 'Reading it fails.', h.used),
           CASE WHEN h.used IS NULL THEN format('ALTER FOREIGN TABLE %s DROP COLUMN %I', p.relation, h.attname) END
      FROM here h JOIN part p USING (catalog, part)
     WHERE p.there IS NOT NULL AND NOT p.there -> 'columns' ? h.name
    UNION ALL
    -- A name that pricing needs is that of a column here, whatever others show of the remote one.
    SELECT CASE WHEN (r.needs -> r.name ->> 'needed')::boolean THEN 'error' WHEN r.needs ? r.name THEN 'warning' ELSE 'info' END, r.relation,
           format('column %I of the remote table is not here', r.name), format('It is of type %s.', r.type),
           CASE WHEN NOT is_partition
                THEN format('ALTER FOREIGN TABLE %s ADD COLUMN %I %s%s', r.relation, r.name, coalesce(r.builtin, r.otherwise),
                            CASE WHEN r.not_null THEN ' NOT NULL' END) END
      FROM remote r
     WHERE NOT EXISTS (SELECT FROM here h WHERE (h.catalog, h.part) = (r.catalog, r.part) AND (h.attname = r.name OR h.name = r.name AND NOT r.needs ? r.name))
    UNION ALL
    SELECT 'warning', r.relation, format('column %I has another type here', h.attname),
           concat_ws(' ', format('Here: %s. There: %s.', h.type, r.type), h.used),
           CASE WHEN h.used IS NULL THEN format('ALTER FOREIGN TABLE %s ALTER COLUMN %I TYPE %s', r.relation, h.attname, r.builtin) END
      FROM remote r JOIN here h ON (h.catalog, h.part, h.name) = (r.catalog, r.part, r.name)
     WHERE h.type <> r.builtin AND h.base IS DISTINCT FROM r.builtin
    UNION ALL
    SELECT CASE WHEN h.attnotnull THEN 'warning' ELSE 'info' END, r.relation,
           format('column %I can%s be NULL here', h.attname, CASE WHEN h.attnotnull THEN 'not' ELSE '' END),
           format('In the remote table it can%s.', CASE WHEN h.attnotnull THEN '' ELSE 'not' END),
           CASE WHEN NOT h.is_inherited OR NOT h.attnotnull
                THEN format('ALTER FOREIGN TABLE %s ALTER COLUMN %I %s NOT NULL', r.relation, h.attname, CASE WHEN h.attnotnull THEN 'DROP' ELSE 'SET' END) END
      FROM remote r JOIN here h ON (h.catalog, h.part, h.name) = (r.catalog, r.part, r.name)
     WHERE h.attnotnull <> r.not_null
    UNION ALL
    SELECT 'info', b ->> 'relation', format('it is of another server or schema than the %s', a ->> 'items'), 'It is not compared with what is there.', NULL
      FROM jsonb_array_elements(facts -> 'bindings') b JOIN jsonb_each(facts -> 'catalogs') c (key, a) ON c.key = b ->> 'catalog'
     WHERE b ->> 'server' IS NOT NULL AND (a ->> 'reached')::boolean
       AND (b ->> 'server', b ->> 'remote_schema') IS DISTINCT FROM (a ->> 'server', a ->> 'schema')
    UNION ALL
    SELECT 'warning', name, 'there is no primary key',
           CASE WHEN there -> 'columns' ? 'id' THEN format('%sALTER TABLE %s ADD PRIMARY KEY (id).', place, name) END, NULL
      FROM part WHERE there ->> 'kind' IN ('r', 'p') AND there ->> 'primary_key' IS NULL
    UNION ALL
    SELECT 'warning', p.name, format('there is no foreign key %I -> %I.id', k.key, k.referenced),
           format('%sALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (id).', p.place, p.name, k.key, r.name), NULL
      FROM (VALUES ('aas', 'products', 'categoryId', 'categories'), ('enetworks', 'network_services', 'providerId', 'providers'),
                   ('enetworks', 'bandwidth_prices', 'serviceId', 'network_services')) AS k (catalog, part, key, referenced)
      JOIN part p USING (catalog, part) JOIN part r ON (r.catalog, r.part) = (k.catalog, k.referenced)
     WHERE p.there ->> 'kind' = 'r' AND r.there ->> 'kind' = 'r' AND p.there -> 'columns' ? k.key AND r.there -> 'columns' ? 'id'
       AND NOT coalesce(p.there -> 'foreign_keys' ? format('%s -> %s.id', k.key, k.referenced), false)
    UNION ALL
    SELECT 'warning', p.name, format('column %I is no timestamp with time zone', c.key),
           format('It is of type %s. %sALTER TABLE %s ALTER COLUMN %I TYPE timestamptz(3) USING %I AT TIME ZONE ''UTC''.',
                  c.value ->> 'type', p.place, p.name, c.key, c.key), NULL
      FROM part p, jsonb_each(p.there -> 'columns') c
     WHERE p.part = 'products' AND c.key IN ('createdAt', 'updatedAt') AND c.value ->> 'type' LIKE 'timestamp%without%';
END;
COMMENT ON FUNCTION @extschema@.dcx_check_schema(jsonb) IS
'Internal: the area schema of dcx_check. What pricing needs, what the catalog''s tables are, and what the foreign tables
say they are.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check_schema(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_check_catalog(facts jsonb, products jsonb, categories jsonb, templates jsonb, book jsonb)
RETURNS TABLE(severity text, object text, problem text, detail text, fix text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    -- A column that is missing is the schema's, and a part that could not be read is NULL.
    WITH product AS (
        SELECT p, p ->> 'code' AS code, coalesce(nullif(p ->> 'code', ''), p ->> 'id', '') AS name, (p ->> 'price')::numeric AS price,
               (p ->> 'cost')::numeric AS cost, (p ->> 'unit')::numeric AS unit, p ->> 'categoryId' AS category
          FROM jsonb_array_elements(products) p),
    priced AS (
        SELECT *, price >= 0 AND price < 'Infinity' AS usable FROM product),
    category AS (
        SELECT c ->> 'id' AS id, coalesce(c ->> 'name', c ->> 'id') AS name FROM jsonb_array_elements(categories) c),
    template AS (
        SELECT t, coalesce(t ->> 'name', t ->> 'id') AS name, (t ->> 'vcpus')::numeric AS vcpus, (t ->> 'memory')::numeric AS memory,
               (t ->> 'disk')::numeric AS disk
          FROM jsonb_array_elements(templates) t),
    was AS MATERIALIZED (
        SELECT b.key AS code, CASE WHEN jsonb_typeof(b.value -> 'price') = 'number' THEN (b.value ->> 'price')::numeric END AS price
          FROM jsonb_each(book) b),
    -- Joined twice, to be counted and for the first ten: sorting all takes longer.
    changed AS NOT MATERIALIZED (
        SELECT p.code, p.price, w.price AS was_price FROM priced p JOIN was w USING (code) WHERE p.usable AND p.price <> w.price)
    SELECT 'error', code, 'several products have this code', format('%s of them; none can be priced.', count(*)), NULL
      FROM product WHERE code <> '' AND strpos(code, chr(26)) = 0 GROUP BY code HAVING count(*) > 1
    UNION ALL
    -- A character that cannot be had in this database has come as \u001a (src/remote/encoding.h).
    SELECT CASE WHEN (need ->> 'needed')::boolean THEN 'error' ELSE 'warning' END,
           replace(coalesce(nullif(r.value ->> label, ''), r.value ->> 'id', part), chr(26), '?'), format('column %I of %I cannot be had', t.key, part),
           format('Encoding %s of this database lacks a character of it, or its bytes are not valid: %s. It counts as NULL. Correct it in AAS.',
                  getdatabaseencoding(), replace(t.value, chr(26), '?')), NULL
      FROM (VALUES ('products', 'code', products), ('categories', 'id', categories), ('terraform_vm_config', 'name', templates)) AS p (part, label, rows),
           jsonb_array_elements(rows) r, jsonb_each_text(r.value) t, LATERAL (SELECT facts -> 'needs' -> 'aas' -> part -> 'columns' -> t.key) AS n (need)
     WHERE strpos(rows::text, '\u001a') > 0 AND strpos(t.value, chr(26)) > 0 AND need ->> 'number' = 'false'
    UNION ALL
    SELECT 'error', name, 'the product has no code', format('Its title is %s.', coalesce(p ->> 'title', 'missing')), NULL
      FROM product WHERE coalesce(code, '') = '' AND p ? 'code'
    UNION ALL
    SELECT 'error', name, 'the price cannot be used', coalesce('It is ' || price || '.', 'There is none.'), NULL
      FROM priced WHERE usable IS NOT TRUE AND p ? 'price'
    UNION ALL
    SELECT 'warning', name, 'the price is 0', NULL, NULL FROM priced WHERE price = 0
    UNION ALL
    SELECT 'warning', name, 'the price is below the cost', format('Price %s, cost %s.', price, cost), NULL
      FROM priced WHERE usable AND price < cost AND cost < 'Infinity'
    UNION ALL
    SELECT 'warning', name, 'the unit is not 1', format('It is %s, and priced as per 1.', unit), NULL FROM product WHERE unit <> 1
    UNION ALL
    SELECT 'warning', name, 'the price has more than four decimals', format('It is %s.', price), NULL
      FROM priced WHERE usable AND min_scale(price) > 4
    UNION ALL
    SELECT 'warning', name, 'the product has no category', coalesce('There is no category ' || category || '.', 'It names none.'), NULL
      FROM product WHERE categories IS NOT NULL AND p ? 'categoryId' AND (category IN (SELECT id FROM category)) IS NOT TRUE
    UNION ALL
    SELECT 'info', name, 'the category has no product', NULL, NULL
      FROM category WHERE products IS NOT NULL AND (id IN (SELECT category FROM product)) IS NOT TRUE
    UNION ALL
    -- A code that several products have is nobody's; one that only differs in case is found as well.
    SELECT 'error', codes, format('there is no %s that can be priced', noun), 'No VM can.', NULL
      FROM (VALUES ('CPU_*', '^CPU_', 'CPU'), ('RAM_GB', '^RAM_GB$', 'RAM'), ('STORAGE_*', '^STORAGE_', 'storage')) AS f (codes, pattern, noun)
     WHERE products IS NOT NULL
       AND NOT EXISTS (SELECT FROM priced WHERE code ~* pattern AND strpos(code, chr(26)) = 0 GROUP BY code HAVING count(*) = 1 AND bool_and(usable))
    UNION ALL
    SELECT 'warning', name, 'the template cannot be priced', format('CPUs %s, GB of RAM %s, GB of storage %s.', coalesce(vcpus::text, 'missing'),
               coalesce(memory::text, 'missing'), coalesce(disk::text, 'missing')), NULL
      FROM template
     WHERE (vcpus >= 1 AND vcpus < 'Infinity' AND vcpus = trunc(vcpus) AND memory > 0 AND memory < 'Infinity'
            AND disk >= 0 AND disk < 'Infinity') IS NOT TRUE AND t ?& ARRAY['vcpus', 'memory', 'disk']
    UNION ALL
    SELECT 'warning', 'products', 'there are far more or fewer than in the last saved book',
           format('%s, and %s at %s.', n, facts -> 'books' -> 'aas' ->> 'products', facts -> 'books' -> 'aas' ->> 'last_seen_at'), NULL
      FROM (SELECT count(*) AS n FROM product) c
     WHERE abs(n - (facts -> 'books' -> 'aas' ->> 'products')::numeric) > greatest(5, (facts -> 'books' -> 'aas' ->> 'products')::numeric / 5)
       AND products IS NOT NULL
    UNION ALL
    SELECT 'info', 'products', 'prices have changed since the last saved book',
           format('%s of them: %s%s', n, listed, CASE WHEN n > 10 THEN '; ...' ELSE '.' END),
           format('SELECT * FROM %I.dcx_price_book_save()', facts ->> 'schema')
      FROM (SELECT count(*) AS n FROM changed) counted,
           (SELECT string_agg(format('%s: %s, was %s', code, price, was_price), '; ' ORDER BY code, price) AS listed
              FROM (SELECT * FROM changed ORDER BY code, price LIMIT 10) f) first
     WHERE n > 0;
END;
COMMENT ON FUNCTION @extschema@.dcx_check_catalog(jsonb, jsonb, jsonb, jsonb, jsonb) IS
'Internal: the area catalog of dcx_check, for products, categories and templates.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check_catalog(jsonb, jsonb, jsonb, jsonb, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_check_network(facts jsonb, bands jsonb, services jsonb, providers jsonb, prices jsonb, book jsonb)
RETURNS TABLE(severity text, object text, problem text, detail text, fix text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    -- As dcx_check_catalog has it. Of a view that stands for the tables, rows of one service differ in the band alone.
    WITH service AS (
        SELECT s ->> 'id' AS id, s ->> 'code' AS code, coalesce(nullif(s ->> 'code', ''), s ->> 'id', '') AS name, s ->> 'title' AS title,
               s ->> 'providerId' AS provider_id
          FROM jsonb_array_elements(services) s
        UNION ALL
        SELECT jsonb_build_array(p -> 'code', p -> 'title', p -> 'provider', p -> 'active')::text, p ->> 'code', coalesce(nullif(p ->> 'code', ''), p ->> 'title', ''), p ->> 'title', NULL
          FROM jsonb_array_elements(prices) p GROUP BY p -> 'code', p -> 'title', p -> 'provider', p -> 'active', p ->> 'code', p ->> 'title'),
    provider AS (
        -- As pricing reads it, which takes anything else for inactive.
        SELECT p ->> 'id' AS id, coalesce(p ->> 'name', p ->> 'id') AS name, p ->> 'active' ~* '^(t|tr|tru|true|y|ye|yes|on|1)$' AS active FROM jsonb_array_elements(providers) p),
    band AS (
        SELECT b ->> 'serviceId' AS service_id, b ->> 'id' AS id, (b ->> 'minMbps')::numeric AS low, (b ->> 'maxMbps')::numeric AS high,
               (b ->> 'fixedPrice')::numeric AS fixed, (b ->> 'pricePerMbps')::numeric AS per_mbps, (b ->> 'cost')::numeric AS cost,
               b ?& ARRAY['minMbps', 'fixedPrice', 'pricePerMbps'] AS whole
          FROM jsonb_array_elements(bands) b
        UNION ALL
        SELECT jsonb_build_array(p -> 'code', p -> 'title', p -> 'provider', p -> 'active')::text, NULL, (p ->> 'min_mbps')::numeric, (p ->> 'max_mbps')::numeric,
               (p ->> 'fixed_price')::numeric, (p ->> 'price_per_mbps')::numeric, (p ->> 'cost')::numeric,
               p ?& ARRAY['min_mbps', 'fixed_price', 'price_per_mbps']
          FROM jsonb_array_elements(prices) p),
    whole AS (
        SELECT *, low < coalesce(high, 'Infinity') AND coalesce(high, 'Infinity') > 0 AND coalesce(high, 0) <> 'NaN' AS is_range,
               fixed >= 0 AND fixed < 'Infinity' AND per_mbps >= 0 AND per_mbps < 'Infinity' AS usable
          FROM band WHERE whole),
    priced AS (
        SELECT s.name AS service, concat(s.name, ', ', coalesce(b.low::text, 'NULL'), ' to ' || b.high, ' Mbps', CASE WHEN b.high IS NULL THEN ' and above' END) AS name,
               b.low, coalesce(b.high, 'Infinity') AS high, b.fixed, b.per_mbps, b.cost, b.is_range, b.usable,
               -- so_far: where the ranges below end
               max(coalesce(b.high, 'Infinity')) FILTER (WHERE b.is_range)
                   OVER (PARTITION BY s.id ORDER BY b.low, b.high ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS so_far
          FROM whole b JOIN service s ON s.id = b.service_id),
    was AS MATERIALIZED (
        SELECT s.key AS code, (b ->> 'min_mbps')::numeric AS low,
               CASE WHEN jsonb_typeof(b -> 'fixed_price') = 'number' THEN (b ->> 'fixed_price')::numeric END AS fixed,
               CASE WHEN jsonb_typeof(b -> 'price_per_mbps') = 'number' THEN (b ->> 'price_per_mbps')::numeric END AS per_mbps
          FROM jsonb_each(book) s, jsonb_array_elements(CASE jsonb_typeof(s.value -> 'bands') WHEN 'array' THEN s.value -> 'bands' END) b
         WHERE jsonb_typeof(b -> 'min_mbps') = 'number'),
    changed AS NOT MATERIALIZED (
        SELECT p.name, p.fixed, p.per_mbps, w.fixed AS was_fixed, w.per_mbps AS was_per_mbps
          FROM priced p JOIN was w ON (w.code, w.low) = (p.service, p.low) WHERE p.usable AND (p.fixed, p.per_mbps) <> (w.fixed, w.per_mbps))
    SELECT 'error', code, 'several network services have this code', format('%s of them; none can be priced.', count(*)), NULL
      FROM service WHERE code <> '' AND strpos(code, chr(26)) = 0 GROUP BY code HAVING count(*) > 1
    UNION ALL
    -- A character that cannot be had in this database has come as \u001a (src/remote/encoding.h).
    SELECT DISTINCT CASE WHEN (need ->> 'needed')::boolean THEN 'error' ELSE 'warning' END,
           replace(coalesce(nullif(r.value ->> label, ''), r.value ->> 'id', part), chr(26), '?'), format('column %I of %I cannot be had', t.key, part),
           format('Encoding %s of this database lacks a character of it, or its bytes are not valid: %s. It counts as NULL. Correct it in E-Networks.',
                  getdatabaseencoding(), replace(t.value, chr(26), '?')), NULL
      FROM (VALUES ('network_services', 'code', services), ('providers', 'id', providers), ('bandwidth_prices', 'id', bands), ('prices', 'code', prices)) AS p (part, label, rows),
           jsonb_array_elements(rows) r, jsonb_each_text(r.value) t, LATERAL (SELECT facts -> 'needs' -> 'enetworks' -> part -> 'columns' -> t.key) AS n (need)
     WHERE strpos(rows::text, '\u001a') > 0 AND strpos(t.value, chr(26)) > 0 AND need ->> 'number' = 'false'
    UNION ALL
    SELECT 'error', name, 'the network service has no code', format('Its title is %s.', coalesce(title, 'missing')), NULL
      FROM service WHERE coalesce(code, '') = ''
    UNION ALL
    SELECT 'error', name, 'the band is no range of bandwidths', 'It holds nothing: a band ends above 0 and above its beginning, or nowhere.', NULL
      FROM priced WHERE is_range IS NOT TRUE
    UNION ALL
    SELECT 'warning', name, 'the band begins below 0', 'No bandwidth is there.', NULL
      FROM priced WHERE is_range AND low < 0
    UNION ALL
    SELECT 'error', name, format('the %s cannot be used', v.what), coalesce('It is ' || v.price || '.', 'There is none.'), NULL
      FROM priced, LATERAL (VALUES ('fixed price', fixed), ('price per Mbps', per_mbps)) AS v (what, price)
     WHERE (v.price >= 0 AND v.price < 'Infinity') IS NOT TRUE
    UNION ALL
    SELECT 'error', name, 'the band overlaps another one', format('Bandwidths from %s%s cannot be priced.', low, ' to below ' || nullif(least(so_far, high), 'Infinity')), NULL
      FROM priced WHERE is_range AND so_far > low
    UNION ALL
    SELECT 'warning', service, 'there is a gap between its bands', format('From %s to below %s Mbps it has no price.', so_far, low), NULL
      FROM priced WHERE is_range AND so_far < low
    UNION ALL
    SELECT 'warning', name, 'the band costs nothing', NULL, NULL FROM priced WHERE fixed = 0 AND per_mbps = 0
    UNION ALL
    SELECT 'warning', name, 'the price per Mbps is below the cost', format('Price %s, cost %s.', per_mbps, cost), NULL
      FROM priced WHERE per_mbps >= 0 AND per_mbps < cost AND cost < 'Infinity'
    UNION ALL
    SELECT 'warning', name, format('the %s has more than four decimals', v.what), format('It is %s.', v.price), NULL
      FROM priced, LATERAL (VALUES ('fixed price', fixed), ('price per Mbps', per_mbps)) AS v (what, price)
     WHERE v.price >= 0 AND v.price < 'Infinity' AND min_scale(v.price) > 4
    UNION ALL
    SELECT 'warning', name, 'the network service has no band', 'It cannot be priced.', NULL
      FROM service WHERE bands IS NOT NULL AND services IS NOT NULL AND (id IN (SELECT service_id FROM band)) IS NOT TRUE
    UNION ALL
    SELECT 'warning', name, 'the network service has no provider', coalesce('There is no provider ' || provider_id || '.', 'It names none.'), NULL
      FROM service WHERE services IS NOT NULL AND providers IS NOT NULL AND (provider_id IN (SELECT id FROM provider)) IS NOT TRUE
    UNION ALL
    SELECT 'warning', coalesce(id, 'bandwidth_prices'), 'the band has no network service', coalesce('There is no service ' || service_id || '.', 'It names none.'), NULL
      FROM band WHERE services IS NOT NULL AND (service_id IN (SELECT id FROM service)) IS NOT TRUE
    UNION ALL
    SELECT 'info', p.name, 'the provider is not active', format('Not on offer: %s.', string_agg(s.name, ', ' ORDER BY s.name)), NULL
      FROM provider p JOIN service s ON s.provider_id = p.id WHERE p.active IS NOT TRUE GROUP BY p.id, p.name
    UNION ALL
    SELECT 'info', name, 'the provider has no network service', NULL, NULL
      FROM provider WHERE services IS NOT NULL AND (id IN (SELECT provider_id FROM service)) IS NOT TRUE
    UNION ALL
    SELECT 'warning', 'network services', 'there are far more or fewer than in the last saved book',
           format('%s, and %s at %s.', n, facts -> 'books' -> 'enetworks' ->> 'products', facts -> 'books' -> 'enetworks' ->> 'last_seen_at'), NULL
      FROM (SELECT count(*) AS n FROM service) c
     WHERE abs(n - (facts -> 'books' -> 'enetworks' ->> 'products')::numeric) > greatest(5, (facts -> 'books' -> 'enetworks' ->> 'products')::numeric / 5)
       AND coalesce(services, prices) IS NOT NULL
    UNION ALL
    SELECT 'info', 'network services', 'prices have changed since the last saved book',
           format('%s of them: %s%s', n, listed, CASE WHEN n > 10 THEN '; ...' ELSE '.' END),
           format('SELECT * FROM %I.dcx_price_book_save(%L)', facts ->> 'schema', 'enetworks')
      FROM (SELECT count(*) AS n FROM changed) counted,
           (SELECT string_agg(format('%s: %s and %s per Mbps, were %s and %s', name, fixed, per_mbps, was_fixed, was_per_mbps), '; '
                              ORDER BY name, fixed, per_mbps, was_fixed, was_per_mbps) AS listed
              FROM (SELECT * FROM changed ORDER BY name, fixed, per_mbps, was_fixed, was_per_mbps LIMIT 10) f) first
     WHERE n > 0;
END;
COMMENT ON FUNCTION @extschema@.dcx_check_network(jsonb, jsonb, jsonb, jsonb, jsonb, jsonb) IS
'Internal: the area catalog of dcx_check, for network services, providers and bands.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check_network(jsonb, jsonb, jsonb, jsonb, jsonb, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_check_updated_at(facts jsonb, ahead jsonb)
RETURNS TABLE(severity text, object text, problem text, detail text, fix text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH kept AS (
        SELECT t.key AS name, t.value -> 'updated_at' AS state, t.value ->> 'kind' AS kind, '' AS place, NULL AS extension
          FROM jsonb_each(facts -> 'local' -> 'tables') t
        UNION ALL
        SELECT format('%I.%I', a ->> 'schema', t.key), t.value -> 'updated_at', t.value ->> 'kind', format('In %s: ', a ->> 'title'),
               'CREATE EXTENSION IF NOT EXISTS dcx_pricing; '
          FROM jsonb_each(facts -> 'catalogs') c (key, a), jsonb_each(a -> 'is' -> 'tables') t),
    timed AS (
        SELECT name, place, extension, state ->> 'trigger' AS trigger, (state ->> 'enabled')::boolean AS enabled, state ->> 'shared' AS shared,
               (state ->> 'generated')::boolean AS generated,
               (SELECT string_agg(quote_ident(x), ', ' ORDER BY x COLLATE "C") FROM jsonb_array_elements_text(nullif(state -> 'after', 'null')) x) AS later,
               (SELECT max(x COLLATE "C") FROM jsonb_array_elements_text(nullif(state -> 'after', 'null')) x) AS latest,
               -- As attach does it: a partitioned table's trigger has a name that no other one has. Elsewhere its OID is not known.
               CASE WHEN kind = 'p' THEN coalesce(substring(state ->> 'trigger', '_updated_at(_[0-9]+)$'),
                    '_' || coalesce(CASE WHEN place = '' THEN to_regclass(name)::oid::bigint END, row_number() OVER (PARTITION BY place, kind ORDER BY name))) END AS number
          FROM kept WHERE state ->> 'type' LIKE 'timestamp%'),
    -- Triggers fire in the order of their names, which are not longer than this.
    renamed AS (
        SELECT *, CASE WHEN octet_length(concat(latest, '_updated_at', number)) < 64 THEN concat(latest, '_updated_at', number) END AS last_name FROM timed),
    -- Rows of the future, of all partitions of a table together.
    future AS (
        SELECT r ->> 'relation' AS name, CASE WHEN r ->> 'catalog' IS NULL THEN '' ELSE format('In %s: ', r ->> 'catalog') END AS place,
               bool_or((r ->> 'subscribed')::boolean) AS subscribed, sum((r -> 'rows' ->> 'count')::numeric) AS n,
               replace(to_jsonb(max((r -> 'rows' ->> 'latest')::timestamp)) #>> '{}', 'T', ' ') AS latest,
               CASE WHEN min(r -> 'rows' ->> 'type') LIKE '%with time zone' THEN 'CURRENT_TIMESTAMP' ELSE 'CURRENT_TIMESTAMP AT TIME ZONE ''UTC''' END AS now
          FROM jsonb_array_elements(ahead) r GROUP BY 1, 2)
    SELECT 'warning', name, 'column "updatedAt" is of another type than timestamp', format('It is of type %s.', state ->> 'type'), NULL
      FROM kept WHERE state ->> 'type' NOT LIKE 'timestamp%'
    UNION ALL
    SELECT 'warning', name, 'column "updatedAt" is generated', 'It is computed from other columns: nothing can keep it.', NULL FROM timed WHERE generated AND trigger IS NULL
    UNION ALL
    -- Where the fix is not to be run here, it is said what to do there.
    SELECT 'warning', name, problem, nullif(concat_ws(' ', why, CASE WHEN place <> '' THEN concat(place, extension, mend, '.') END), ''),
           CASE WHEN place = '' THEN mend END
      FROM (SELECT name, place, extension, 'nothing keeps "updatedAt"' AS problem, NULL AS why,
                   format('SELECT * FROM %sdcx_attach_updated_at(%L)', CASE WHEN place = '' THEN format('%I.', facts ->> 'schema') END, name) AS mend
              FROM timed WHERE trigger IS NULL AND NOT generated
            UNION ALL
            SELECT name, place, NULL, 'column "updatedAt" is generated', format('Trigger %I fails at every UPDATE.', trigger), format('DROP TRIGGER %I ON %s', trigger, name)
              FROM timed WHERE trigger IS NOT NULL AND generated
            UNION ALL
            -- ATTACH PARTITION gives the partition the trigger under the same name.
            SELECT name, place, NULL, 'a table with a trigger of the same name cannot become a partition', format('Earlier versions named %I as they name those of other tables.', shared),
                   format('SELECT * FROM %sdcx_attach_updated_at(%L)', CASE WHEN place = '' THEN format('%I.', facts ->> 'schema') END, name)
              FROM timed WHERE shared IS NOT NULL AND NOT generated
            UNION ALL
            SELECT name, place, NULL, 'nothing keeps "updatedAt"', format('Trigger %I is disabled.', trigger),
                   format('ALTER TABLE %s ENABLE TRIGGER %I', name, trigger)
              FROM timed WHERE trigger IS NOT NULL AND NOT enabled AND NOT generated
            UNION ALL
            SELECT name, place, NULL, 'the trigger that keeps "updatedAt" does not fire last',
                   format('After %I fires %s, and may change the row.', trigger, later),
                   CASE WHEN last_name IS NOT NULL
                         AND NOT (place = '' AND EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                                   WHERE t.tgname = last_name AND name = format('%s.%I', c.relnamespace::regnamespace, c.relname)))
                        THEN format('ALTER TRIGGER %I ON %s RENAME TO %I', trigger, name, last_name) END
              FROM renamed WHERE enabled AND later IS NOT NULL AND NOT generated
            UNION ALL
            SELECT name, place, NULL, 'rows have an "updatedAt" in the future',
                   concat(n, CASE WHEN n = 1 THEN ' row, at ' ELSE ' rows, the latest at ' END, latest, CASE WHEN latest <> 'infinity' THEN ' UTC' END,
                          '. A change before that time does not move it.', CASE WHEN subscribed THEN ' It comes from a publisher: correct it there.' END),
                   CASE WHEN NOT subscribed THEN format('UPDATE %1$s SET "updatedAt" = %2$s WHERE "updatedAt" > %2$s', name, now) END
              FROM future) found;
END;
COMMENT ON FUNCTION @extschema@.dcx_check_updated_at(jsonb, jsonb) IS
'Internal: the area updated_at of dcx_check. Tables whose "updatedAt" nothing keeps, here and in the catalogs, and rows
where it lies in the future.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check_updated_at(jsonb, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_check_wallet(facts jsonb)
RETURNS TABLE(severity text, object text, problem text, detail text, fix text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH wallets AS (
        SELECT b, b ->> 'relation' AS relation, (b ->> 'oid')::oid AS oid, b -> 'columns' ->> 0 AS organisation, b -> 'columns' ->> 1 AS balance, b -> 'seen' -> 'here' AS here
          FROM jsonb_array_elements(facts -> 'bindings') b WHERE b ->> 'catalog' = 'wallet'),
    -- Columns that are called otherwise than when they were attached. In a restored dump columns have other numbers: then more differ.
    renamed AS (
        SELECT e.value AS was, a.attname::text AS name, count(*) OVER () AS n
          FROM wallets, jsonb_each_text(here -> 'columns') e JOIN pg_attribute a ON a.attrelid = (SELECT oid FROM wallets) AND a.attnum = e.key::smallint
         WHERE NOT a.attisdropped AND a.attname <> e.value),
    bound AS (
        SELECT relation, oid, is_of.organisation, is_of.balance, is_of.was,
               b ->> 'kind' IN ('r', 'p') AND (facts -> 'wallet' ->> 'distributed')::boolean IS NOT TRUE AS is_table
          FROM wallets, LATERAL (SELECT coalesce(o.name, organisation) AS organisation, coalesce(a.name, balance) AS balance,
                                        CASE WHEN o.name IS NOT NULL OR a.name IS NOT NULL THEN format('%I and %I', wallets.organisation, wallets.balance) END AS was
                 FROM (VALUES (1)) v
                 LEFT JOIN renamed o ON o.was = wallets.organisation AND o.n <= 2 AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = wallets.oid AND attname = wallets.organisation)
                 LEFT JOIN renamed a ON a.was = wallets.balance AND a.n <= 2 AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = wallets.oid AND attname = wallets.balance)) is_of
         WHERE b ->> 'kind' IS NOT NULL),
    attach AS (
        SELECT format('SELECT * FROM %I.dcx_attach_wallet(%L, %L, %L)', facts ->> 'schema', relation, organisation, balance) AS call FROM bound),
    -- What calls dcx_wallet_record() on the table and its partitions. Of those that fire for all rows, or for TRUNCATE, one
    -- records: the first here, which a partition has from its parent. (src/wallet/recorder.h)
    recorder AS (
        SELECT t.*, whole AND row_number() OVER (PARTITION BY tgrelid, tgtype, whole ORDER BY tgparentid <> 0 DESC, tgenabled = 'A' DESC,
                   tgname IN ('000_dcx_wallet', '000_dcx_wallet_truncate') DESC, tgname) = 1 AS records
          FROM bound, LATERAL (SELECT bound.oid UNION SELECT relid FROM pg_partition_tree(bound.oid)) m (relid) JOIN pg_trigger t ON t.tgrelid = m.relid,
               LATERAL (SELECT tgtype IN (29, 34) AND tgqual IS NULL AND tgattr::text = '' AND tgconstraint = 0
                           AND tgoldtable IS NULL AND tgnewtable IS NULL) w (whole)
         WHERE is_table AND tgfoid = '@extschema@.dcx_wallet_record()'::regprocedure)
    SELECT 'error', coalesce(format('%I.%I', here ->> 'schema', here ->> 'name'), 'wallets'), 'the attached wallet table has been dropped',
           'No money can move. The ledger is kept. Restore the table, and attach it again.',
           (SELECT format('SELECT * FROM %I.dcx_attach_wallet(%L, %L, %L)', facts ->> 'schema', format('%I.%I', here ->> 'schema', here ->> 'name'), organisation, balance)
              FROM pg_class c JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = organisation JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = balance
             WHERE c.relname = here ->> 'name' AND c.relnamespace = to_regnamespace(quote_ident(here ->> 'schema')))
      FROM wallets WHERE b ->> 'kind' IS NULL
    UNION ALL
    SELECT 'error', relation, format('the columns %s are %I and %I now', was, organisation, balance), 'No money can move.', attach.call
      FROM bound, attach WHERE was IS NOT NULL
    UNION ALL
    SELECT 'warning', 'dcx_wallet_audit', 'the ledger is not audited', format('You may not call it: GRANT EXECUTE ON FUNCTION %I.dcx_wallet_audit() TO %I.', facts ->> 'schema', current_user), NULL
     WHERE facts -> 'wallet' ? 'ledger' AND NOT has_function_privilege('@extschema@.dcx_wallet_audit()'::regprocedure, 'EXECUTE')
    UNION ALL
    SELECT 'error', relation, 'the wallets are in a table of Citus', 'Its rows are in shards, and what changes a balance there is in no ledger. Attach the shard that has '
           'the wallets, in the database of the worker that has the shard.', NULL
      FROM bound WHERE (facts -> 'wallet' ->> 'distributed')::boolean
    UNION ALL
    SELECT 'warning', relation, 'there is no ledger', 'No money can move.', attach.call
      FROM bound, attach WHERE is_table AND jsonb_typeof(facts -> 'wallet') = 'object' AND NOT facts -> 'wallet' ? 'ledger'
    UNION ALL
    SELECT 'error', relation, 'a trigger that writes the ledger is missing', 'No money can move.', attach.call
      FROM bound, attach
     WHERE is_table AND facts -> 'wallet' ? 'ledger'
       AND (SELECT count(*) FROM recorder WHERE tgrelid = bound.oid AND records) < 2
    UNION ALL
    -- Attaching again, another row's fix, drops it as well.
    SELECT 'warning', tgrelid::regclass::text, format('trigger %I calls dcx_wallet_record() for nothing', tgname),
           'It does not fire for every change, or is one more than the one that writes the ledger.', format('DROP TRIGGER IF EXISTS %I ON %s', tgname, tgrelid::regclass)
      FROM recorder WHERE tgparentid = 0 AND NOT records
    UNION ALL
    SELECT 'error', format('dcx.%s', guard.relation), format('trigger %I is missing', guard.name), 'What is written there could be changed.', attach.call
      FROM bound, attach, (VALUES ('wallet_entry', 'append_only', 58), ('wallet_hold', 'no_deletes', 42), ('wallet_hold', 'resolved_once', 19),
                                  ('wallet_key', 'append_only', 58)) AS guard (relation, name, type)
      JOIN pg_class c ON c.relname = guard.relation AND c.relnamespace = to_regnamespace('dcx')
     WHERE is_table AND facts -> 'wallet' ? 'ledger'
       AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype = guard.type AND t.tgfoid IN
             (SELECT p.oid FROM pg_proc p WHERE p.pronamespace = c.relnamespace AND p.proname = 'wallet_guard'))
    UNION ALL
    -- The ledger has of a double precision what this has, and of a real only six digits.
    SELECT severity, relation, CASE severity WHEN 'info' THEN format('balances are %s', format_type(a.atttypid, a.atttypmod)) ELSE 'balances are too large for floating point' END,
           CASE severity WHEN 'error' THEN
           format('%s of them, the first that of %s. From %s on a %s has no exact cents: they are refused. ', facts -> 'wallet' -> 'inexact' ->> 'count',
                  facts -> 'wallet' -> 'inexact' ->> 'first', CASE type.base WHEN 'real'::regtype THEN '10000' ELSE '10000000000000' END, type.base) ELSE '' END ||
           concat_ws(' ', 'Floating point keeps no cents.',
                     CASE WHEN type.base = 'real'::regtype THEN 'Of a real no more than six digits are read: 12345.67 is 12345.7.' END,
                     'It is used by ' || used.by || ', which has to go before another type can come.',
                     CASE severity WHEN 'error' THEN mend.sql || '.' END,
                     'Another type takes ALTER TABLE and Decimal in schema.prisma: else Prisma turns it back.'),
           -- What alters the platform's types is no fix of an error, which are run together.
           CASE severity WHEN 'info' THEN mend.sql END
      FROM bound JOIN pg_attribute a ON a.attrelid = oid AND a.attname = balance,
           LATERAL (SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ') FROM pg_depend d
                 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype = 'n'
                   AND d.classid <> 'pg_constraint'::regclass) AS used (by),
           LATERAL (SELECT coalesce(nullif(t.typbasetype, 0), t.oid)::regtype FROM pg_type t WHERE t.oid = a.atttypid) AS type (base),
           LATERAL (SELECT CASE WHEN (facts -> 'wallet' -> 'inexact' ->> 'count')::bigint > 0 THEN 'error' ELSE 'info' END) AS s (severity),
           LATERAL (SELECT CASE WHEN type.base = 'double precision'::regtype AND used.by IS NULL
                THEN format('ALTER TABLE %1$s ALTER COLUMN %2$I TYPE numeric USING pg_catalog.trim_scale(pg_catalog.round(%2$I::numeric, 6))', relation, balance) END) AS mend (sql)
     WHERE is_table AND type.base IN ('real'::regtype, 'double precision'::regtype)
    UNION ALL
    -- The columns of a partition key, in an expression too, depend on their table.
    SELECT 'error', p.partrelid::regclass::text, 'the table is partitioned by the balance',
           'A balance that changes can move the row to another partition, as one that is deleted and another that is inserted: then no money moves.', NULL
      FROM bound, pg_partition_tree(oid) t JOIN pg_partitioned_table p ON p.partrelid = t.relid JOIN pg_attribute a ON a.attrelid = t.relid
     WHERE is_table AND a.attname = balance AND EXISTS
           (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = p.partrelid AND d.objsubid = a.attnum
               AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.partrelid AND d.refobjsubid = 0 AND d.deptype = 'i')
    UNION ALL
    SELECT 'warning', relation, format('column %I is not unique', organisation),
           concat_ws(' ', 'An organisation could get a second wallet.',
                     CASE WHEN elsewhere THEN 'The table is partitioned by something else, which would have to be part of the index.' END),
           CASE WHEN facts -> 'wallet' -> 'doubles' = '[]' AND NOT elsewhere
                THEN format('CREATE UNIQUE INDEX ON %s (%I)', relation, organisation) END
      FROM bound CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_partition_tree(oid) t JOIN pg_partitioned_table p ON p.partrelid = t.relid
                    WHERE EXISTS (SELECT FROM unnest(p.partattrs::smallint[]) k
                                   WHERE k <> coalesce((SELECT attnum FROM pg_attribute WHERE attrelid = t.relid AND attname = organisation), 0) OR k = 0)))
           AS partitioned (elsewhere) JOIN pg_attribute a ON a.attrelid = oid AND a.attname = organisation
     WHERE is_table AND NOT EXISTS (SELECT FROM pg_index i
            WHERE i.indrelid = oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
    UNION ALL
    SELECT 'warning', relation, format('column %I can be NULL', a.attname), 'Such a wallet is nobody''s, and such a balance none.',
           CASE WHEN NOT facts -> 'wallet' -> 'nulls' ? a.attname::text
                THEN format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', relation, a.attname) END
      FROM bound JOIN pg_attribute a ON a.attrelid = oid AND a.attname IN (organisation, balance)
     WHERE is_table AND NOT a.attnotnull
    UNION ALL
    SELECT 'error', relation, format('column %I is a virtual generated column', a.attname),
           'No trigger sees its values: changes of wallets fail. Attach a column that is stored.', NULL
      FROM bound JOIN pg_attribute a ON a.attrelid = oid AND a.attname IN (organisation, balance)
     WHERE is_table AND a.attgenerated = 'v'
    UNION ALL
    SELECT 'error', o.value, 'the organisation has several wallets', format('In %s. None of them can be used.', relation), NULL
      FROM bound, jsonb_array_elements_text(facts -> 'wallet' -> 'doubles') o
    UNION ALL
    SELECT 'info', 'dcx.wallet_hold', 'expired holds are not marked',
           format('%s of them, which hold nothing any more.', facts -> 'wallet' -> 'ledger' ->> 'expired'), format('SELECT * FROM %I.dcx_maintain()', facts ->> 'schema')
     WHERE (facts -> 'wallet' -> 'ledger' ->> 'expired')::bigint > 0;
END;
COMMENT ON FUNCTION @extschema@.dcx_check_wallet(jsonb) IS
'Internal: the area wallet of dcx_check. The wallet table, its ledger, and what dcx_wallet_audit says.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check_wallet(jsonb) FROM PUBLIC;

-- The audit is somebody's only if it was granted: who may not call it is checked for everything else.
CREATE FUNCTION @extschema@.dcx_check_audit(facts jsonb)
RETURNS TABLE(severity text, object text, problem text, detail text, fix text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'error', found.organisation, found.problem,
           format('Expected: %s. Found: %s.', coalesce(found.expected::text, 'nothing'), coalesce(found.actual::text, 'nothing')),
           CASE WHEN found.problem IN ('the balance is not what the entries add up to', 'no entry of the wallet in the ledger')
                THEN format('SELECT * FROM %I.dcx_attach_wallet(%L, %L, %L)', facts ->> 'schema', b ->> 'relation', b -> 'columns' ->> 0, b -> 'columns' ->> 1) END
      FROM jsonb_array_elements(facts -> 'bindings') b, @extschema@.dcx_wallet_audit() AS found
     WHERE b ->> 'catalog' = 'wallet' AND b ->> 'kind' IS NOT NULL AND facts -> 'wallet' ? 'ledger';
END;
COMMENT ON FUNCTION @extschema@.dcx_check_audit(jsonb) IS
'Internal: the area wallet of dcx_check, as far as dcx_wallet_audit says it.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check_audit(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_check_settings(facts jsonb)
RETURNS TABLE(severity text, object text, problem text, detail text, fix text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH setting AS (
        SELECT extract(epoch FROM current_setting('dcx_pricing.max_price_age')::interval) AS max_age,
               current_setting('dcx_pricing.on_outage') AS on_outage),
    attached AS (
        SELECT a ->> 'title' AS title, a ->> 'server' IS NOT NULL AS is_foreign, facts -> 'books' -> c.key ->> 'last_seen_at' AS last_seen_at,
               extract(epoch FROM now() - (facts -> 'books' -> c.key ->> 'last_seen_at')::timestamptz) AS age,
               -- saving takes a catalog that answers
               CASE WHEN (a ->> 'reached')::boolean THEN format('SELECT * FROM %I.dcx_price_book_save(%L)', facts ->> 'schema', c.key) END AS save
          FROM jsonb_each(facts -> 'catalogs') c (key, a) WHERE jsonb_typeof(a) = 'object'),
    -- What brings the tables in schema dcx along: each catalog attached again as it is.
    bound AS (
        SELECT b ->> 'catalog' AS catalog, max((b ->> 'version')::integer) AS latest, min((b ->> 'version')::integer) AS version,
               min(CASE b ->> 'catalog' WHEN 'wallet'
                   -- Columns that have been renamed are another row's.
                   THEN CASE WHEN (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN (b -> 'columns' ->> 0, b -> 'columns' ->> 1)) = 2
                        THEN format('SELECT * FROM %I.dcx_attach_wallet(%L, %L, %L)', facts ->> 'schema', b ->> 'relation', b -> 'columns' ->> 0, b -> 'columns' ->> 1) END
                   ELSE format('SELECT * FROM %I.dcx_attach_%s(NULL, %L%s)', facts ->> 'schema', b ->> 'catalog', n.nspname,
                               CASE WHEN b ->> 'part' = 'prices' THEN format(', %L', c.relname) END) END) AS attach
          FROM jsonb_array_elements(facts -> 'bindings') b
          JOIN pg_class c ON c.oid = (b ->> 'oid')::oid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE b ->> 'catalog' IN ('aas', 'enetworks', 'wallet') GROUP BY b ->> 'catalog'),
    made AS (
        SELECT (facts -> 'tables' ->> 'version')::integer AS version)
    SELECT 'warning', 'dcx_pricing.max_price_age', 'orders are priced by another server',
           'postgres_fdw commits there as part of our COMMIT: a server that hangs just then keeps wallets locked. Save books, and let them answer.',
           format('ALTER DATABASE %I SET dcx_pricing.max_price_age = ''1h''', current_database())
      FROM setting WHERE max_age = 0 AND EXISTS (SELECT FROM attached WHERE is_foreign) AND jsonb_typeof(facts -> 'wallet') = 'object'
    UNION ALL
    SELECT 'warning', 'dcx_pricing.max_price_age', format('no book of %s was saved within it', title),
           coalesce('The newest was last seen at ' || last_seen_at || '.', 'There is none at all.'), save
      FROM setting, attached WHERE max_age > 0 AND (age <= max_age) IS NOT TRUE
    UNION ALL
    SELECT 'warning', 'dcx_pricing.on_outage', format('there is no saved book of %s that could answer', title), NULL, save
      FROM setting, attached WHERE on_outage = 'saved' AND age IS NULL
    UNION ALL
    SELECT 'error', t.tgrelid::regclass::text, format('trigger %I does not fire always', t.tgname),
           'It is not ENABLE ALWAYS: with session_replication_role = replica, or at all, it is passed over.',
           format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.tgrelid::regclass, t.tgname)
      FROM (SELECT tgrelid, tgname, tgenabled, tgparentid,
                   row_number() OVER (PARTITION BY tgrelid, tgtype ORDER BY tgparentid <> 0 DESC, tgenabled = 'A' DESC,
                       tgname IN ('000_dcx_wallet', '000_dcx_wallet_truncate') DESC, tgname) = 1 AS counts
              FROM pg_trigger
             WHERE tgfoid = '@extschema@.dcx_wallet_record()'::regprocedure AND tgtype IN (29, 34) AND tgqual IS NULL AND tgattr::text = ''
               AND tgconstraint = 0 AND tgoldtable IS NULL AND tgnewtable IS NULL
            UNION ALL
            SELECT tgrelid, tgname, tgenabled, tgparentid, true FROM pg_trigger JOIN pg_proc p ON p.oid = tgfoid
             WHERE p.pronamespace = to_regnamespace('dcx') AND p.proname = 'wallet_guard') t
       -- A partition's is as its parent's, or is one more problem.
     WHERE counts AND t.tgenabled <> 'A' AND NOT EXISTS (SELECT FROM pg_trigger parent WHERE parent.oid = t.tgparentid AND parent.tgenabled <> 'A')
    UNION ALL
    SELECT 'warning', format('tables of %s', bound.catalog), 'the tables in schema dcx are of an earlier version',
           format('They are of version %s, the library makes version %s.', bound.version, made.version), attach
      FROM bound, made WHERE bound.version < made.version
    UNION ALL
    SELECT 'error', format('tables of %s', bound.catalog), 'the tables in schema dcx are of a later version',
           format('They are of version %s, and the library knows version %s: nothing of it works. Connect again, or install the dcx_pricing that attached.',
                  bound.latest, made.version), NULL
      FROM bound, made WHERE bound.latest > made.version
    UNION ALL
    SELECT 'error', format('dcx.%s', l ->> 'table'), format('there is no column %I', l ->> 'column'),
           CASE WHEN (l ->> 'may_add')::boolean THEN 'What needs the table fails.'
                ELSE 'What needs the table fails. What was in it can only come from a backup.' END,
           -- Without it dcx.binding cannot be read, nor what is attached be known.
           CASE WHEN (l ->> 'may_add')::boolean
                THEN coalesce(attach, CASE WHEN l ->> 'table' = 'binding' THEN format('ALTER TABLE dcx.binding ADD COLUMN %I %s', l ->> 'column', l ->> 'type') END) END
      FROM jsonb_array_elements(facts -> 'tables' -> 'lacks') l LEFT JOIN bound ON bound.catalog = l ->> 'catalog'
     WHERE (l ->> 'since')::integer = 1
    UNION ALL
    SELECT 'error', 'extension dcx_pricing', 'the library is of another version',
           format('The library is %s, the extension %s.', facts ->> 'library', e.extversion),
           (SELECT format('ALTER EXTENSION dcx_pricing UPDATE TO %L', target) FROM pg_extension_update_paths('dcx_pricing')
             WHERE source = e.extversion AND target = facts ->> 'library' AND path IS NOT NULL)
      FROM pg_extension e WHERE e.extname = 'dcx_pricing' AND e.extversion <> facts ->> 'library';
END;
COMMENT ON FUNCTION @extschema@.dcx_check_settings(jsonb) IS
'Internal: the area settings of dcx_check. Settings that do not fit together, triggers that were switched off, and
versions.';
REVOKE ALL ON FUNCTION @extschema@.dcx_check_settings(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_schema(catalog text DEFAULT 'aas')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'dcx_schema' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_schema(text) IS
'The schema of a catalog as one value, as the catalog''s own server has it. Take it to another environment, and compare
it there with dcx_schema_diff.
Arguments:
  catalog: ''aas'' for the product catalog, ''enetworks'' for the network catalog.
Returns: a JSON object of its tables by name. Each has kind, columns (type and not_null), primary_key and
    foreign_keys.
NULL: if catalog is NULL, the result is NULL.
Errors:
  ZD007: that catalog is not attached, or what was attached has been dropped.
  ZD008: it cannot be reached.
  22023: there is no catalog of that name.
Rights: no right on a table is needed.';
REVOKE ALL ON FUNCTION @extschema@.dcx_schema(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_schema_diff(before jsonb, after jsonb)
RETURNS TABLE(object text, change text, before text, after text)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH tab AS (
        SELECT is_old, key, value FROM (VALUES (true, $1), (false, $2)) AS v (is_old, schema) CROSS JOIN jsonb_each(schema)),
    part AS (
        SELECT tab.is_old, tab.key, format('%s.%I', tab.key, c.key) AS object,
               concat_ws(' ', c.value ->> 'type', CASE WHEN (c.value ->> 'not_null')::boolean THEN 'NOT NULL' END) AS value
          FROM tab, jsonb_each(tab.value -> 'columns') c
        UNION ALL
        SELECT tab.is_old, tab.key, format('%s %s', tab.key, replace(a.key, '_', ' ')), a.value #>> '{}'
          FROM tab, jsonb_each(tab.value - 'columns') a WHERE a.value <> 'null')
    SELECT d.object, d.change, d.before, d.after
      FROM (SELECT key, CASE WHEN old.is_old IS NULL THEN 'added' ELSE 'removed' END, NULL, NULL
              FROM (SELECT * FROM tab WHERE is_old) AS old FULL JOIN (SELECT * FROM tab WHERE NOT is_old) AS new USING (key)
             WHERE old.is_old IS NULL OR new.is_old IS NULL
            UNION ALL
            SELECT object, CASE WHEN old.is_old IS NULL THEN 'added' WHEN new.is_old IS NULL THEN 'removed' ELSE 'changed' END, old.value, new.value
              FROM (SELECT * FROM part WHERE is_old AND $2 ? key) AS old
              FULL JOIN (SELECT * FROM part WHERE NOT is_old AND $1 ? key) AS new USING (object)
             WHERE old.value IS DISTINCT FROM new.value) AS d (object, change, before, after)
     ORDER BY d.object COLLATE "C";
END;
COMMENT ON FUNCTION @extschema@.dcx_schema_diff(jsonb, jsonb) IS
'What differs between two schemas of dcx_schema. No rows: they are the same.
Arguments:
  before: a schema, such as that of production.
  after: another one.
Returns: one row per difference, in the order of the objects.
  object: a table, a column as table.column, or a table''s kind, primary key or foreign keys.
  change: added, removed or changed.
  before: what it was. NULL for a table as a whole, or what was not there.
  after: what it is. NULL for a table as a whole, or what is not there.
NULL: if any argument is NULL, there are no rows.';

CREATE FUNCTION @extschema@.dcx_health()
RETURNS TABLE(area text, name text, value text)
AS 'MODULE_PATHNAME', 'dcx_health' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 15;
COMMENT ON FUNCTION @extschema@.dcx_health() IS
'Numbers for a dashboard. A value that is not known is NULL.
- aas: reachable, latency_ms, server_version, products, newest_updated_at (ISO 8601, in UTC), book_age (seconds since
    the newest saved book was last seen), source (what prices now: live, local or saved; NULL if nothing does).
- enetworks, if it is attached: the same, with services for products.
- wallet: wallets, entries, open_holds, held_total (in rand).
Returns: one row per number.
  area: aas, enetworks or wallet.
  name: the name of the number.
  value: the number, as text.
Rights: no right on a table is needed.';
REVOKE ALL ON FUNCTION @extschema@.dcx_health() FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_health_of(facts jsonb, products jsonb, bands jsonb, services jsonb, prices jsonb)
RETURNS TABLE(area text, name text, value text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH catalog AS (
        SELECT i.area, i.items, i.n, i.priced, facts -> 'catalogs' -> i.area AS a,
               extract(epoch FROM clock_timestamp() - (facts -> 'books' -> i.area ->> 'last_seen_at')::timestamptz) AS age,
               extract(epoch FROM current_setting('dcx_pricing.max_price_age')::interval) AS max_age,
               current_setting('dcx_pricing.on_outage') AS on_outage
          FROM (VALUES ('aas', 'products', jsonb_array_length(products)::bigint, products),
                       ('enetworks', 'services',
                        coalesce(jsonb_array_length(services), (SELECT count(DISTINCT p -> 'code') FROM jsonb_array_elements(prices) p HAVING count(*) > 0)),
                        coalesce(bands, prices))) AS i (area, items, n, priced))
    SELECT catalog.area, v.name, v.value
      FROM catalog, LATERAL (VALUES
            ('reachable', a ->> 'reached'),
            ('latency_ms', a ->> 'latency_ms'),
            ('server_version', a -> 'is' ->> 'version'),
            (items, n::text),
            -- A time without an offset is in UTC. What is no time counts for nothing. Texts with the same offset sort as times do.
            ('newest_updated_at', (SELECT to_jsonb(max(CASE WHEN t ~ 'T.*[-+]' THEN t::timestamptz ELSE t::timestamp AT TIME ZONE 'UTC' END) AT TIME ZONE 'UTC') #>> '{}' || '+00:00'
               FROM (SELECT max(p ->> 'updatedAt' COLLATE "C") FROM jsonb_array_elements(priced) p
                      WHERE p ->> 'updatedAt' ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]'
                      GROUP BY substring(p ->> 'updatedAt' FROM '[-+][0-9:]*$')) newest (latest),
                    LATERAL (SELECT jsonb_path_query_first_tz(to_jsonb(latest), 'strict $.datetime()', silent => true) #>> '{}') d (t))),
            ('book_age', round(age)::text),
            -- A foreign table without a row is an outage, too. What could not be read prices nothing.
            ('source', CASE WHEN jsonb_typeof(a) IS DISTINCT FROM 'object' THEN NULL WHEN max_age > 0 AND age <= max_age THEN 'saved'
                            WHEN n IS NOT NULL AND a ->> 'server' IS NULL THEN 'local' WHEN n IS NOT NULL AND jsonb_array_length(priced) > 0 THEN 'live'
                            WHEN on_outage = 'saved' AND age IS NOT NULL AND (n IS NOT NULL OR NOT (a ->> 'reached')::boolean) THEN 'saved' END)) AS v (name, value)
     -- E-Networks is optional.
     WHERE catalog.area = 'aas' OR jsonb_typeof(a) = 'object'
    UNION ALL
    SELECT 'wallet', v.name, v.value
      FROM (VALUES
            ('wallets', facts -> 'wallet' ->> 'wallets'),
            ('entries', facts -> 'wallet' -> 'ledger' ->> 'entries'),
            ('open_holds', facts -> 'wallet' -> 'ledger' ->> 'open'),
            ('held_total', facts -> 'wallet' -> 'ledger' ->> 'held')) AS v (name, value);
END;
COMMENT ON FUNCTION @extschema@.dcx_health_of(jsonb, jsonb, jsonb, jsonb, jsonb) IS
'Internal: what dcx_health says of the facts that it has gathered.';
REVOKE ALL ON FUNCTION @extschema@.dcx_health_of(jsonb, jsonb, jsonb, jsonb, jsonb) FROM PUBLIC;

-- What a call resolves to. The forms with an organisation, and the arguments that were added at the end, take no call
-- away from what it meant before: with literals and parameters without a type, with every type that a client or a column
-- has, by position and by name.
\c regress_dcx_main
CREATE SCHEMA before;
CREATE SCHEMA now;
-- Stand-ins of the functions, as they were and as the extension has them. Each answers with its own arguments.
CREATE PROCEDURE test.stand_in(schema text, function text, arguments text) LANGUAGE plpgsql AS $$
DECLARE
    made oid;
BEGIN
    EXECUTE format('CREATE FUNCTION %I.%s(%s) RETURNS text LANGUAGE sql AS %L', schema, function, arguments, 'SELECT NULL::text');
    SELECT max(oid) INTO made FROM pg_proc WHERE proname = function AND pronamespace = schema::regnamespace;
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%s(%s) RETURNS text LANGUAGE sql AS %L', schema, function, arguments,
        format('SELECT %L::text', pg_get_function_identity_arguments(made)));
END $$;
CALL test.stand_in('before', 'dcx_wallet_capture', 'hold_id bigint, amount numeric DEFAULT NULL');
CALL test.stand_in('before', 'dcx_wallet_release', 'hold_id bigint');
CALL test.stand_in('before', 'dcx_wallet_extend', 'hold_id bigint, expires_in interval');
CALL test.stand_in('before', 'dcx_wallet_holds', $$org text, state text DEFAULT 'open'$$);
CALL test.stand_in('before', 'dcx_wallet_statement', $$org text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity'$$);
CALL test.stand_in('before', 'dcx_order_reserve', $$org text, items jsonb, idempotency_key text, expires_in interval DEFAULT '15 minutes', max_cost numeric DEFAULT NULL$$);
CALL test.stand_in('before', 'dcx_vm_reserve', $$org text, cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric,
    idempotency_key text, expires_in interval DEFAULT '15 minutes', max_cost numeric DEFAULT NULL$$);
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.proname, pg_get_function_arguments(p.oid) AS arguments
               FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
               JOIN pg_extension e ON e.oid = d.refobjid
              WHERE e.extname = 'dcx_pricing' AND p.proname IN (SELECT proname FROM pg_proc WHERE pronamespace = 'before'::regnamespace)
    LOOP
        CALL test.stand_in('now', f.proname, f.arguments);
    END LOOP;
END $$;
SELECT proname, array_agg(pg_get_function_arguments(oid) ORDER BY pronargs) AS forms FROM pg_proc WHERE pronamespace = 'now'::regnamespace GROUP BY 1 ORDER BY 1;

-- What a call resolves to in a schema, with the types that its parameters get; or the error. In a call, ? is a parameter without a type.
CREATE FUNCTION test.resolved(schema text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    parts text[] := string_to_array(call, '?');
    n integer := cardinality(parts) - 1;
    types text;
    answer text;
BEGIN
    EXECUTE format('PREPARE shape AS SELECT %I.%s', schema,
        (SELECT string_agg(CASE WHEN i > 1 THEN '$' || i - 1 ELSE '' END || part, '' ORDER BY i) FROM unnest(parts) WITH ORDINALITY p (part, i)));
    SELECT parameter_types::text INTO types FROM pg_prepared_statements WHERE name = 'shape';
    EXECUTE 'EXECUTE shape' || CASE WHEN n > 0 THEN format('(%s)', concat_ws(', ', VARIADIC array_fill('NULL'::text, ARRAY[n]))) ELSE '' END INTO answer;
    DEALLOCATE shape;
    RETURN answer || ' ' || types;
EXCEPTION WHEN OTHERS THEN
    IF EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'shape') THEN
        DEALLOCATE shape;
    END IF;
    RETURN 'error ' || SQLSTATE;
END $$;
-- It tells forms apart, and sees an ambiguity where there is one.
SELECT call, test.resolved('now', call) FROM unnest(ARRAY[
    'dcx_wallet_capture(?)', 'dcx_wallet_capture(?, ?)', 'dcx_wallet_capture(?, ?, ?)', 'dcx_wallet_release(?)', 'dcx_wallet_release(?, ?)',
    'dcx_wallet_extend(?, ?)', 'dcx_wallet_extend(?, ?, ?)', 'dcx_wallet_capture(?, ?, ?, ?)']) call;
BEGIN;
CREATE FUNCTION now.dcx_wallet_capture(org text, hold_id bigint) RETURNS text LANGUAGE sql AS $$SELECT 'thief'$$;
SELECT call, test.resolved('now', call) FROM unnest(ARRAY['dcx_wallet_capture(?, ?)', $$dcx_wallet_capture('1', 1)$$, 'dcx_wallet_capture(1, 1)']) call;
ROLLBACK;

-- Every kind of argument in every place. changed: calls that had an answer before and have another now; news: what a call
-- that was an error before is now, another error included. The arguments that were added at the end do not count.
CREATE FUNCTION test.shapes(function text, template text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    kinds text[] := ARRAY['?', 'NULL', '1', '1.5', $_$'1'$_$, '1::smallint', '1::bigint', '1::numeric', '1::real', '1::double precision',
        $_$'1'::text$_$, $_$'1'::varchar$_$, $_$'1'::char(3)$_$, $_$'1'::name$_$, $_$interval '1 hour'$_$, $_$'1 hour'$_$, 'true'];
    calls text[] := ARRAY[template];
BEGIN
    WHILE calls[1] LIKE '%@%' LOOP
        calls := ARRAY(SELECT regexp_replace(call, '@', replace(kind, '\', '\\')) FROM unnest(calls) call, unnest(kinds) kind);
    END LOOP;
    RETURN QUERY SELECT function || '(' || call || ')' FROM unnest(calls) call;
END $$;
CREATE TABLE test.shape AS
SELECT function, template, call, test.resolved('before', call) AS was, regexp_replace(test.resolved('now', call), ', (after_id bigint, max_rows integer|refusals boolean) ', ' ') AS "is"
  FROM (VALUES
    ('dcx_wallet_capture', ARRAY['@', '@, @', '@, @, @', 'hold_id => @', 'amount => @', 'hold_id => @, amount => @', 'amount => @, hold_id => @', '@, amount => @', '@, hold_id => @',
        'org => @, hold_id => @, amount => ?', '@, hold_id => @, amount => ?', '?, @, amount => @', 'org => @, hold_id => @', 'org => @, amount => @']),
    ('dcx_wallet_release', ARRAY['@', '@, @', '@, ?, @', 'hold_id => @', 'org => @', 'org => @, hold_id => @', 'hold_id => @, org => @', '@, hold_id => @']),
    ('dcx_wallet_extend', ARRAY['@', '@, @', '@, @, @', 'hold_id => @, expires_in => @', 'expires_in => @, hold_id => @', '@, expires_in => @', 'expires_in => @',
        'org => @, hold_id => @, expires_in => ?', '?, @, expires_in => @', 'org => @, expires_in => @']),
    ('dcx_wallet_holds', ARRAY['@', '@, @', 'org => @', 'state => @, org => @', '@, state => @']),
    ('dcx_wallet_statement', ARRAY['@', '@, @', '?, @, @', '@, since => @', '@, until => @', 'until => @, since => @, org => ?']),
    ('dcx_order_reserve', ARRAY['?, ?, @', '@, ?, ?', '?, ?, ?, @', '?, ?, ?, ?, @', '?, ?, ?, @, @', '?, ?, ?, max_cost => @', '?, ?, ?, max_cost => @, expires_in => @', 'items => ?, org => @, idempotency_key => @']),
    ('dcx_vm_reserve', ARRAY['?, ?, ?, ?, ?, ?, @', '@, ?, ?, ?, ?, ?, ?', '?, ?, @, @, ?, 1, ?', '?, ?, 1, ?, ?, @, ?', '?, ?, ?, ?, ?, ?, ?, @', '?, ?, ?, ?, ?, ?, ?, @, @', '?, ?, ?, ?, ?, ?, ?, max_cost => @'])
  ) f (function, templates), unnest(templates) template, test.shapes(function, template) call;
SELECT function, template, count(*) AS calls, count(*) FILTER (WHERE was NOT LIKE 'error%') AS answered,
       count(*) FILTER (WHERE was NOT LIKE 'error%' AND "is" IS DISTINCT FROM was) AS changed,
       string_agg(DISTINCT regexp_replace("is", ' \{.*', ''), '; ') FILTER (WHERE was LIKE 'error%' AND "is" IS DISTINCT FROM was) AS news
  FROM test.shape GROUP BY 1, 2 ORDER BY 1, length(template), 2;
-- No call is ambiguous.
SELECT call, was, "is" FROM test.shape WHERE "is" = 'error 42725' OR was = 'error 42725';

SET client_min_messages = warning;
DROP TABLE test.shape;
DROP FUNCTION test.shapes, test.resolved;
DROP PROCEDURE test.stand_in;
DROP SCHEMA before, now CASCADE;

-- The platform's three databases under names of our own, for the tests that follow.
\getenv dir PG_ABS_SRCDIR
\set main_db regress_dcx_main
\set aas_db regress_dcx_aas
\set enetworks_db regress_dcx_enetworks
\set main_role regress_dcx_app
\set aas_role regress_dcx_aas
\set enetworks_role regress_dcx_enetworks
\set fixtures :dir '/fixtures/load.sql'
\set ECHO none
\i :fixtures
\set ECHO all
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_dcx_dba, regress_dcx_user;
RESET client_min_messages;

\c regress_dcx_aas
SELECT count(*) AS products, count(DISTINCT code) AS codes FROM products;
SELECT count(*) AS categories FROM categories;
SELECT count(*) AS templates FROM terraform_vm_config;
CREATE EXTENSION dcx_pricing;

\c regress_dcx_enetworks
SELECT (SELECT count(*) FROM providers) AS providers,
       (SELECT count(*) FROM network_services) AS services,
       (SELECT count(*) FROM bandwidth_prices) AS prices;
CREATE EXTENSION dcx_pricing;

\c regress_dcx_main
SELECT count(*) AS vms FROM vcenter_vm_data_vms;
CREATE EXTENSION dcx_pricing;

-- Every function has a comment, and nothing in the extension is a SECURITY DEFINER.
SELECT p.oid::regprocedure AS undocumented
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'dcx_pricing')
   AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
   AND (obj_description(p.oid, 'pg_proc') IS NULL OR p.prosecdef);

-- What an error says, with what differs from machine to machine left out.
CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;
CREATE FUNCTION test.failure(statement text)
RETURNS TABLE(state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    state := 'none';
    RETURN NEXT;
EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    message := regexp_replace(message, '\m' || current_user || '\M', 'CURRENT_USER');
    detail := regexp_replace(detail, '\m' || current_user || '\M', 'CURRENT_USER');
    hint := regexp_replace(hint, '\m' || current_user || '\M', 'CURRENT_USER');
    detail := regexp_replace(detail, 'connection to server .* failed:', 'connection to server failed:');
    RETURN NEXT;
END $$;

-- What test/bench/count calls in each of its databases.
--     psql -v count=/path/to/count -f count.sql

\set ON_ERROR_STOP on

CREATE FUNCTION count_start() RETURNS void AS :'count', 'bench_count_start' LANGUAGE C;
CREATE FUNCTION count_stop(key text) RETURNS void AS :'count', 'bench_count_stop' LANGUAGE C STRICT;
CREATE FUNCTION processor_time() RETURNS bigint AS :'count', 'bench_processor_time' LANGUAGE C;

CREATE UNLOGGED TABLE spent (key text, microseconds numeric);
GRANT INSERT ON spent TO PUBLIC;

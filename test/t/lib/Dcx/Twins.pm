# Hostile twins: every function and operator of pg_catalog that our SQL uses, created once more in another schema and
# with better matching arguments. Each twin writes into the server's log that it ran.
package Dcx::Twins;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(plant_twins plant_temporary_twins captured);

my $sources = "$FindBin::RealBin/../..";

# Names that the parser looks up although our SQL does not contain them.
my @sugar = qw(= <> < > <= >= ~~ !~~ ~~* !~~* || + - * / -> ->> btrim position substring overlay timezone extract like_escape);

# All names in our SQL: in the install script, and in every string of the C sources.
sub sql_of_ours
{
	my $sql = '';

	$sql .= slurp_file($_) for glob "$sources/sql/parts/*.sql $sources/sql/*--*--*.sql";
	for my $file (glob "$sources/src/*/*.c")
	{
		my $source = slurp_file($file);

		$source =~ s{/\*.*?\*/}{}gs;
		$sql .= join ' ', '', $source =~ /"((?:[^"\\]|\\.)*)"/g;
	}
	return $sql;
}

# As an SQL array of texts.
sub array
{
	return 'ARRAY[' . join(', ', map { "'" . s/'/''/gr . "'" } @_) . ']::text[]';
}

sub words
{
	my ($sql) = @_;
	my %words = map { lc $_ => 1 } $sql =~ /\b([A-Za-z_]\w*)\b/g;

	return sort keys %words;
}

sub operators
{
	my ($sql) = @_;
	my %operators = map { $_ => 1 } @sugar, $sql =~ m{([-+*/<>=~!@#%^&|`?]+)}g;

	return sort grep { /^\W+$/ } keys %operators;
}

# The functions that say so. A twin of two arguments is one of operators, too.
my $tellers = <<'SQL';
CREATE FUNCTION :"schema".tell(pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS
$$BEGIN RAISE LOG 'captured: % as %', $1, current_user; RETURN true; END$$;
CREATE FUNCTION :"schema".of_text(pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS
$$BEGIN RAISE LOG 'captured: type % as %', $1, current_user; RETURN true; END$$;
SQL

# args: types that arguments have in our SQL, or could be taken for.
my $plant = <<'SQL';
SET check_function_bodies = off;
SET client_min_messages = error;
DO $do$
DECLARE
	schema CONSTANT text := current_setting('test.schema');
	words CONSTANT text[] := current_setting('test.words');
	symbols CONSTANT text[] := current_setting('test.symbols');
	args CONSTANT text[] := ARRAY['text', 'name', 'varchar', 'bpchar', '"char"', 'int2', 'int4', 'int8', 'numeric', 'float8',
		'bool', 'oid', 'regclass', 'regtype', 'regnamespace', 'jsonb', 'timestamptz', 'interval', 'text[]', 'anyelement'];
	made integer[] := '{0,0,0,0}';
	f record;
	o record;
	r record;
	signature text;
BEGIN
	-- For every name, every number of arguments it can have, and every type: all combinations of two, and of more
	-- those with one type after the first.
	FOR f IN
		SELECT p.proname AS name, n, min(p.prokind) AS kind,
		       (array_agg(CASE WHEN t.typtype = 'p' THEN 'text' ELSE format_type(t.oid, NULL) END ORDER BY p.oid))[1] AS returns,
		       bool_or(p.proretset) AS is_set
		  FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype,
		       generate_series(greatest(p.pronargs - p.pronargdefaults, 1),
		                       CASE WHEN p.provariadic <> 0 THEN p.pronargs + 3 ELSE p.pronargs END) n
		 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY (words) AND p.prokind IN ('f', 'a') AND n <= 8
		 GROUP BY 1, 2
	LOOP
		FOR r IN SELECT a AS first, b AS rest FROM unnest(args) a, unnest(CASE WHEN f.n = 1 THEN ARRAY[NULL] ELSE args END) b
			WHERE f.n <= 2 OR a IN ('text', 'jsonb', b)
		LOOP
			signature := concat_ws(', ', r.first, CASE WHEN f.n > 1 THEN array_to_string(array_fill(r.rest, ARRAY[f.n - 1]), ', ') END);
			BEGIN
				IF f.kind = 'a' THEN
					EXECUTE format('CREATE FUNCTION %I.step(pg_catalog.int8, %s) RETURNS pg_catalog.int8 LANGUAGE plpgsql AS '
						'$$BEGIN RAISE LOG ''captured: aggregate as %%'', current_user; RETURN 1; END$$', schema, signature);
				END IF;
			EXCEPTION WHEN duplicate_function THEN
			END;
			IF f.kind = 'a' THEN
				EXECUTE format('CREATE AGGREGATE %I.%I(%s) (SFUNC = %1$I.step, STYPE = pg_catalog.int8, INITCOND = ''0'')',
					schema, f.name, signature);
			ELSE
				EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS %s%s IMMUTABLE LANGUAGE plpgsql AS '
					'$$BEGIN RAISE LOG ''captured: %2$s(%3$s) as %%'', current_user; RETURN%6$s; END$$',
					schema, f.name, signature, CASE WHEN f.is_set THEN 'SETOF ' END, f.returns,
					CASE WHEN NOT f.is_set THEN ' NULL' END);
			END IF;
			made[1] := made[1] + 1;
		END LOOP;
	END LOOP;
	-- Every operator, with every two types.
	FOR o IN
		SELECT p.oprname AS name, (array_agg(p.oprresult::regtype ORDER BY p.oid DESC))[1] AS result,
		       bool_or(p.oprresult = 'bool'::regtype) AS is_boolean
		  FROM pg_operator p WHERE p.oprnamespace = 'pg_catalog'::regnamespace AND p.oprname = ANY (symbols) AND p.oprkind = 'b'
		 GROUP BY 1
	LOOP
		FOR r IN SELECT a AS first, b AS rest, format('twin_%s', CASE WHEN o.is_boolean THEN 'bool' WHEN o.name ~ '[>|]' THEN 'text'
				ELSE 'numeric' END) AS function FROM unnest(args) a, unnest(args) b
		LOOP
			BEGIN
				EXECUTE format('CREATE FUNCTION %I.%s(%s, %s) RETURNS pg_catalog.%s IMMUTABLE LANGUAGE plpgsql AS '
					'$$BEGIN RAISE LOG ''captured: operator of %3$s and %4$s as %%'', current_user; RETURN NULL; END$$',
					schema, r.function, r.first, r.rest, replace(r.function, 'twin_', ''));
			EXCEPTION WHEN duplicate_function THEN
			END;
			EXECUTE format('CREATE OPERATOR %I.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %1$I.%5$s)',
				schema, o.name, r.first, r.rest, r.function);
			made[2] := made[2] + 1;
		END LOOP;
	END LOOP;
	PERFORM set_config('test.made', made::text, false);
END
$do$;
SQL

# Types and relations. These are what pg_temp can have as well.
my $plant_names = <<'SQL';
SET client_min_messages = error;
DO $do$
DECLARE
	schema CONSTANT text := current_setting('test.schema');
	tellers CONSTANT text := current_setting('test.tellers');
	words CONSTANT text[] := current_setting('test.words');
	made integer[] := '{0,0}';
	r record;
BEGIN
	FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relname = ANY (words)
		AND relkind IN ('r', 'v')
	LOOP
		BEGIN
			EXECUTE format('CREATE VIEW %I.%I AS SELECT * FROM pg_catalog.%2$I WHERE %s.tell(%2$L)', schema, r.relname, tellers);
			made[2] := made[2] + 1;
		EXCEPTION WHEN OTHERS THEN
			RAISE LOG 'no twin of %: %', r.relname, SQLERRM;
		END;
	END LOOP;
	FOR r IN SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typname = ANY (words) AND typtype = 'b'
	LOOP
		EXECUTE format('CREATE DOMAIN %I.%I AS pg_catalog.%2$I CHECK (%s.of_text(%2$L))', schema, r.typname, tellers);
		made[1] := made[1] + 1;
	END LOOP;
	PERFORM set_config('test.made', made::text, false);
END
$do$;
SQL

# Plants them in a schema as its owner. Returns how many functions, operators, types and relations there are.
sub plant_twins
{
	my ($node, $database, $schema, $role) = @_;
	my $sql = sql_of_ours();
	my $as = "SET SESSION AUTHORIZATION $role; SET search_path = pg_catalog;"
	  . ' SET test.schema = \'' . $schema . '\'; SET test.tellers = \'' . $schema . '\';'
	  . " SELECT set_config('test.words', " . array(words($sql)) . "::text, false) IS NULL,"
	  . " set_config('test.symbols', " . array(operators($sql)) . "::text, false) IS NULL;";
	my $made = $node->safe_psql($database, "\\set schema $schema\n\\o /dev/null\n$as\n$tellers\n$plant\n\\o\n"
		  . "SELECT unnest(current_setting('test.made')::int[]) LIMIT 2;\n\\o /dev/null\n$plant_names\n\\o\n"
		  . "SELECT unnest(current_setting('test.made')::int[])");

	return split /\n/, $made;
}

# The types and relations in pg_temp of an open session, whose tellers are in the given schema.
sub plant_temporary_twins
{
	my ($session, $schema) = @_;

	$session->value("SET search_path = pg_catalog; SET test.schema = 'pg_temp'; SET test.tellers = '$schema'");
	$session->value("SELECT set_config('test.words', " . array(words(sql_of_ours())) . "::text, false) IS NULL");
	$session->value($plant_names);
}

# Which of them ran since the log had that length.
sub captured
{
	my ($node, $offset) = @_;
	my %captured = map { $_ => 1 } slurp_file($node->logfile, $offset) =~ /(captured: .*)/g;

	return join "\n", sort keys %captured;
}

1;

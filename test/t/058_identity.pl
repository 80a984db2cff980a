# What another server may answer when attach asks who it is: also an answer of a hostile server is a clean error. Which
# statements attach runs in this database, as event triggers see them. And who may ask at all.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Proxy;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $aas = new_aas('aas');
my $main = new_main('main');
my $major = int($main->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my $super = session($main);
my $attach = q{SELECT relation, rows FROM dcx_attach_aas('} . aas_url($aas, database => 'lying') . q{')};

# A catalog whose administrator answers whatever he likes: our question ends with a cast of jsonb to text, and he has
# replaced this cast.
Dcx::load($aas, 'lying', 'aas.sql');
$aas->safe_psql('lying', <<'SQL');
ALTER TABLE products ADD gone integer, ADD "Odd name" varchar(12) NOT NULL DEFAULT 'x', ADD amount numeric(12,3),
	ADD at timestamp(3), ADD list integer[], ADD tag "char", ADD what regtype, ADD span interval day to second(3),
	ADD year interval year, ADD short interval(0), ADD bits bit(7), ADD flag bit, ADD few varbit(5), ADD letter char, ADD blank bpchar,
	ADD clock timetz(0), ADD cents numeric(5,-2), ADD names varchar(3)[], ADD spans interval(3)[], ADD sums numeric(1000,7)[];
ALTER TABLE products DROP gone;
CREATE TYPE "Mood" AS ENUM ('good');
ALTER TABLE products ADD mood "Mood", ADD last boolean;
CREATE SCHEMA lies;
CREATE TABLE lies.lie (expression text);
CREATE FUNCTION lies.answer(truth jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	EXECUTE (SELECT 'SELECT (' || coalesce(min(expression), '$1') || ') #>> ''{}''' FROM lies.lie) INTO said USING truth;
	RETURN said;
EXCEPTION WHEN undefined_function THEN
	EXECUTE (SELECT 'SELECT ' || expression FROM lies.lie) INTO said USING truth;
	RETURN said;
END $$;
CREATE CAST (jsonb AS text) WITH FUNCTION lies.answer(jsonb);
GRANT USAGE ON SCHEMA lies TO aas_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public, lies TO aas_reader
SQL

my $liar = session($aas, database => 'lying');

# What it answers from now on: an expression of jsonb, or of text, in which $1 is the truth.
sub answers
{
	my ($expression) = @_;

	$liar->value('DELETE FROM lies.lie');
	$liar->value("INSERT INTO lies.lie VALUES (\$lie\$$expression\$lie\$)") if defined $expression;
}

# A value of the answer is another one.
sub with
{
	my ($path, $json) = @_;

	return "jsonb_set(\$1, '{$path}', \$v\$$json\$v\$)";
}

my $code = 'tables,products,columns,code';

subtest 'a true answer' => sub {
	is($super->value($attach), "aas.products|39\naas.categories|10\naas.terraform_vm_config|24", 'attached');
	my $columns = q{SELECT attname, %s, attnotnull FROM pg_attribute
		WHERE attrelid = '%s'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum};
	is( $super->value(sprintf $columns, 'format_type(atttypid, atttypmod)', 'aas.products'),
		$aas->safe_psql('lying', sprintf $columns, q{CASE attname WHEN 'mood' THEN 'text' ELSE format_type(atttypid, atttypmod) END}, 'products'),
		'columns, their order, types, and NOT NULL are those there');
	like($super->value("SELECT note FROM dcx_attach_aas('dcx_aas') LIMIT 1"),
		qr/^already a foreign table on server dcx_aas; column mood is text here \(type "Mood" there\); database lying has \d other tables?$/,
		'and the type that is not built in is named');
	is( $super->value(q{SELECT seen -> 'catalog' ->> 'database', seen -> 'catalog' ->> 'role', seen -> 'catalog' ? 'tables' FROM dcx.binding WHERE part = 'products'}),
		'lying|aas_reader|f', 'who was attached is kept, and the tables are not');
	is( $super->value(q{SELECT string_agg(DISTINCT k, ',' ORDER BY k) FROM jsonb_each(dcx_schema('aas')) t, jsonb_each(t.value -> 'columns') c, jsonb_object_keys(c.value) k}),
		'not_null,type', 'a schema has of a column what it had');
};

subtest 'an answer that PostgreSQL would not give' => sub {
	my $before = $super->value(q{SELECT relation, attached_at, version, seen FROM dcx.binding ORDER BY part});
	my @lies = (
		[ 'NULL', 'NULL::text', qr/^It does not answer as PostgreSQL does\.$/ ],
		[ 'nothing', q{''::text}, qr/no JSON/ ],
		[ 'no JSON', q('{'::text), qr/^Its answer is no JSON: invalid input syntax for type json\.$/ ],
		[ 'two', q{'{},{}'::text}, qr/no JSON/ ],
		[ 'a NUL', q{'{"database": "a\u0000"}'::text}, qr/no JSON/ ],
		[ 'half a character', q{'{"database": "\ud800"}'::text}, qr/no JSON/ ],
		[ 'without end', q{repeat('[', 1000000)}, qr/no JSON: stack depth limit exceeded/ ],
		[ 'null', q{'null'::text}, qr/^Its answer is no object\.$/ ],
		[ 'a number', q{'1'::text}, qr/no object/ ],
		[ 'a list', q{'[{"database": "x", "tables": {}}]'::text}, qr/no object/ ],
		[ 'an empty one', q{'{}'::text}, qr/^Of the server it does not say "database"\.$/ ],
		[ 'no tables', q{$1 - 'tables'}, qr/^Of the server it does not say "tables"\.$/ ]);
	push @lies, [ "database: $_", with('database', $_), qr/"database" of another type/ ] for 'null', '1', '{}', 'true';
	push @lies, [ 'database: ""', with('database', '""'), qr/^Of the server it says a name that is empty\.$/ ];
	push @lies, [ "tables: $_", with('tables', $_), qr/"tables" of another type/ ] for 'null', '[]', '[{"products": {}}]', '"products"', '1';
	push @lies, [ "table: $_", with('tables,products', $_), qr/^What it says of table "products" is no object\.$/ ] for 'null', '[]', '"x"', 'true';
	push @lies, [ 'another table', with('tables,of no concern', '1'), qr/^What it says of table "of no concern" is no object\.$/ ];
	push @lies, [ 'table: ""', q{jsonb_set($1, '{tables,""}', '{"columns": {}}')}, qr/name that is empty/ ];
	push @lies, [ "columns: $_", with('tables,products,columns', $_), qr/^Of table "products" it says a "columns" of another type\.$/ ] for 'null', '[]', '"code"';
	push @lies, [ 'no columns', q{$1 #- '{tables,products,columns}'}, qr/^Of table "products" it does not say "columns"\.$/ ];
	push @lies, [ 'very many columns',
		q{jsonb_set($1, '{tables,wide}', jsonb_build_object('columns', (SELECT jsonb_object_agg('c' || n, $1 #> '{tables,products,columns,code}') FROM generate_series(1, 1601) n)))},
		qr/^Of table "wide" it says more columns than a table can have\.$/ ];
	push @lies, [ "column: $_", with($code, $_), qr/^What it says of column "code" of table "products" is no object\.$/ ] for 'null', '[]', '"text"', '0';
	push @lies, [ 'column: ""', q{jsonb_set($1, '{tables,products,columns,""}', '{}')}, qr/^Of table "products" it says a name that is empty\.$/ ];
	for my $member ('typmod', 'position', 'not_null', 'type_name', 'builtin')
	{
		push @lies, [ "no $member", "\$1 #- '{$code,$member}'", qr/^Of column "code" of table "products" it does not say "$member"\.$/ ];
		my @others = grep { !($member eq 'builtin' && $_ eq 'null') && !($member =~ /typmod|position/ && $_ eq '1')
			  && !($member eq 'not_null' && $_ eq 'true') && !($member =~ /type_name|builtin/ && $_ eq '"1"') } 'null', '1', '"1"', 'true', '[1]', '{"1": 1}';
		push @lies, [ "$member: $_", with("$code,$member", $_), qr/^Of column "code" of table "products" it says a "$member" of another type\.$/ ] for @others;
	}
	push @lies, [ "typmod: $_", with("$code,typmod", $_), qr/says a "typmod" that PostgreSQL does not have/ ]
	  for '-2', '1.5', '2147483648', '-2147483649', '1e30', '9999999999999999999999', '1e-3';
	# The type could not be written out, or not be read again: a dump of this database would not be made, or not restored.
	push @lies, [ "a $_->[0] of typmod $_->[1]", qq{jsonb_set(\$1, '{$code}', (\$1 #> '{$code}') || '{"builtin": "$_->[0]", "typmod": $_->[1]}')},
		qr/^Of column "code" of table "products" it says a "typmod" that its type cannot have\.$/ ]
	  for [ 'text', 2147483647 ], [ 'int4', 4 ], [ 'interval', 0 ], [ '_interval', 327687 ], [ 'numeric', 2 ], [ 'numeric', 2147483647 ],
	  [ 'varchar', 4 ], [ 'bpchar', 0 ], [ 'bit', 0 ], [ 'time', 7 ], [ 'timestamp', 99 ], [ 'pg_class', 1 ];
	push @lies, [ "position: $_", with("$code,position", $_), qr/says a "position" that PostgreSQL does not have/ ] for '0', '-1', '32768', '1.1';
	push @lies, [ "$_: \"\"", with("$code,$_", '""'), qr/name that is empty/ ] for 'type_name', 'builtin';

	for my $lie (@lies)
	{
		my ($name, $expression, $detail) = @$lie;

		answers($expression);
		fails_with($super, $attach, $name,
			state => 'HV000', message => 'server "dcx_aas" does not answer as PostgreSQL does', detail => $detail,
			hint => 'See which server it is, and who runs it.');
	}
	is($super->value(q{SELECT relation, attached_at, version, seen FROM dcx.binding ORDER BY part}), $before, 'nothing is changed');

	# The same where nothing is attached yet, and where a foreign table is adopted.
	fails_with($super, $attach =~ s/'\)$/', 'fresh')/r, 'at first', state => 'HV000', message => qr/server "dcx_fresh"/);
	is($super->value(q{SELECT count(*) FROM pg_foreign_server WHERE srvname = 'dcx_fresh'}), '0', 'nothing is left of it');
	fails_with($super, 'SELECT * FROM dcx_attach_aas()', 'adopted', state => 'HV000');
	fails_with($super, q{SELECT dcx_schema('aas')}, 'its schema', state => 'HV000');
	is( $super->value(q{SELECT area, severity, problem, detail FROM dcx_check('connection') WHERE severity = 'error'}),
		'connection|error|this could not be looked at|server "dcx_aas" does not answer as PostgreSQL does: '
		  . 'Of column "code" of table "products" it says a name that is empty.', 'and a check says so');
	answers(undef);
};

# The columns of the foreign table, in their order.
my $columns = q{SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
	WHERE attrelid = 'lied.products'::regclass AND attnum > 0};
my $minimal = q('products', '{"columns": {"code": %s, "price": {"position": 4, "typmod": -1, "not_null": false, "type_name": "float8", "builtin": "float8"}%s}}'::jsonb);

# Attaches what is answered of products, in a schema of its own, as a transaction that is rolled back.
sub attached
{
	my ($tables) = @_;

	answers("jsonb_set(\$1, '{tables}', jsonb_build_object($tables))");
	$super->value('BEGIN');
	my $note = $super->value($attach =~ s/relation, rows/note/r =~ s/'\)$/', 'lied') LIMIT 1/r);
	my $found = $super->value($columns);
	$super->value('ROLLBACK');
	return ($note, $found);
}

subtest 'an answer that is odd' => sub {
	my $text = '{"position": 3, "typmod": -1, "not_null": false, "type_name": "text", "builtin": "text"}';
	my ($long, $cut) = ('é' x 40, 'é' x 31);
	my ($note, $found);

	($note, $found) = attached(sprintf $minimal, $text, '');
	is($found, 'code text, price double precision', 'as little as it takes');
	($note, $found) = attached(sprintf $minimal, $text =~ s/: 3/: 5/r, '');
	is($found, 'price double precision, code text', 'in the order of the positions');
	($note, $found) = attached(sprintf $minimal, $text, qq(, "$long": ) . $text =~ s/3/5/r);
	is($found, "code text, price double precision, $cut text", 'a name that is too long is cut where a character ends');
	($note, $found) = attached(sprintf $minimal, $text =~ s/"builtin": "text"/"builtin": "no_such"/r, '');
	is($found, 'code text, price double precision', 'a type that is not known here is text');
	like($note, qr/column code is text here \(type text there\)/, 'and named');
	($note, $found) = attached(sprintf $minimal, $text, ', "big": ' . $text =~ s/3/5/r =~ s/-1/10485764/r =~ s/"builtin": "text"/"builtin": "varchar"/r);
	is($found, 'code text, price double precision, big character varying(10485760)', 'the largest typmod');
	($note, $found) = attached(sprintf($minimal, $text, '') . q{) || (SELECT jsonb_object_agg('t' || n, '{"columns": {}}'::jsonb) FROM generate_series(1, 20000) n});
	like($note, qr/database lying has 20000 other tables/, 'very many tables');

	# The last of several members with the same name counts, as always in jsonb.
	answers(q('{"database": "first", "database": "last", ' || substr($1 #>> '{}', 2)));
	like($super->value($attach =~ s/relation, rows/note/r . ' LIMIT 1'), qr/; database lying has/, 'a member that is there twice');

	for my $type ('record', 'cstring', 'anyelement', 'trigger')
	{
		answers(with("$code,builtin", qq("$type")));
		fails_with($super, $attach =~ s/'\)$/', 'lied')/r, "a column of type $type", state => '42P16', message => qr/^column "code" has pseudo-type $type$/);
	}
	answers(q{jsonb_set($1, '{tables,products,columns,ctid}', '{"position": 9, "typmod": -1, "not_null": false, "type_name": "text", "builtin": "text"}')});
	fails_with($super, $attach =~ s/'\)$/', 'lied')/r, 'a column called like one of the system', state => '42701');
	answers(undef);
	is($super->value($attach), "aas.products|39\naas.categories|10\naas.terraform_vm_config|24", 'the truth again');
};

subtest 'names in the remote that mean something else there' => sub {
	# Whatever the role's search_path: the question is asked under one of its own.
	$aas->safe_psql('lying', <<'SQL');
CREATE SCHEMA shadow;
CREATE TABLE shadow.pg_class AS SELECT * FROM pg_class LIMIT 0;
CREATE TABLE shadow.pg_namespace AS SELECT * FROM pg_namespace LIMIT 0;
CREATE FUNCTION shadow.current_database() RETURNS name LANGUAGE sql AS $$SELECT 'shadow'::name$$;
CREATE FUNCTION shadow.format_type(oid, integer) RETURNS text LANGUAGE sql AS $$SELECT 'shadow'$$;
GRANT USAGE ON SCHEMA shadow TO aas_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA shadow TO aas_reader;
ALTER ROLE aas_reader SET search_path = shadow, pg_catalog
SQL
	like($super->value($attach =~ s/relation, rows/note/r . ' LIMIT 1'), qr/; database lying has/, 'are not what is asked');
	$aas->safe_psql('lying', 'ALTER ROLE aas_reader RESET search_path');
};

subtest 'event triggers' => sub {
	my $url = aas_url($aas);
	my $session;

	$main->safe_psql('postgres', 'CREATE DATABASE guarded');
	$session = session($main, database => 'guarded');
	$session->value(<<'SQL');
CREATE EXTENSION dcx_pricing;
CREATE EXTENSION postgres_fdw;
CREATE TABLE commands (tag text);
CREATE FUNCTION no_drops() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'nothing is dropped here'; END$$;
CREATE FUNCTION note_command() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.commands VALUES (tg_tag); END$$;
CREATE EVENT TRIGGER no_drops ON sql_drop EXECUTE FUNCTION no_drops();
CREATE EVENT TRIGGER note_command ON ddl_command_end EXECUTE FUNCTION note_command()
SQL
	fails_with($session, 'DROP TABLE commands', 'the guard stands', state => 'P0001');
	is($session->value("SELECT count(*) FROM dcx_attach_aas('$url')"), '3', 'attached at first');
	is( $session->value(q{SELECT tag, count(*) FROM commands WHERE tag ~ 'SERVER|MAPPING|FOREIGN' GROUP BY 1 ORDER BY 1}),
		"CREATE FOREIGN TABLE|3\nCREATE SERVER|1\nCREATE USER MAPPING|1", 'nothing is made but what stays');
	$session->value('TRUNCATE commands');
	is($session->value("SELECT count(*) FROM dcx_attach_aas('$url')"), '3', 'and again');
	is($session->value('SELECT count(*) FROM commands'), '0', 'which makes nothing');
	is( $session->value(q{SELECT count(*) FROM dcx_attach_aas('} . aas_url($aas, database => 'lying') . q{')}), '3', 'and another one');
	is($session->value(q{SELECT string_agg(DISTINCT tag, ',') FROM commands}), 'ALTER FOREIGN TABLE,ALTER SERVER', 'which alters');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'it prices');

	# An event trigger that knows which commands attach uses.
	$session->value(<<'SQL');
ALTER EVENT TRIGGER note_command DISABLE;
CREATE OR REPLACE FUNCTION note_command() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF tg_tag NOT IN ('CREATE SCHEMA', 'CREATE SERVER', 'CREATE USER MAPPING', 'CREATE FOREIGN TABLE') THEN
		RAISE 'no % here', tg_tag;
	END IF;
END $$;
ALTER EVENT TRIGGER note_command ENABLE
SQL
	is($session->value("SELECT count(*) FROM dcx_attach_aas('$url', 'elsewhere')"), '3', 'a guard that lets these pass');
	$session->close;
};

subtest 'a server that was made in the same transaction' => sub {
	my $port = $aas->port;

	$super->value('BEGIN');
	$super->value(<<"SQL");
CREATE SERVER fresh FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname '$Dcx::aas_db');
ALTER SERVER fresh OPTIONS (SET port '$port');
CREATE USER MAPPING FOR CURRENT_USER SERVER fresh OPTIONS (user 'aas_reader', password '$Dcx::aas_password')
SQL
	like($super->value(q{SELECT note FROM dcx_attach_aas('fresh', 'of_fresh') LIMIT 1}), qr/^foreign table on server fresh; database $Dcx::aas_db /, 'is asked as it is now');
	$super->value('ROLLBACK');
	is($super->value(q{SELECT count(*) FROM pg_foreign_server WHERE srvname = 'fresh'}), '0', 'and gone with it');
};

subtest 'who may not use a server does not reach it' => sub {
	my $proxy = Dcx::Proxy->new($aas);
	my $port = $proxy->port;
	my $directory = $aas->host;
	my ($operator, $named);

	add_operator($main, 'operator');
	$main->safe_psql($Dcx::main_db, <<"SQL");
DROP SCHEMA dcx CASCADE;
CREATE SERVER asked FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '$port', dbname '$Dcx::aas_db');
CREATE SERVER trusting FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$directory', port '@{[ $aas->port ]}', dbname '$Dcx::aas_db');
CREATE USER MAPPING FOR operator SERVER asked OPTIONS (user 'aas_reader', password '$Dcx::aas_password');
SQL
	$operator = session($main, user => 'operator');
	$named = q{SELECT count(*) FROM dcx_attach_aas('%s', 'of_operator')};
	fails_with($operator, sprintf($named, 'asked'), 'without USAGE', state => '42501', message => 'permission denied for foreign server asked');
	is($proxy->connections, '0', 'nobody has called there');

	$main->safe_psql($Dcx::main_db, 'GRANT USAGE ON FOREIGN SERVER asked, trusting TO operator; ALTER USER MAPPING FOR operator SERVER asked OPTIONS (DROP password)');
	fails_with($operator, sprintf($named, 'asked'), 'without a password', state => '2F003',
		message => 'role "operator" may not connect to server "asked"', detail => 'The user mapping of role "operator" has no password.');
	is($proxy->connections, '0', 'nobody has called there');
	$operator->value(q{CREATE USER MAPPING FOR operator SERVER trusting OPTIONS (user 'postgres', password 'made up')});
	fails_with($operator, sprintf($named, 'trusting'), 'with one that is not asked for', state => '2F003',
		message => 'role "operator" may not connect to server "trusting"', detail => 'The server let role "operator" in without asking for its password.', hint => qr/^The server has to ask for it, as the role is no superuser here/);
	$main->safe_psql($Dcx::main_db, q{ALTER USER MAPPING FOR operator SERVER trusting OPTIONS (ADD password_required 'false')});
	is($operator->value(sprintf $named, 'trusting'), '3', 'unless a superuser has said that it need not be');
	$operator->value(q{SELECT * FROM dcx_detach('aas')});

	$main->safe_psql($Dcx::main_db, "ALTER USER MAPPING FOR operator SERVER asked OPTIONS (ADD password '$Dcx::aas_password')");
	is($operator->value(sprintf $named, 'asked'), '3', 'with one that is');

	# A host that stops answering when it is asked.
	$proxy->at('jsonb_build_object', 1, undef, 'stall');
	my $began = time;
	fails_with($operator, sprintf($named, 'asked'), 'a question without an answer', state => 'ZD008', message => 'the catalog cannot be reached',
		detail => 'No answer within 5 s.', hint => qr/Its host and port are meant as seen from this database server\./);
	cmp_ok(time - $began, '<', 15, 'in a bounded time');
	$proxy->mute;
	fails_with($operator, sprintf($named, 'asked'), 'a connection without one', state => 'ZD008', detail => 'No answer within 5 s.');
	$proxy->stop;
	fails_with($operator, sprintf($named, 'asked'), 'nobody there', state => 'ZD008', detail => qr/^could not connect to server "asked": .*Connection refused/);
	$operator->close;
};

# Of several hosts the first says nothing. Price calls go on to the next one on 15 only, where postgres_fdw connects with
# connect_timeout.
subtest 'several hosts' => sub {
	my $silent = Dcx::Proxy->new($aas);
	my ($dumb, $good, $dead) = ($silent->port, $aas->port, PostgreSQL::Test::Cluster::get_free_port());
	my $operator = session($main, user => 'operator');
	my $again = q{SELECT count(*) FROM dcx_attach_aas('asked', 'of_operator')};
	my $nothing = qr/no answer from host "127\.0\.0\.1", port $dumb, within 2 s; /i;
	my $hosts = sub {
		my ($options, $port) = @_;

		$main->safe_psql($Dcx::main_db, <<"SQL");
DROP SERVER IF EXISTS asked CASCADE;
CREATE SERVER asked FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($options, port '$port', dbname '$Dcx::aas_db', connect_timeout '2');
GRANT USAGE ON FOREIGN SERVER asked TO operator;
CREATE USER MAPPING FOR operator SERVER asked OPTIONS (user 'aas_reader', password '$Dcx::aas_password')
SQL
	};
	my @lists = (
		[ 'a host', q{host '127.0.0.1,127.0.0.1'}, "$dumb,$good" ],
		[ 'two, each with the same port', q{host '127.0.0.1,127.0.0.1,127.0.0.1'}, "$dumb,$dumb,$good" ],
		[ 'after one that refuses', q{host '127.0.0.1,127.0.0.1,127.0.0.1'}, "$dead,$dumb,$good" ],
		[ 'addresses of names', q{host 'one.invalid,two.invalid', hostaddr '127.0.0.1,127.0.0.1'}, "$dumb,$good" ],
		[ 'an address that is left out', q{host 'one.invalid,127.0.0.1', hostaddr '127.0.0.1,'}, "$dumb,$good" ],
		[ 'a name', q{host 'localhost,127.0.0.1'}, "$dumb,$good" ],
		[ 'the one to write to', q{target_session_attrs 'read-write', host '127.0.0.1,127.0.0.1'}, "$dumb,$good" ],
		[ 'a standby at best', q{target_session_attrs 'prefer-standby', host '127.0.0.1,127.0.0.1'}, "$good,$dumb" ]);

	$silent->mute;
	for my $list (@lists)
	{
		my ($name, @of) = @$list;

		$hosts->(@of);
		if ($major < 16)
		{
			is($operator->value($again), '3', $name);
			is($operator->value("SELECT $Dcx::cost"), '376.00', 'and it prices');
			$operator->value(q{SELECT * FROM dcx_detach('aas')});
		}
		else
		{
			fails_with($operator, $again, $name, state => 'ZD008', detail => 'No answer within 10 s.') if $name =~ /^(?:a host|a standby.*)$/;
		}
	}

	SKIP:
	{
		skip 'only on 15', 4 if $major >= 16;
		$hosts->(q{host '127.0.0.1,127.0.0.1'}, "$dumb,$dead");
		my $error = fails_with($operator, $again, 'and one that refuses', state => 'ZD008',
			detail => qr/^Could not connect to server "asked": $nothing.*port $dead failed: Connection refused/i);
		unlike($error->{text}, qr/\Q$Dcx::aas_password/, 'without a password');
		$hosts->(q{host '127.0.0.1,127.0.0.1'}, "$dumb,$dumb");
		fails_with($operator, $again, 'and no other', state => 'ZD008', detail => qr/^${nothing}no answer within 5 s\.$/);
		$hosts->(q{target_session_attrs 'standby', host '127.0.0.1,127.0.0.1'}, "$dumb,$good");
		fails_with($operator, $again, 'and a primary that is not wanted', state => 'ZD008', detail => qr/$nothing.*not in hot standby/);
	}
	$hosts->(q{host '127.0.0.1,127.0.0.1,127.0.0.1'}, "$dumb,$good");
	fails_with($operator, $again, 'lists that do not match', state => 'ZD008', detail => qr/could not match 2 port numbers to 3 hosts/);
	$silent->stop;
	$operator->close;
};

# Who drops the server waits for the attach, whose foreign tables would be left without one.
subtest 'the server is dropped meanwhile' => sub {
	my ($attaching, $dropping) = (session($main), session($main));
	my $dangling = q{SELECT count(*) FROM pg_foreign_table WHERE ftserver NOT IN (SELECT oid FROM pg_foreign_server)};

	$main->safe_psql($Dcx::main_db, <<"SQL");
DROP SCHEMA IF EXISTS dcx CASCADE;
CREATE SERVER kept FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '@{[ $aas->port ]}', dbname '$Dcx::aas_db');
CREATE USER MAPPING FOR CURRENT_USER SERVER kept OPTIONS (user 'aas_reader', password '$Dcx::aas_password')
SQL
	for my $source ('kept', aas_url($aas))
	{
		my $server = $source eq 'kept' ? 'kept' : 'dcx_of_kept';

		# A server that attach has just made cannot be dropped by others; so the URL's is there, without tables.
		if ($server ne $source)
		{
			$attaching->value("SELECT * FROM dcx_attach_aas('$source', 'of_kept')");
			$attaching->value('DROP FOREIGN TABLE of_kept.categories, of_kept.products, of_kept.terraform_vm_config');
		}
		$attaching->value("BEGIN; SELECT * FROM dcx_attach_aas('$source', 'of_kept')");
		$dropping->start("DROP SERVER $server CASCADE");
		ok($main->poll_query_until($Dcx::main_db, "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $dropping->{pid}"), "$server: the other one waits");
		$attaching->value('COMMIT');
		$dropping->finish_value;
		is($main->safe_psql($Dcx::main_db, $dangling), '0', 'no table is left without a server');
		$attaching->value(q{SELECT * FROM dcx_detach('aas')});
	}
	$_->close for $attaching, $dropping;
};

# The keys of the session's own login with SCRAM go on to a server that has the same secret.
SKIP:
{
	skip 'use_scram_passthrough comes with 18', 1 if $major < 18;

	subtest 'SCRAM passed through' => sub {
		my ($attach, $trusted, $passer) = q{SELECT count(*) FROM dcx_attach_aas('%s', 'of_passer')};
		my $directory = $aas->host;
		my $scram = sub {
			my ($server, $mapping) = @_;

			$main->safe_psql($Dcx::main_db, <<"SQL");
DROP SERVER IF EXISTS passing CASCADE;
CREATE SERVER passing FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($server, port '@{[ $aas->port ]}', dbname '$Dcx::aas_db');
GRANT USAGE ON FOREIGN SERVER passing TO passer;
CREATE USER MAPPING FOR passer SERVER passing OPTIONS ($mapping)
SQL
		};

		add_operator($main, 'passer');
		$main->safe_psql($Dcx::main_db, q{DROP SCHEMA IF EXISTS dcx CASCADE; SET password_encryption = 'scram-sha-256'; ALTER ROLE passer PASSWORD 'of its own'});
		my $secret = $main->safe_psql('postgres', q{SELECT rolpassword FROM pg_authid WHERE rolname = 'passer'});
		$aas->safe_psql($Dcx::aas_db, "CREATE ROLE passer LOGIN PASSWORD '$secret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO passer");
		$trusted = session($main, user => 'passer');
		my $hba = slurp_file($main->data_dir . '/pg_hba.conf');
		unlink $main->data_dir . '/pg_hba.conf';
		$main->append_conf('pg_hba.conf', "local all passer scram-sha-256\n$hba");
		$main->reload;
		{
			local $ENV{PGPASSWORD} = 'of its own';
			$passer = session($main, user => 'passer');
			$passer->value('SELECT 1');
		}

		$scram->(q{host '127.0.0.1'}, q{user 'passer'});
		fails_with($passer, sprintf($attach, 'passing'), 'where it is not asked for', state => '2F003', detail => 'The user mapping of role "passer" has no password.');
		$scram->(q{host '127.0.0.1', use_scram_passthrough 'true'}, q{user 'passer'});
		fails_with($trusted, sprintf($attach, 'passing'), 'a session without SCRAM', state => '2F003',
			detail => qr/^The user mapping of role "passer" has no password, and this session was not opened with SCRAM/);
		is($passer->value(sprintf $attach, 'passing'), '3', 'by an option of the server');
		is($passer->value("SELECT $Dcx::cost"), '376.00', 'and it prices');
		# What check and health report is what a price call of the same session meets.
		$main->safe_psql($Dcx::main_db, 'GRANT EXECUTE ON FUNCTION dcx_check(text), dcx_health(), dcx_wallet_audit() TO passer');
		my $unreached = q{SELECT detail FROM dcx_check('connection') WHERE problem = 'the server cannot be reached'};
		my $reachable = q{SELECT value FROM dcx_health() WHERE (area, name) = ('aas', 'reachable')};
		is($passer->value($unreached), '', 'so says the check');
		is($passer->value($reachable), 'true', 'and health');
		isnt($trusted->error("SELECT $Dcx::cost")->{state}, 'none', 'a session without SCRAM gets no price');
		like($trusted->value($unreached), qr/has no password, and this session was not opened with SCRAM.*log in here with a password/, 'so says the check');
		is($trusted->value($reachable), 'false', 'and health');
		$passer->value(q{SELECT * FROM dcx_detach('aas')});
		$scram->(q{host '127.0.0.1'}, q{user 'passer', use_scram_passthrough 'true'});
		is($passer->value(sprintf $attach, 'passing'), '3', 'by an option of the mapping');
		$passer->value(q{SELECT * FROM dcx_detach('aas')});
		$scram->(q{host '127.0.0.1', use_scram_passthrough 'true'}, q{user 'passer', use_scram_passthrough 'false'});
		fails_with($passer, sprintf($attach, 'passing'), 'the mapping\'s option has precedence', state => '2F003');
		$scram->("host '$directory', use_scram_passthrough 'true'", q{user 'passer'});
		fails_with($passer, sprintf($attach, 'passing'), 'a server that does not ask', state => 'ZD008', detail => qr/authentication method requirement "scram-sha-256" failed/);
		$aas->safe_psql('postgres', q{ALTER ROLE passer PASSWORD 'another'});
		$scram->(q{host '127.0.0.1', use_scram_passthrough 'true'}, q{user 'passer'});
		my $error = fails_with($passer, sprintf($attach, 'passing'), 'a server with another secret', state => 'ZD008', detail => qr/could not|failed/);
		unlike($error->{text}, qr/of its own|scram_(?:client|server)_key/, 'without a secret');
		$_->close for $trusted, $passer;
	};
}

$_->close for $super, $liar;
$_->stop for $main, $aas;
done_testing();

# No object that another role creates is used by our SQL: not while the extension is installed or updated in a schema
# that this role may create in, and not while a superuser calls a function.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Twins;
use File::Copy qw(copy);
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $enetworks = new_enetworks('enetworks');
my $main = new_main('main', bare => 1);
my $sources = "$FindBin::RealBin/../..";

$main->safe_psql('postgres', 'CREATE ROLE owner LOGIN');

# What the extension's objects depend on, other than pg_catalog, the extension, and its schema.
my $bound = <<'SQL';
SELECT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
  FROM pg_extension e JOIN pg_depend m ON m.refobjid = e.oid AND m.refclassid = 'pg_extension'::regclass AND m.deptype = 'e'
  JOIN pg_depend d ON d.classid = m.classid AND d.objid = m.objid AND d.deptype <> 'e'
 WHERE e.extname = 'dcx_pricing' AND NOT (d.refclassid = 'pg_namespace'::regclass AND d.refobjid = e.extnamespace)
   AND (pg_identify_object(d.refclassid, d.refobjid, 0)).schema IS DISTINCT FROM 'pg_catalog'
   AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = d.refclassid AND o.objid = d.refobjid AND o.deptype = 'e' AND o.refobjid = e.oid)
SQL

# The schemas that they are in.
my $schemas = <<'SQL';
SELECT DISTINCT a.schema FROM pg_extension e JOIN pg_depend m ON m.refobjid = e.oid AND m.deptype = 'e',
       pg_identify_object(m.classid, m.objid, 0) a WHERE e.extname = 'dcx_pricing'
SQL

# A database that is the role's: the platform's, with twins in schema public, where the wallets are.
sub new_database
{
	my ($name, $template) = @_;

	$main->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE $template OWNER owner");
}

# Some better matches than pg_catalog has, for where all of them would be too many.
my $few = <<'SQL';
CREATE FUNCTION twin(text, numeric) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured as %', current_user; RETURN $1; END$$;
CREATE FUNCTION twin(numeric, integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured as %', current_user; RETURN true; END$$;
CREATE FUNCTION format(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured as %', current_user; RETURN $1; END$$;
CREATE OPERATOR || (LEFTARG = text, RIGHTARG = numeric, FUNCTION = twin);
CREATE OPERATOR > (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = twin);
SQL

subtest 'the twins are traps' => sub {
	my $offset = -s $main->logfile;
	my @made;

	$main->safe_psql('postgres', 'ALTER DATABASE main OWNER TO owner');
	# pg_catalog has no operator of two varchar, so there a twin is better than any.
	$main->safe_psql('main', <<'SQL');
ALTER TABLE "OrganisationWallet" ALTER "organisationId" TYPE varchar(40);
ALTER TABLE "OrganisationWallet" OWNER TO owner;
ALTER TABLE vcenter_vm_data_vms OWNER TO owner
SQL
	@made = plant_twins($main, 'main', 'public', 'owner');
	# How many of functions, operators, types, relations.
	cmp_ok($made[0], '>', 10_000, 'functions');
	cmp_ok($made[1], '>', 5_000, 'operators');
	cmp_ok($made[2], '>', 15, 'types');
	cmp_ok($made[3], '>', 15, 'relations');
	$main->safe_psql('main', $_)
	  for q{SET search_path = public, pg_catalog; SELECT quote_ident('a'::varchar)},
	  q{SELECT 1::numeric > 1}, q{SELECT 'a'::name || 1}, q{SELECT count(1::numeric)},
	  q{SET search_path = public, pg_catalog; SELECT relname FROM pg_extension, pg_class LIMIT 1},
	  q{SET search_path = public, pg_catalog; SELECT CAST('{}' AS jsonb)};
	like(captured($main, $offset), qr/captured: $_ as postgres/, "caught: $_")
	  for qr/quote_ident\(varchar\)/, 'operator of numeric and int4', 'operator of name and int4', 'aggregate', 'pg_extension',
	  'type jsonb';
};

# Calls of every function of the extension, with arguments by their names.
my %argument = (
	ahead => '[]', amount => '1', area => 'NULL', at => 'now', code => 'RAM_GB', cost => '1', cpu_type => '1GHZ', cpus => '2', description => 'd',
	details => '{}', expires_in => '1 hour', facts => '{}', gb => '40', max_cost => '1000', mbps => '100', org => 'org-hooli',
	organisation_column => 'organisationId', after_id => '0', max_rows => '100', refusals => 'true', balance_column => 'balance', prices => 'NULL', provider => 'NULL', quantity => '3',
	ram_gb => '4', service => 'PV_FIBRE_BUSINESS', since => '-infinity', state => 'NULL', storage_type => 'STANDARD',
	target => 'public', until => 'infinity', wallets => 'public."OrganisationWallet"', vms => 'public.vcenter_vm_data_vms',
	bands => '[]', categories => '[]', products => '[]', providers => '[]', services => '[]', templates => '[]',
	items => '[{"product": "RAM_GB"}, {"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}]');
my %trigger = map { $_ => 1 } qw(dcx_set_updated_at dcx_wallet_record);

# In an order in which each call has something to do.
sub turn
{
	my ($name) = @_;

	return $name =~ /^dcx_attach/ ? 0 : $name =~ /_(hold|reserve)$/ ? 1 : $name =~ /_(capture|release|extend)$/ ? 3
	  : $name eq 'dcx_detach' ? 4 : 2;
}

# The value of an argument of a function.
sub value_of
{
	my ($session, $function, $name, $n) = @_;
	my %own = (
		source => { dcx_attach_aas => aas_url($aas), dcx_attach_enetworks => enetworks_url($enetworks) }->{$function},
		schema => { dcx_attach_aas => 'aas', dcx_attach_enetworks => 'enetworks' }->{$function},
		what => 'enetworks',
		catalog => 'aas',
		idempotency_key => "key $n",
		hold_id => $function eq 'dcx_wallet_capture' ? 1 : $function eq 'dcx_wallet_release' ? 2 : 3,
		book => $function =~ /^dcx_check|network/ ? $session->{network} : $session->{book},
		before => $function =~ /book/ ? $session->{book} : '{}',
		after => $function =~ /book/ ? '{"RAM_GB": {"price": 1}}' : '{"t": {"columns": {"c": {"type": "text"}}}}');

	return $own{$name} // $argument{$name};
}

sub sweep
{
	my ($session, $schema) = @_;
	my $functions = <<'SQL';
SELECT p.proname, array_to_string(p.proargnames[1:p.pronargs], ','), array_to_string(p.proargtypes::pg_catalog.regtype[], ',')
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.refobjid OPERATOR(pg_catalog.=) e.oid
   AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog."char"
  JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) d.objid
 WHERE e.extname OPERATOR(pg_catalog.=) 'dcx_pricing'::pg_catalog.name
SQL
	my @functions;
	my $n = 0;

	$session->value('SET search_path = pg_catalog');
	@functions = map { [ split /\|/, $_, -1 ] } split /\n/, $session->value($functions);
	# Whatever the path: all of pg_temp and of the twins' schema comes before pg_catalog.
	$session->value("SET search_path = $schema, pg_temp, public, pg_catalog");
	for my $function (sort { turn($a->[0]) <=> turn($b->[0]) || "@$a" cmp "@$b" } @functions)
	{
		my ($name, @arguments) = ($function->[0], split /,/, $function->[1]);
		my @types = split /,/, $function->[2];
		my (@values, $error);

		next if $trigger{$name};
		if (turn($name) > 1 && !$session->{book})
		{
			$session->{$_->[0]} = $session->value("SELECT $schema.dcx_price_book('$_->[1]'::pg_catalog.text)")
			  for [ book => 'aas' ], [ network => 'enetworks' ];
		}
		$n++;
		for my $i (0 .. $#types)
		{
			my $value = value_of($session, $name, $arguments[$i], $n);

			die "026_capture.pl has no value for argument $arguments[$i] of $name\n" unless defined $value;
			push @values, $value eq 'NULL' ? "NULL::$types[$i]" : "\$_\$$value\$_\$::$types[$i]";
		}
		$error = $session->error("SELECT * FROM $schema.$name(" . join(', ', @values) . ')');
		is($error->{state}, 'none', "$name(" . join(', ', @types) . ')') or diag($error->{text});
		unlike($error->{text}, qr/could not be looked at|failed:/, 'all of it') if $name =~ /check|health|maintain/;
	}
	return $n;
}

for my $schema ('public', 'api')
{
	subtest "installed in schema $schema, which is the owner's" => sub {
		my ($offset, $session);

		new_database("in_$schema", 'main');
		# The schema with the twins, and the wallets, under another name; public is empty.
		$main->safe_psql("in_$schema", 'ALTER SCHEMA public RENAME TO api; CREATE SCHEMA public') if $schema ne 'public';
		local @argument{qw(target wallets vms)} = ($schema, "$schema.\"OrganisationWallet\"", "$schema.vcenter_vm_data_vms");

		$session = session($main, database => "in_$schema");
		plant_temporary_twins($session, $schema);
		$offset = -s $main->logfile;
		$session->value("SET search_path = $schema, pg_temp, pg_catalog; CREATE EXTENSION dcx_pricing SCHEMA $schema");
		is(captured($main, $offset), '', 'nothing ran while it was installed');
		is($main->safe_psql("in_$schema", "SET search_path = pg_catalog; $bound"), '', 'nothing of ours depends on anything else');
		is($main->safe_psql("in_$schema", "SET search_path = pg_catalog; $schemas"), $schema, 'all of it is there');

		$offset = -s $main->logfile;
		cmp_ok(sweep($session, $schema), '>', 50, 'every function is called');
		$session->value("UPDATE $schema.\"OrganisationWallet\" SET balance = 7 WHERE \"organisationId\" OPERATOR(pg_catalog.=) 'org-acme'::pg_catalog.varchar");
		is($session->error('DELETE FROM dcx.wallet_entry')->{state}, '42501', 'the guards stand');
		is($session->error('UPDATE dcx.wallet_hold SET amount = 0')->{state}, '42501', 'all of them');
		for my $fix (split /\n/, $session->value("SELECT fix FROM $schema.dcx_check(NULL::pg_catalog.text) WHERE fix IS NOT NULL"))
		{
			is($session->error($fix)->{state}, 'none', $fix);
		}
		is(captured($main, $offset), '', 'nothing of theirs ran');
		$session->close;
	};
}

for my $schema ('"Dcx Api"', '"select"', '"naïve %s.x"')
{
	subtest "installed in schema $schema" => sub {
		my $name = 'odd' . ++$main->{odd};

		$main->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 OWNER owner");
		$main->safe_psql($name, "SET ROLE owner; CREATE SCHEMA $schema; SET search_path = $schema; $few");
		$main->safe_psql($name, "CREATE EXTENSION dcx_pricing SCHEMA $schema");
		is($main->safe_psql($name, $bound), '', 'nothing of ours depends on anything else');
		is($main->safe_psql($name, $schemas), $schema, 'all of it is there');
		is($main->safe_psql($name, "SELECT object FROM $schema.dcx_schema_diff('{}', '{\"t\": {\"columns\": {}}}')"), 't', 'it works');
		$main->safe_psql($name, 'CREATE SCHEMA aas; CREATE TABLE aas.products (code text, title text, price numeric)');
		is($main->safe_psql($name, "SELECT fix FROM $schema.dcx_check() WHERE object = 'aas'"),
			"SELECT * FROM $schema.dcx_attach_aas()", 'and names itself');
		$main->safe_psql($name, $main->safe_psql($name, "SELECT fix FROM $schema.dcx_check() WHERE object = 'aas'"));
	};
}

subtest 'it stays where it is' => sub {
	my $session = session($main, database => 'odd1');

	fails_with($session, "ALTER EXTENSION dcx_pricing SET SCHEMA $_", "not to $_", state => '0A000') for qw(pg_catalog public);
	$session->close;
};

subtest 'its schema is renamed, and another one made of that name' => sub {
	my $session = session($main, database => 'in_api');
	my $offset = -s $main->logfile;
	my $fixes;

	$session->value('SET search_path = pg_catalog');
	$session->value(<<'SQL');
SET ROLE owner;
ALTER SCHEMA api RENAME TO moved;
CREATE SCHEMA api;
CREATE FUNCTION api.dcx_attach_wallet(text, text, text) RETURNS void LANGUAGE plpgsql AS
$$BEGIN RAISE LOG 'captured: attach as %', current_user; END$$;
ALTER TABLE moved."OrganisationWallet" DISABLE TRIGGER USER;
UPDATE moved."OrganisationWallet" SET balance = 8 WHERE "organisationId" OPERATOR(pg_catalog.=) 'org-acme';
ALTER TABLE moved."OrganisationWallet" ENABLE TRIGGER USER;
RESET ROLE
SQL
	$fixes = $session->value(q{SELECT fix FROM moved.dcx_check('wallet') WHERE severity = 'error'});
	like($fixes, qr/^SELECT \* FROM moved\.dcx_attach_wallet\(/, 'a fix names the schema as it is now');
	$session->value($_) for split /\n/, $fixes;
	is($session->value(q{SELECT fix FROM moved.dcx_check('wallet') WHERE severity = 'error'}), '', 'and works');
	is(captured($main, $offset), '', 'nothing of theirs ran');
	$session->close;
};

subtest 'the library is newer than the extension' => sub {
	my $session = session($main, database => 'in_public');
	my $offset = -s $main->logfile;

	# As if that version had no such function yet: so its name is free.
	$session->value(<<'SQL');
SET search_path = pg_catalog;
ALTER EXTENSION dcx_pricing DROP FUNCTION public.dcx_check_settings(jsonb);
DROP FUNCTION public.dcx_check_settings(jsonb);
SET ROLE owner;
CREATE FUNCTION public.dcx_check_settings(facts jsonb, OUT severity text, OUT object text, OUT problem text, OUT detail text, OUT fix text)
RETURNS SETOF record LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured: settings as %', current_user; RETURN; END$$;
RESET ROLE
SQL
	is( $session->value(q{SELECT problem, detail FROM public.dcx_check('settings')}),
		'this could not be looked at|extension dcx_pricing is of another version than its library: '
		  . 'The library is 1.0, and looks for function dcx_check_settings().',
		'what it lacks is nobody else\'s');
	is(captured($main, $offset), '', 'nothing of theirs ran');
	$session->close;
};

subtest 'functions called like ours are there already' => sub {
	my ($session, $offset, $fix);

	$main->safe_psql('postgres', 'CREATE DATABASE overloads TEMPLATE template0 OWNER owner');
	$session = session($main, database => 'overloads');
	$session->value(<<'SQL');
SET ROLE owner; CREATE SCHEMA api;
CREATE FUNCTION api.dcx_wallet_audit(integer DEFAULT 0) RETURNS void LANGUAGE plpgsql AS
$$BEGIN RAISE LOG 'captured: audit as %', current_user; END$$;
RESET ROLE
SQL
	$offset = -s $main->logfile;
	# Without arguments the name is ambiguous.
	fails_with($session, 'CREATE EXTENSION dcx_pricing SCHEMA api', 'one that could be taken for ours', state => '42725');
	$session->value('DROP FUNCTION api.dcx_wallet_audit(integer)');
	for my $name (split /\n/, $main->safe_psql('odd1', q{SELECT DISTINCT proname FROM pg_proc WHERE proname ~ '^dcx_'}))
	{
		$session->value(<<"SQL") for 'varchar', 'anyelement', 'varchar, varchar', 'varchar, varchar, varchar', 'VARIADIC varchar[]', 'VARIADIC anyarray', 'json';
SET ROLE owner;
CREATE FUNCTION api.$name($_) RETURNS void LANGUAGE plpgsql AS \$\$BEGIN RAISE LOG 'captured: $name as %', current_user; END\$\$;
RESET ROLE
SQL
	}
	$session->value('CREATE EXTENSION dcx_pricing SCHEMA api');
	is($session->value($bound), '', 'nothing of ours depends on them');
	# Problems, each with the fix that dcx_check() proposes.
	for (
		[ 'CREATE SCHEMA aas; CREATE TABLE aas.products (code text, title text, price numeric)', 'dcx_attach_aas' ],
		[ <<'SQL', 'dcx_attach_wallet' ],
CREATE TABLE public.wallets (org text UNIQUE, balance numeric);
INSERT INTO public.wallets VALUES ('o', 1);
SELECT FROM api.dcx_attach_wallet('public.wallets'::text, 'org'::text);
ALTER TABLE public.wallets DISABLE TRIGGER USER;
UPDATE public.wallets SET balance = 2
SQL
		[ 'ALTER TABLE public.wallets ADD "updatedAt" timestamptz', 'dcx_attach_updated_at' ],
		[ q{INSERT INTO aas.products VALUES ('c', 't', 1); SET dcx_pricing.max_price_age = '1h'}, 'dcx_price_book_save' ])
	{
		my ($problem, $mend) = @$_;

		$session->value($problem);
		$fix = $session->value("SELECT fix FROM api.dcx_check() WHERE fix ~ '$mend'");
		like($fix, qr/^SELECT \* FROM api\.$mend\(/, "a fix by $mend");
		is($session->error($fix)->{state}, 'none', $fix);
	}
	$session->value('SELECT * FROM api.dcx_health(); SELECT * FROM api.dcx_maintain()');
	is(captured($main, $offset), '', 'nothing of theirs ran');
	$session->close;
};

subtest 'postgres_fdw in a schema of theirs' => sub {
	# Since 18 its list of connections has an argument with a default, so the name without arguments is free.
	my $free = $main->pg_version >= 18 ? '' : 'integer, ';
	my ($session, $offset);

	$main->safe_psql('postgres', 'CREATE DATABASE fdw TEMPLATE template0 OWNER owner');
	$session = session($main, database => 'fdw');
	$session->value(<<"SQL");
SET ROLE owner; CREATE SCHEMA api; RESET ROLE;
CREATE EXTENSION postgres_fdw SCHEMA api; CREATE EXTENSION dcx_pricing;
SET ROLE owner;
CREATE FUNCTION api.postgres_fdw_get_connections(${free}OUT server_name text, OUT valid boolean) RETURNS SETOF record
LANGUAGE plpgsql AS \$\$BEGIN RAISE LOG 'captured: connections as %', current_user; RETURN; END\$\$;
RESET ROLE
SQL
	$offset = -s $main->logfile;
	$session->value(sprintf q{SELECT * FROM dcx_attach_aas('%s')}, aas_url($aas, parameters => "schema=public&connect_timeout=$_")) for 4, 6;
	is($session->value(q{SELECT srvoptions::text ~ 'connect_timeout=6' FROM pg_foreign_server}), 't', 'the server is altered');
	is(captured($main, $offset), '', 'nothing of theirs ran');
	$session->close;
};

# Code in the owner's relations runs as the owner, also if a superuser calls.
subtest 'views, casts and indexes of the owner' => sub {
	my $who = q{LANGUAGE plpgsql %s AS $$BEGIN RAISE LOG 'captured: %s as %%', current_user; RETURN $1; END$$};
	my $function = sub { my ($name, $type, $kind) = @_; return "CREATE FUNCTION $name($type) RETURNS $type " . sprintf($who, $kind, $name) };
	my ($session, $offset, $ran);

	$main->safe_psql('postgres', 'CREATE DATABASE relations TEMPLATE template0 OWNER owner');
	$session = session($main, database => 'relations');
	$session->value('CREATE EXTENSION dcx_pricing');
	$session->value('SET ROLE owner; CREATE SCHEMA shop; SET search_path = shop');
	$session->value($function->(@$_)) for [ 'seen', 'numeric', 'VOLATILE' ], [ 'indexed', 'integer', 'IMMUTABLE' ], [ 'current', 'boolean', 'VOLATILE' ];
	$session->value(<<'SQL');
CREATE TABLE kept (org text, amount numeric);
INSERT INTO kept VALUES ('o', 10);
CREATE VIEW wallets AS SELECT org, shop.seen(amount) AS amount FROM kept;
CREATE TABLE parted (org text, amount numeric) PARTITION BY LIST (org);
CREATE TABLE parted_o PARTITION OF parted DEFAULT;
INSERT INTO parted VALUES ('o', 10);
CREATE INDEX ON parted_o ((shop.indexed(1)));
CREATE TYPE yes AS ENUM ('yes');
CREATE FUNCTION is_yes(yes) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured: cast as %', current_user; RETURN true; END$$;
CREATE CAST (yes AS boolean) WITH FUNCTION is_yes(yes) AS IMPLICIT;
CREATE TABLE vms (identity_instance_uuid text, identity_name text, vcenter_name text, resource_pool_name text, power_state text,
	cpu_count integer, memory_size_mib integer, is_current yes);
INSERT INTO vms VALUES ('u', 'n', 'v', 'r', 'p', 2, 4096, 'yes');
CREATE INDEX ON vms ((shop.indexed(2)));
CREATE FUNCTION keyed(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
$$BEGIN RAISE LOG 'captured: keyed as %', current_user; RETURN $1; END$$;
CREATE TABLE keyed (org text, amount numeric, "updatedAt" timestamptz) PARTITION BY RANGE ((length(org) + shop.keyed(1)));
CREATE TABLE keyed_part PARTITION OF keyed DEFAULT PARTITION BY RANGE ((length(org) + shop.keyed(2)));
CREATE TABLE keyed_leaf PARTITION OF keyed_part DEFAULT;
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price numeric);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'c', 1), ('RAM_GB', 'r', 1), ('STORAGE_STANDARD', 's', 1);
RESET ROLE; RESET search_path
SQL
	$session->value('SELECT * FROM dcx_attach_aas()');
	$offset = -s $main->logfile;
	$session->value(q{SELECT * FROM dcx_attach_wallet('shop.wallets', 'org', 'amount')});
	is($session->value($_->[0]), $_->[1], $_->[0])
	  for [ q{SELECT dcx_wallet_balance('o')}, '10.00' ], [ q{SELECT dcx_wallet_available('o')}, '10.00' ],
	  [ q{SELECT dcx_wallet_can_afford('o', 9)}, 't' ],
	  [ q{SELECT name, cost FROM dcx_inventory_costs('1GHZ', 'shop.vms')}, 'n|6.00' ];
	$session->value(q{SELECT * FROM dcx_detach('wallet')});
	$session->value(q{SELECT * FROM dcx_attach_wallet('shop.parted', 'org', 'amount')});
	$session->close;
	# A session caches the expressions of indexes and partition keys.
	for my $call (q{dcx_attach_updated_at('shop.keyed')}, q{dcx_wallet_balance('o')}, q{dcx_inventory_costs('1GHZ', 'shop.vms')}, q{dcx_wallet_statement('o')}, 'dcx_check()',
		q{dcx_wallet_debit('o', 1, 'k')}, q{dcx_detach('wallet')}, q{dcx_attach_wallet('shop.keyed', 'org', 'amount')}, 'dcx_check()',
		q{dcx_wallet_audit()}, q{dcx_detach('wallet')})
	{
		$session = session($main, database => 'relations');
		$session->value("SELECT * FROM $call");
		$session->close;
	}
	$ran = captured($main, $offset);
	like($ran, qr/captured: $_ as owner/, "$_ ran as the owner") for qw(seen indexed cast keyed);
	unlike($ran, qr/as postgres/, 'and none as the superuser');
};

# Where the scripts are that the server takes, and that we may write to: the stage of test/cluster.
sub script_directory
{
	my $share = `"$ENV{PG_CONFIG}" --sharedir` =~ s/\s+\z//r;
	my ($prefix) = slurp_file($ENV{TEMP_CONFIG}) =~ /^extension_destdir = '(.*)'/m;
	my ($path) = slurp_file($ENV{TEMP_CONFIG}) =~ /^extension_control_path = '([^:']*)/m;

	return ($path // ($prefix // '') . $share) . '/extension';
}

subtest 'a later version' => sub {
	$ENV{PG_CONFIG} //= 'pg_config';
	my $directory = $ENV{TEMP_CONFIG} ? script_directory() : '';
	my $path = 'SET LOCAL search_path = pg_catalog, pg_temp;';
	my $body = <<'SQL';
CREATE FUNCTION @extschema@.dcx_later(facts jsonb) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT format('%s', facts ->> 'a') || 1.5 WHERE (facts ->> 'b')::numeric > 0;
END;
SQL
	my %scripts = (careful => "$path\n$body", careless => $body, astray => "$path\n" . $body =~ s/\@extschema\@\.//r);

	plan skip_all => "$directory is not ours to write to" unless -w $directory;
	for my $version (sort keys %scripts)
	{
		my $file = "dcx_pricing--1.0--$version.sql";
		my $copy = PostgreSQL::Test::Utils::tempdir();
		my ($out, $err);

		# What the Makefile says about it.
		make_path("$copy/sql/parts");
		copy("$sources/$_", "$copy/$_") or die "$_: $!\n"
		  for qw(Makefile dcx_pricing.control), map { s{^\Q$sources\E/}{}r } glob "$sources/sql/parts/*.sql";
		append_to_file("$copy/sql/$file", $scripts{$version});
		IPC::Run::run([ 'make', '-s', '-C', $copy, "PG_CONFIG=$ENV{PG_CONFIG}", 'sql/dcx_pricing--1.0.sql' ], '>', \$out, '2>', \$err);
		like($err, { careful => qr/^$/, careless => qr{\Qsql/$file: has to begin with $path}, astray => qr{\Qsql/$file:2: names an object without} }->{$version},
			"make, of one that is $version");
		append_to_file("$directory/$file", $scripts{$version});
	}
	for my $version (qw(careful careless))
	{
		my $offset = -s $main->logfile;

		$main->safe_psql('postgres', "CREATE DATABASE $version TEMPLATE template0 OWNER owner");
		$main->safe_psql($version, "SET ROLE owner; CREATE SCHEMA api; SET search_path = api; $few");
		$main->safe_psql($version, 'CREATE EXTENSION dcx_pricing SCHEMA api');
		$main->safe_psql($version, "ALTER EXTENSION dcx_pricing UPDATE TO '$version'");
		$main->safe_psql($version, q{SELECT api.dcx_later('{"a": 1, "b": 1}')});
		if ($version eq 'careful')
		{
			is($main->safe_psql($version, $bound), '', 'nothing of an update depends on anything else');
			is(captured($main, $offset), '', 'nothing of theirs ran');
		}
		else
		{
			isnt($main->safe_psql($version, $bound), '', 'an update without its own path does, so this would show');
		}
	}
	unlink map { "$directory/dcx_pricing--1.0--$_.sql" } keys %scripts;
};

$_->stop for $main, $aas, $enetworks;
done_testing();

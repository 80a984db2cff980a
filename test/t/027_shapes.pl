# Tables are altered at random, in every way that ALTER and CREATE allow, and then every function is called. There is no
# crash and no internal error, and every balance and price is the one that a statement reads.
#
#   DCX_SHAPES_ROUNDS=5000 DCX_SHAPES_SEED=1 PROVE_TESTS=test/t/027_shapes.pl test/cluster test
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{DCX_SHAPES_ROUNDS} || 150;
my $seed = $ENV{DCX_SHAPES_SEED} || int(rand(1_000_000));
diag("DCX_SHAPES_SEED=$seed DCX_SHAPES_ROUNDS=$rounds");
srand($seed);

my $main = new_main('main');
my $super = session($main);

# --------------------------------------------------------------------------------------------------
# A database where everything is attached by an ordinary role
# --------------------------------------------------------------------------------------------------

# Not all servers are built with ICU.
my $collation = 'CREATE COLLATION own.nocase ' . (
	$super->value(q{SELECT count(*) FROM pg_collation WHERE collprovider = 'i'})
	? q{(provider = icu, locale = 'und-u-ks-level2', deterministic = false)}
	: 'FROM "POSIX"');

add_operator($main, 'operator');
may_move_money($main, 'operator');
$super->value('CREATE ROLE app LOGIN');
may_move_money($main, 'app');
$super->value(<<SQL);
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'nowhere', host '/nonexistent');
CREATE USER MAPPING FOR PUBLIC SERVER loopback;
GRANT USAGE ON FOREIGN SERVER loopback TO operator;
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE SCHEMA aas AUTHORIZATION operator;
CREATE SCHEMA enetworks AUTHORIZATION operator;
CREATE SCHEMA own AUTHORIZATION operator;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO operator;
GRANT USAGE ON SCHEMA own TO app;
SET ROLE operator;
CREATE DOMAIN own.some_text AS text CHECK (value <> 'never');
CREATE DOMAIN own.some_number AS numeric(20, 2);
CREATE TYPE own.a_row AS (org text, balance numeric);
CREATE TYPE own.an_enum AS ENUM ('a', 'b', 'open');
CREATE SEQUENCE own.a_sequence;
$collation;
CREATE TABLE aas.products (id text PRIMARY KEY, code text, title text, price float8, cost float8, unit integer, "categoryId" text, "updatedAt" timestamp(3));
CREATE TABLE aas.categories (id text PRIMARY KEY, name text);
CREATE TABLE aas.terraform_vm_config (id text PRIMARY KEY, name text, "group" text, "osType" text, vcpus integer, memory integer, disk integer);
INSERT INTO aas.products VALUES ('1', 'CPU_1GHZ', 'CPU', 78, 40, 1, 'c'), ('2', 'RAM_GB', 'RAM', 37, 20, 1, 'c'), ('3', 'STORAGE_STANDARD', 'Storage', 1.8, 1, 1, 'c');
INSERT INTO aas.categories VALUES ('c', 'Compute');
INSERT INTO aas.terraform_vm_config VALUES ('t', 'Small', 'g', 'LINUX', 1, 2, 20);
CREATE TABLE enetworks.providers (id text PRIMARY KEY, name text, active boolean);
CREATE TABLE enetworks.network_services (id text PRIMARY KEY, code text, title text, "providerId" text);
CREATE TABLE enetworks.bandwidth_prices (id text PRIMARY KEY, "serviceId" text, "minMbps" integer, "maxMbps" integer, "fixedPrice" float8, "pricePerMbps" float8, cost float8);
INSERT INTO enetworks.providers VALUES ('p', 'Carrier', true);
INSERT INTO enetworks.network_services VALUES ('s', 'FIBRE', 'Fibre', 'p');
INSERT INTO enetworks.bandwidth_prices VALUES ('b', 's', 1, 1000, 100, 2.5, 1);
CREATE TABLE own.wallets (org text PRIMARY KEY, balance numeric NOT NULL, note text);
INSERT INTO own.wallets VALUES ('a', 1000), ('b', 50), ('c', 0);
GRANT SELECT ON own.wallets TO app;
CREATE TABLE own.vms (identity_instance_uuid text, identity_name text, vcenter_name text, resource_pool_name text, power_state text, cpu_count integer, memory_size_mib integer, is_current boolean);
INSERT INTO own.vms VALUES ('u', 'vm', 'v', 'r', 'on', 2, 4096, true);
SELECT count(*) FROM dcx_attach_aas();
SELECT count(*) FROM dcx_attach_enetworks();
SELECT count(*) FROM dcx_attach_wallet('own.wallets', 'org', 'balance');
SELECT count(*) FROM dcx_price_book_save() one, dcx_price_book_save('enetworks') two;
SELECT count(*) FROM dcx_wallet_hold('a', 10, 'k1') one, dcx_wallet_hold('a', 20, 'k2') two, dcx_wallet_hold('b', 5, 'k3', '1 second') three;
SELECT count(*) FROM dcx_wallet_capture(2);
SELECT count(*) FROM dcx_wallet_credit('a', 5, 'k4'), dcx_wallet_debit('a', 1, 'k5');
SELECT count(*) FROM dcx_vm_reserve('a', '1GHZ', 1, 1, 'STANDARD', 1, 'k6');
RESET ROLE;
CHECKPOINT;
SQL

# --------------------------------------------------------------------------------------------------
# What is called: each function of the extension, with arguments as its parameters are called
# --------------------------------------------------------------------------------------------------

my %argument = (
	org => [ q{'a'}, q{'a'}, q{'b'}, q{'nobody'} ],
	amount => [ 1, 1, 0.01, 20, 'NULL' ],
	idempotency_key => [ map { "'k$_'" } 1 .. 9 ],
	hold_id => [ 1 .. 4, 99 ],
	expires_in => [q{'1 hour'}],
	max_cost => [ 100, 'NULL' ],
	details => [ q{'{"a": 1}'}, 'NULL' ],
	catalog => [ q{'aas'}, q{'enetworks'} ],
	code => [ q{'RAM_GB'}, q{'CPU_1GHZ'} ],
	cpu_type => [q{'1GHZ'}],
	storage_type => [q{'STANDARD'}],
	service => [q{'FIBRE'}],
	items => [ q{'[{"product": "RAM_GB"}]'}, q{'[{"vm": {}}]'}, q{'[{"template": "Small", "cpu_type": "1GHZ", "storage_type": "STANDARD"}, {"product": "RAM_GB"}]'} ],
	book => [ 'dcx_price_book()', q{dcx_price_book('enetworks')}, q{'{"RAM_GB": {"price": 1}}'} ],
	facts => [q{'{}'}],
	area => [ 'NULL', q{'wallet'}, q{'settings'}, q{'connection'} ],
	vms => [ q{'own.vms'}, q{'own.wallets'}, 1259 ],
	at => [ 'now()', q{'infinity'} ],
	what => [ q{'wallet'}, q{'aas'}, q{'enetworks'} ],
	source => ['NULL'],
	schema => [ q{'aas'}, q{'enetworks'} ],
	wallets => [q{'own.wallets'}],
	organisation_column => [q{'org'}],
	balance_column => [q{'balance'}],
	target => [q{'aas.products'}],
	provider => ['NULL'],
	state => [ 'NULL', q{'open'} ],
	since => [q{'-infinity'}],
	until => [q{'infinity'}],
	prices => ['NULL']);
my %of_type = (
	text => [q{'x'}],
	jsonb => [ q{'{}'}, 'NULL' ],
	numeric => [ 1, 2 ],
	'double precision' => [ 1, 2 ],
	bigint => [1],
	integer => [1]);

my @functions = map { [ split /\|/, $_, -1 ] } split /\n/, $super->value(<<'SQL');
SELECT p.oid::regproc::text, coalesce((SELECT string_agg(format('%s=%s', n.name, format_type(t.type, NULL)), ',' ORDER BY t.nth)
    FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY t (type, nth) JOIN unnest(p.proargnames) WITH ORDINALITY n (name, nth) USING (nth)), ''),
    p.prorettype = 'trigger'::regtype
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
 WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'dcx_pricing') AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
 ORDER BY p.oid
SQL
cmp_ok(scalar(@functions), '>', 50, 'the functions are found');

sub pick { return $_[ int(rand(@_)) ] }

sub call
{
	my ($name, $parameters, $trigger) = @{ $_[0] };
	my @values;

	return "SELECT $name()" if $trigger eq 't';
	for my $parameter (split /,/, $parameters)
	{
		my ($of, $type) = split /=/, $parameter;
		my $value = pick(@{ $argument{$of} // $of_type{$type} // ['NULL'] });

		push @values, $value =~ /^dcx_/ ? $value : "$value\::$type";
	}
	return "SELECT * FROM $name(" . join(', ', @values) . ')';
}

# The platform's own statements, which fire our triggers.
my @writes = (
	q{UPDATE own.wallets SET balance = balance + 1 WHERE org = 'a'},
	q{INSERT INTO own.wallets (org, balance) VALUES ('d', 3)},
	q{DELETE FROM own.wallets WHERE org = 'b'},
	q{UPDATE own.wallets SET org = 'z' WHERE org = 'c'},
	q{TRUNCATE own.wallets},
	q{UPDATE aas.products SET price = price + 1});

# A balance or a price that is read must be the one that a statement reads; unless the name means another table than the
# attached one by now, which a rename leaves attached.
my ($wallets, $products) = map { $super->value("SELECT '$_'::regclass::oid") } 'own.wallets', 'aas.products';
my @reads = (
	qq{SELECT 'WRONG READ', dcx_wallet_balance('a') WHERE 'own.wallets'::regclass = $wallets AND dcx_wallet_balance('a') <> (SELECT round(balance::text::numeric, 6) FROM own.wallets WHERE org::text = 'a')},
	qq{SELECT 'WRONG READ', dcx_product_cost('RAM_GB') WHERE 'aas.products'::regclass = $products AND dcx_product_cost('RAM_GB') <> (SELECT price::text::numeric FROM aas.products WHERE code::text = 'RAM_GB')});

# --------------------------------------------------------------------------------------------------
# How tables are altered. %t: the table, %n: its name, %c and %d: columns, %k: the key's columns, %y: a type
# --------------------------------------------------------------------------------------------------

my %tables = (
	'dcx.binding' => [ 'catalog, part', qw(catalog part relation columns made seen attached_by attached_at) ],
	'dcx.price_book' => [ 'catalog, book_id', qw(catalog book_id first_seen_at last_seen_at products book) ],
	'dcx.wallet_account' => [ 'organisation', qw(organisation balance held next_expiry expired_until) ],
	'dcx.wallet_entry' => [ 'organisation, entry_id', qw(entry_id organisation recorded_at kind amount balance available hold_id idempotency_key description details role session_role) ],
	'dcx.wallet_hold' => [ 'hold_id', qw(hold_id organisation amount state held_at expires_in first_expires_at expires_at available resolved_at captured entry_id available_then idempotency_key description details quote role session_role) ],
	'dcx.wallet_key' => [ 'organisation, idempotency_key', qw(organisation idempotency_key entry_id hold_id) ],
	'own.wallets' => [ 'org', qw(org balance note) ],
	'own.vms' => [ 'identity_name', qw(identity_instance_uuid identity_name vcenter_name cpu_count memory_size_mib is_current) ],
	'aas.products' => [ 'id', qw(id code title price cost unit "categoryId") ],
	'aas.categories' => [ 'id', qw(id name) ],
	'aas.terraform_vm_config' => [ 'id', qw(id name "group" vcpus memory disk) ],
	'enetworks.providers' => [ 'id', qw(id name active) ],
	'enetworks.network_services' => [ 'id', qw(id code title "providerId") ],
	'enetworks.bandwidth_prices' => [ 'id', qw(id "serviceId" "minMbps" "maxMbps" "fixedPrice" "pricePerMbps" cost) ]);

my @types = split ' ', 'text varchar name char(10) "char" bigint integer smallint numeric numeric(10,1) numeric(20,2) float8 float4 boolean jsonb'
  . ' json bytea timestamptz timestamptz(0) timestamp date interval uuid oid regclass text[] integer[] numeric[] int4range point xid tsvector'
  . ' own.some_text own.some_number own.a_row own.an_enum';
my @values = (
	q{'NaN'}, q{'Infinity'}, q{'-Infinity'}, 'NULL', q{'-1'}, q{'0'}, q{'0.001'}, q{'1e300'}, q{'999999999999999999'}, q{''}, q{'x'}, q{'{}'}, q{'[]'}, q{'[1, {"price": []}]'},
	q{'{"RAM_GB": 1}'}, q{'{"lines": 1}'}, q{'{"lines": [{"quantity": "NaN"}]}'}, q{'open'}, q{'captured'}, q{'a'}, q{repeat('x', 200)}, q{'{NULL,NULL}'}, q{'{{org,balance},{a,b}}'}, q{'2000-01-01'},
	q{'4294967295'});
my @columns = ('{ctid,balance}', '{org,xmin}', '{tableoid,tableoid}', '{balance,org}', '{org,org}', '{}', '{NULL}', '{org,NULL}', '{{org},{balance}}', '{note,balance}', '{"",x}');
my @relations = qw(0 4294967295 pg_class pg_authid own.wallets_pkey own.a_row own.a_sequence dcx.wallet_account dcx.binding own.vms aas.products pg_toast.pg_toast_1255 information_schema.tables);
my $move = 'ALTER TABLE %t RENAME TO moved; ';

# One of a kind is picked, kinds as often as their weights say.
my @kinds = (
	# Kinds
	[ 3,
		$move . 'CREATE VIEW %t AS SELECT * FROM %s.moved',
		$move . 'CREATE VIEW %t AS SELECT * FROM %s.moved; CREATE FUNCTION own.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;'
		  . ' CREATE TRIGGER instead INSTEAD OF INSERT OR UPDATE OR DELETE ON %t FOR EACH ROW EXECUTE FUNCTION own.nothing()',
		$move . 'CREATE MATERIALIZED VIEW %t AS SELECT * FROM %s.moved; CREATE UNIQUE INDEX ON %t (%k)',
		$move . 'CREATE FOREIGN TABLE %t (%f) SERVER loopback',
		$move . 'CREATE SEQUENCE %t',
		$move . 'CREATE TYPE %t AS (%f)',
		$move . 'CREATE INDEX %n ON %s.moved (%c)',
		$move . 'CREATE TABLE %t (LIKE %s.moved INCLUDING ALL) PARTITION BY %p (%c)',
		$move . 'CREATE TABLE %t (LIKE %s.moved INCLUDING ALL) PARTITION BY LIST (%c); CREATE TABLE %s.part PARTITION OF %t DEFAULT; INSERT INTO %t OVERRIDING SYSTEM VALUE SELECT * FROM %s.moved',
		$move . 'CREATE TABLE %t (LIKE %s.moved INCLUDING ALL) USING heap2; INSERT INTO %t OVERRIDING SYSTEM VALUE SELECT * FROM %s.moved',
		$move . 'CREATE TABLE %t AS SELECT * FROM %s.moved',
		$move . 'CREATE TEMP TABLE %n AS SELECT * FROM %s.moved',
		$move . 'CREATE TABLE %t ()',
		$move,
		'DROP TABLE %t CASCADE',
		'ALTER TABLE %t SET SCHEMA public',
		'ALTER TABLE %t SET UNLOGGED',
		'CREATE RULE "_RETURN" AS ON SELECT TO %t DO INSTEAD SELECT * FROM pg_class',
		'TRUNCATE %t'
	],
	# Inheritance
	[ 1,
		'CREATE TABLE own.child () INHERITS (%t)',
		'CREATE TABLE own.child () INHERITS (%t); INSERT INTO own.child OVERRIDING SYSTEM VALUE SELECT * FROM ONLY %t',
		'CREATE TABLE own.child (LIKE %t INCLUDING ALL); ALTER TABLE own.child INHERIT %t; DROP TABLE own.child',
		'CREATE FOREIGN TABLE own.far () INHERITS (%t) SERVER loopback',
		'CREATE TABLE own.parent (LIKE %t); ALTER TABLE %t INHERIT own.parent',
		'CREATE TABLE own.parent (); ALTER TABLE %t INHERIT own.parent',
		'CREATE TABLE own.parent (LIKE %t); ALTER TABLE %t INHERIT own.parent; DROP TABLE own.parent CASCADE',
		'CREATE TABLE own.root (LIKE %t) PARTITION BY LIST (%c); ALTER TABLE %t DROP CONSTRAINT IF EXISTS %n_pkey; ALTER TABLE own.root ATTACH PARTITION %t DEFAULT; ALTER TABLE %t ADD PRIMARY KEY (%k)',
		'CREATE TABLE own.root (%f) PARTITION BY LIST (%c); ALTER TABLE own.root ATTACH PARTITION %t DEFAULT',
		'CREATE TABLE own.of OF own.a_row; ALTER TABLE %t OF own.a_row'
	],
	# Columns
	[ 4,
		'ALTER TABLE %t ALTER %c DROP DEFAULT; ALTER TABLE %t ALTER %c TYPE %y USING %c::text::%y',
		'ALTER TABLE %t ALTER %c DROP DEFAULT; ALTER TABLE %t ALTER %c DROP IDENTITY IF EXISTS; ALTER TABLE %t ALTER %c TYPE %y USING %c::text::%y',
		'ALTER TABLE %t ALTER %c DROP IDENTITY IF EXISTS; ALTER TABLE %t ALTER %c TYPE text USING %c::text',
		'ALTER TABLE %t ALTER %c DROP NOT NULL; ALTER TABLE %t ALTER %c DROP DEFAULT; ALTER TABLE %t ALTER %c TYPE %y USING NULL',
		'ALTER TABLE %t ALTER %c TYPE text COLLATE "C"',
		'ALTER TABLE %t ALTER %c TYPE text COLLATE "default"',
		'ALTER TABLE %t ALTER %c TYPE text COLLATE own.nocase',
		'ALTER TABLE %t DROP %c CASCADE',
		'ALTER TABLE %t DROP %c CASCADE; ALTER TABLE %t ADD %c %y',
		'ALTER TABLE %t DROP %c CASCADE; ALTER TABLE %t ADD %c %y DEFAULT %v',
		'ALTER TABLE %t RENAME %c TO kept; ALTER TABLE %t ADD %c text; UPDATE %t SET %c = kept',
		'ALTER TABLE %t RENAME %c TO other',
		'ALTER TABLE %t RENAME %c TO kept; ALTER TABLE %t RENAME %d TO %c; ALTER TABLE %t RENAME kept TO %d',
		'ALTER TABLE %t DROP %c CASCADE; ALTER TABLE %t ADD %c numeric GENERATED ALWAYS AS (1) STORED',
		'ALTER TABLE %t DROP %c CASCADE; ALTER TABLE %t ADD %c text GENERATED ALWAYS AS (\'x\') STORED',
		# Since PostgreSQL 18, whose rows do not have it.
		'ALTER TABLE %t DROP %c CASCADE; ALTER TABLE %t ADD %c numeric GENERATED ALWAYS AS (1) VIRTUAL',
		'ALTER TABLE %t ADD more integer DEFAULT 7; ALTER TABLE %t DROP more; ALTER TABLE %t ADD most text DEFAULT repeat(\'y\', 3000)',
		'ALTER TABLE %t ADD more text NOT NULL DEFAULT own.fails()',
		'ALTER TABLE %t ADD more integer GENERATED ALWAYS AS IDENTITY',
		'ALTER TABLE %t ALTER %c DROP IDENTITY IF EXISTS',
		'ALTER TABLE %t ALTER %c SET GENERATED BY DEFAULT',
		'ALTER TABLE %t ALTER %c SET GENERATED ALWAYS; ALTER TABLE %t ALTER %c RESTART WITH 1',
		'ALTER TABLE %t ALTER %c DROP NOT NULL',
		'ALTER TABLE %t ALTER %c SET DEFAULT %v',
		'ALTER TABLE %t ALTER %c SET STORAGE EXTERNAL; ALTER TABLE %t ALTER %c SET STATISTICS 0',
		'ALTER TABLE %t ALTER %c SET COMPRESSION pglz'
	],
	# Constraints
	[ 1,
		'ALTER TABLE %t ADD CHECK (false) NOT VALID',
		'ALTER TABLE %t ADD CHECK (own.fails() IS NOT NULL) NOT VALID',
		'ALTER TABLE %t ADD UNIQUE (%c)',
		'ALTER TABLE %t ADD UNIQUE (%c, %d) DEFERRABLE INITIALLY DEFERRED',
		'ALTER TABLE %t ADD EXCLUDE (%c WITH =)',
		'CREATE TABLE own.referred (x text PRIMARY KEY); ALTER TABLE %t ADD FOREIGN KEY (%c) REFERENCES own.referred NOT VALID',
		'ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE',
		'ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE, ADD PRIMARY KEY (%k) DEFERRABLE',
		'ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE, ADD PRIMARY KEY (%k) DEFERRABLE INITIALLY DEFERRED',
		'ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE, ADD PRIMARY KEY (%c)',
		'ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE, ADD PRIMARY KEY (%c, %d)',
		'ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE, ADD PRIMARY KEY (%k) INCLUDE (%d)',
		'ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE; CREATE UNIQUE INDEX own_key ON %t (%k); ALTER TABLE %t ADD PRIMARY KEY USING INDEX own_key',
		'UPDATE %t SET %c = %c; ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE, ADD PRIMARY KEY (%k)'
	],
	# Indexes
	[ 2,
		(map { "ALTER TABLE %t DROP CONSTRAINT %n_pkey CASCADE; CREATE $_" }
			'UNIQUE INDEX ON %t (%k)', 'UNIQUE INDEX ON %t (%c) WHERE %c IS NULL', 'UNIQUE INDEX ON %t (%c) WHERE own.fails() IS NULL', 'UNIQUE INDEX ON %t ((%c::text || 1))',
			'INDEX ON %t USING hash (%c)', 'INDEX ON %t USING brin (%c)', 'UNIQUE INDEX ON %t (%c text_pattern_ops)', 'UNIQUE INDEX ON %t (%c COLLATE "C")',
			'UNIQUE INDEX ON %t (%c COLLATE own.nocase)', 'UNIQUE INDEX ON %t (%c DESC NULLS LAST)', 'UNIQUE INDEX ON %t (%c) INCLUDE (%d)', 'UNIQUE INDEX ON %t (%c, %d)', 'INDEX ON %t (%c)'),
		(map { "\@UPDATE pg_index SET $_ WHERE indrelid = '%t'::regclass" }
			'indisvalid = false', 'indisready = false, indisvalid = false', 'indislive = false, indisready = false, indisvalid = false', 'indisprimary = false', 'indisprimary = true', 'indimmediate = false',
			'indisunique = false', 'indcheckxmin = true', "indoption = (SELECT array_to_string(array_fill(3, ARRAY[indnkeyatts]), ' ')::int2vector)", 'indisclustered = true'),
		'ALTER INDEX %s.%n_pkey RENAME TO other_key',
		'CLUSTER %t USING %n_pkey',
		'REINDEX TABLE %t',
		'ALTER TABLE %t REPLICA IDENTITY FULL',
		'ALTER TABLE %t REPLICA IDENTITY NOTHING',
		'CREATE STATISTICS own.both ON %c, %d FROM %t; ANALYZE %t'
	],
	# Rules, triggers, row security
	[ 2,
		(map { my $event = $_; map { "CREATE RULE r AS ON $event TO %t DO $_" } 'INSTEAD NOTHING', 'ALSO SELECT 1', 'INSTEAD SELECT 1', 'ALSO NOTIFY n', "ALSO DELETE FROM own.vms" } qw(INSERT UPDATE DELETE)),
		'CREATE RULE r AS ON INSERT TO %t DO INSTEAD INSERT INTO own.vms DEFAULT VALUES',
		'CREATE RULE r AS ON UPDATE TO %t WHERE true DO INSTEAD NOTHING',
		(map { my $body = $_; map { "CREATE FUNCTION own.t() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $body; RETURN NEW; END \$\$; CREATE TRIGGER zzz $_ EXECUTE FUNCTION own.t()" }
			  'BEFORE INSERT OR UPDATE ON %t FOR EACH ROW', 'AFTER INSERT OR UPDATE OR DELETE ON %t FOR EACH ROW', 'AFTER INSERT OR UPDATE OR DELETE ON %t' }
			'RETURN NULL', 'NEW.%c := %v', 'RAISE SQLSTATE \'XY000\'', q{PERFORM dcx_wallet_credit('b', 1, 't')}, q{ALTER TABLE %t ADD more text}, 'PERFORM dcx_price_book()', 'DELETE FROM %t', 'NEW := NULL',
			q{UPDATE own.wallets SET balance = balance + 1}, 'DROP TABLE %t'),
		'CREATE FUNCTION own.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; RETURN NEW; END $$; CREATE CONSTRAINT TRIGGER zzz AFTER INSERT OR UPDATE ON %t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION own.t()',
		'CREATE TRIGGER zzz AFTER INSERT OR UPDATE OR DELETE ON %t FOR EACH ROW EXECUTE FUNCTION public.dcx_wallet_record()',
		'CREATE TRIGGER zzz BEFORE UPDATE ON %t FOR EACH ROW EXECUTE FUNCTION public.dcx_set_updated_at(%n)',
		'ALTER TABLE %t DISABLE TRIGGER USER',
		'ALTER TABLE %t ENABLE ROW LEVEL SECURITY',
		'ALTER TABLE %t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
		'ALTER TABLE %t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON %t USING (own.fails() IS NULL)'
	],
	# Owners and rights
	[ 1,
		'@ALTER TABLE %t OWNER TO app',
		'@ALTER TABLE %t OWNER TO postgres',
		'@ALTER SCHEMA %s OWNER TO app',
		'@DROP SCHEMA %s CASCADE',
		'REVOKE ALL ON %t FROM operator',
		'@REVOKE EXECUTE ON FUNCTION public.dcx_attach_wallet(text, text, text) FROM operator',
		'GRANT ALL ON %t TO PUBLIC',
		'ALTER TABLE %t SET (fillfactor = 10, autovacuum_enabled = false)',
		'ALTER TABLE %t SET TABLESPACE pg_default'
	],
	# Values
	[ 4,
		('ALTER TABLE %t DISABLE TRIGGER USER; ALTER TABLE %t ALTER %c DROP NOT NULL; UPDATE %t SET %c = %v') x 20,
		('ALTER TABLE %t DISABLE TRIGGER USER; ALTER TABLE %t ALTER %c DROP NOT NULL; UPDATE %t SET %c = %v; ALTER TABLE %t ENABLE TRIGGER USER') x 4,
		'ALTER TABLE %t DISABLE TRIGGER USER; DELETE FROM %t',
		'ALTER TABLE %t DISABLE TRIGGER USER; INSERT INTO %t OVERRIDING SYSTEM VALUE SELECT * FROM %t LIMIT 1',
		q{UPDATE dcx.wallet_hold SET expires_at = now() - interval '1 day'; UPDATE dcx.wallet_account SET next_expiry = '-infinity'; ALTER TABLE dcx.wallet_hold DISABLE TRIGGER USER; UPDATE dcx.wallet_hold SET %h = %v},
		(q{UPDATE dcx.binding SET columns = %w WHERE part = 'wallets'}) x 3,
		(q{UPDATE dcx.binding SET relation = %r WHERE part = 'wallets'}, q{UPDATE dcx.binding SET relation = %r WHERE part IN ('products', 'bandwidth_prices')}, q{UPDATE dcx.binding SET relation = %r}) x 2,
		q{UPDATE dcx.binding SET made = '{relation,server,mapping,schema,x}'},
		q{UPDATE dcx.binding SET part = part || 'x'},
		q{INSERT INTO dcx.binding (catalog, part, relation, made) VALUES ('enetworks', 'prices', %r, '{relation}')},
		q{INSERT INTO dcx.binding (catalog, part, relation, made) VALUES ('unknown', '', %r, '{}')},
		q{INSERT INTO dcx.wallet_key VALUES ('a', 'k7', 99), ('a', 'k8', NULL, 99), ('a', 'k9', 1, 1)}
	],
);
my @weighted = map { ($_) x $_->[0] } @kinds;

# The columns with types, as a table has them by default.
my %fields;
$fields{$_} = $super->value("SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '$_'::regclass AND attnum > 0") for keys %tables;

sub alteration
{
	my ($table) = @_;
	my ($schema, $name) = split /\./, $table;
	my ($key, @of) = @{ $tables{$table} };
	my $c = pick(@of);
	my $y = pick(@types);
	my (undef, @of_kind) = @{ pick(@weighted) };
	my $sql = pick(@of_kind);
	my $relation = pick(@relations);
	my $hold = pick(@{ $tables{'dcx.wallet_hold'} }[ 1 .. 19 ]);
	my %for = (
		t => $table, s => $schema, n => $name, c => $c, d => pick(@of), k => $key, y => $y, v => pick(@values), f => $fields{$table}, h => $hold,
		p => pick(qw(LIST HASH RANGE)), w => "'" . pick(@columns) . "'", r => $relation =~ /^\d/ ? "$relation\::oid" : "to_regclass('$relation')");

	$sql =~ s/%([a-z])/$for{$1}/g;
	return $sql;
}

# --------------------------------------------------------------------------------------------------
# Rounds
# --------------------------------------------------------------------------------------------------

# Most often calls that read and write our tables without a statement, and roles that may call them.
my @roles = ('RESET ROLE', ('SET ROLE operator') x 3, 'SET ROLE app');
my @often = map { ($_) x ($_->[0] =~ /wallet_(?!record)|reserve|hold/ ? 6 : $_->[1] =~ /book|facts/ || $_->[2] eq 't' ? 1 : 3) } @functions;
my @table_names = sort keys %tables;
my $calls = 0;
my %states;
my @internal;
my $log = -s $main->logfile;

sub statements
{
	my ($n) = @_;
	my @sql;

	push @sql, map { [ pick(@roles), call(pick(@often)) ] } 1 .. $n;
	push @sql, map { [ pick(@roles), pick(@writes) ] } 1 .. 2;
	push @sql, map { [ 'SET ROLE operator', $_ ] } @reads;
	return sort { rand() <=> 0.5 } @sql;
}

sub alterations
{
	my $n = 1 + int(rand(3));
	my $ours = rand() < 0.7;

	return map { alteration(pick($ours ? grep { /^(?:dcx|own\.wallets)/ } @table_names : @table_names)) } 1 .. $n;
}

# The role that does it: the tables' owner, or with an @ a superuser.
sub as_whom
{
	my ($alteration) = @_;

	return $alteration =~ /^@(.*)/s ? ('RESET ROLE', $1) : ('SET ROLE operator', $alteration);
}

# Messages of PostgreSQL's own that checks return in a row.
my $inside = qr/cache lookup failed|could not open relation with OID|returned NULL|unrecognized|unexpected |invalid memory alloc|attribute number|type \d+ .* does not match/;

# Looks through what a round printed.
sub judge
{
	my ($round, $script, $out, $err) = @_;
	my @found;

	$states{$1}++ while $err =~ /^(?:psql:\S+ )?ERROR:\s+(\w{5}):/mg;
	push @found, "an internal error: $1" while $err =~ /^(?:psql:\S+ )?((?:ERROR|FATAL|PANIC|WARNING):\s+XX\w{3}: .*\n(?:(?:DETAIL|CONTEXT|LOCATION|\s).*\n)*)/mg;
	push @found, 'the connection broke' if $err =~ /server closed the connection|connection to server was lost/;
	push @found, "a wrong read: $1" while $out =~ /^(WRONG READ.*)/mg;
	push @found, "an internal message: $1" while $out =~ /^(.*(?:$inside).*)/mg;
	return unless @found;
	push @internal, "round $round: @found";
	diag("round $round: @found\n$script") if @internal <= 5;
}

sub crashed
{
	return slurp_file($main->logfile, $log) =~ /(.*(?:terminated by signal|TRAP:|PANIC).*)/ ? $1 : undef;
}

# In one transaction that is rolled back: what a session cached before the tables change must not be used after.
sub round_in_transaction
{
	my ($round) = @_;
	my $script = "\\set VERBOSITY verbose\nSET client_min_messages = warning;\nSET statement_timeout = '20s';\nBEGIN;\n";
	my ($out, $err) = ('', '');

	$script .= <<'SQL';
CREATE FUNCTION own.fails() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'XY001'; END $$;
SQL
	for my $statement (statements(3), map({ ['alter', $_] } alterations()), statements(25))
	{
		my ($role, $sql) = @$statement;
		my $end = 'ROLLBACK TO s';

		($role, $sql, $end) = (as_whom($sql), 'SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE false') if $role eq 'alter';
		$calls++ if $end =~ /ROLLBACK/;
		$script .= $end =~ /ROLLBACK/ ? "SAVEPOINT s;\n$role;\n$sql;\nROLLBACK TO s;\n" : "SAVEPOINT s;\n$role;\n\\set ON_ERROR_ROLLBACK on\n$sql;\n\\set ON_ERROR_ROLLBACK off\nRESET ROLE;\n";
	}
	$script .= "ROLLBACK;\n";
	$main->psql($Dcx::main_db, $script, stdout => \$out, stderr => \$err, on_error_stop => 0);
	judge($round, $script, $out, $err);
}

# Committed, in a copy of the database, with a session that was connected before.
sub round_committed
{
	my ($round) = @_;
	my @altered;
	my $script = '';
	my ($out, $err) = ('', '');

	$super->close if $super;
	$super = undef;
	$main->safe_psql('postgres', "DROP DATABASE IF EXISTS copy");
	$main->safe_psql('postgres', "CREATE DATABASE copy TEMPLATE $Dcx::main_db");
	my $session = session($main, database => 'copy');
	my $run = sub {
		for my $statement (@_)
		{
			my $error = $session->error(join(";\n", @$statement));

			$calls++;
			$script .= join(";\n", @$statement) . ";\n";
			$out .= "$session->{last_out}\n";
			$err .= $session->{last_err};
			last if $session->{last_err} =~ /server closed the connection|connection to server was lost/;
		}
	};

	$session->value("SET client_min_messages = warning; SET statement_timeout = '20s'");
	$run->(statements(5));
	for my $alteration (alterations())
	{
		my ($role, $sql) = as_whom($alteration);
		my ($o, $e) = ('', '');

		$main->psql('copy', "SET client_min_messages = warning;\n$role;\n$sql;\n", stdout => \$o, stderr => \$e, on_error_stop => 0);
		$script .= "-- another session: $role; $sql\n";
	}
	$run->(statements(20));
	$session->close;
	judge($round, $script, $out, $err);
}

for my $round (1 .. $rounds)
{
	# What a round does follows from the seed and its number: one can be run again alone.
	next if $ENV{DCX_SHAPES_ROUND} && $ENV{DCX_SHAPES_ROUND} != $round;
	srand($seed + $round);
	$round % 8 ? round_in_transaction($round) : round_committed($round);
	my $crash = crashed();
	if ($crash)
	{
		push @internal, "round $round: $crash";
		diag("round $round: $crash");
		last unless $main->poll_query_until('postgres', 'SELECT true');
		$log = -s $main->logfile;
	}
}

is(scalar(@internal), 0, "no crash, no internal error and no wrong read in $rounds rounds") or diag(join("\n", @internal));
cmp_ok($calls, '>', 10 * ($ENV{DCX_SHAPES_ROUND} ? 1 : $rounds), 'all that was called');
cmp_ok($states{55000} // 0, '>', 0, 'tables that are not as we made them are refused');
note("$calls calls; errors: " . join(', ', map { "$_ $states{$_}" } sort { $states{$b} <=> $states{$a} } keys %states));
is($main->safe_psql('postgres', 'SELECT 1'), '1', 'the server is up');

done_testing();

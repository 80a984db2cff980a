# dcx_check('schema') and ('updated_at') over two clusters: what pricing needs, what the remote tables are, and what the
# foreign tables say they are. The test causes each problem, sees exactly its row, and fixes it by the SQL in the row.
# It also carries a schema as a value from one environment to another.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', conf => "dcx_pricing.max_price_age = '1h'\n");
my $super = session($main);
my $there = session($aas, database => $Dcx::aas_db);

$there->value('CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_updated_at()');
$super->value('SELECT * FROM dcx_attach_updated_at()');
$super->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "')");

# The rows of all areas, and those that were not there from the start.
sub rows { return split /\n/, $super->value('SELECT area, severity, object, problem FROM dcx_check()') }

my %known = map { $_ => 1 } rows();
is(join("\n", grep { !/\|info\|/ } keys %known), '', 'a clean fixture: no error and no warning');

sub news { return join "\n", sort grep { !$known{$_} } rows() }

# While the problem exists there is this row and no other. Its fix fixes it, or if that is for the other
# side the SQL in its detail, unless the caller gives another way.
sub planted
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($session, $plant, $row, %params) = @_;
	my ($problem) = $row =~ /([^|]+)$/;

	subtest $row => sub {
		my ($fix, $detail);

		$session->value($plant);
		is(news(), join("\n", sort $row, @{ $params{besides} // [] }), 'its row');
		$problem =~ s/'/''/g;
		$fix = $super->value("SELECT fix FROM dcx_check() WHERE problem = '$problem'");
		$detail = $super->value("SELECT detail FROM dcx_check() WHERE problem = '$problem'");
		like($detail, $params{detail}, 'its detail') if $params{detail};
		if ($params{mend})
		{
			is($fix, '', 'a person decides');
			$session->value($params{mend});
		}
		elsif ($params{there})
		{
			is($fix, '', 'nothing can be done here');
			$detail =~ /In AAS: (.*)\.$/ or die "no SQL in: $detail";
			$there->value($1);
		}
		else
		{
			$super->value($fix);
		}
		# After the fix there, the foreign table still has to be changed here.
		$super->value($_) for split /\n/, $super->value(q{SELECT fix FROM dcx_check('schema') WHERE fix IS NOT NULL});
		is(news(), '', 'and gone');
		$there->value($params{after}) if $params{after};
		is($super->value("SELECT $Dcx::cost"), '376.00', 'it prices');
	};
}

# --------------------------------------------------------------------------------------------------
# Columns
# --------------------------------------------------------------------------------------------------

planted($super, 'ALTER FOREIGN TABLE aas.products DROP COLUMN unit',
	'schema|warning|aas.products|column unit of the remote table is not here', detail => qr/^It is of type integer\.$/);
planted($super, 'ALTER FOREIGN TABLE aas.products DROP COLUMN profit',
	'schema|info|aas.products|column profit of the remote table is not here');
planted($there, 'ALTER TABLE products ADD COLUMN "isPromoted" boolean',
	'schema|info|aas.products|column "isPromoted" of the remote table is not here');
planted($there, 'ALTER TABLE products DROP COLUMN "isPromoted"',
	'schema|warning|aas.products|column "isPromoted" is not in the remote table', detail => qr/^Reading it fails\.$/);
planted($there, 'ALTER TABLE products ADD COLUMN t integer', 'schema|info|aas.products|column t of the remote table is not here');
planted($there, 'ALTER TABLE products DROP COLUMN t', 'schema|warning|aas.products|column t is not in the remote table');
planted($super, 'ALTER FOREIGN TABLE aas.products ADD COLUMN discount numeric',
	'schema|warning|aas.products|column discount is not in the remote table');
planted($there, 'ALTER TABLE terraform_vm_config ADD COLUMN arch "OsFamily"',
	'schema|info|aas.terraform_vm_config|column arch of the remote table is not here',
	detail => qr/^It is of type public\."OsFamily"\.$/);
is($super->value(q{SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'aas.terraform_vm_config'::regclass
	AND attname = 'arch'}), 'text', 'an enum of the remote is text here');
planted($there, 'ALTER TABLE terraform_vm_config DROP COLUMN arch',
	'schema|warning|aas.terraform_vm_config|column arch is not in the remote table');

# Types.
planted($there, 'ALTER TABLE products ALTER title TYPE varchar(80)',
	'schema|warning|aas.products|column title has another type here', detail => qr/^Here: text\. There: character varying\(80\)\.$/);
planted($there, 'ALTER TABLE products ALTER price TYPE numeric(14,4)',
	'schema|warning|aas.products|column price has another type here', detail => qr/^Here: double precision\. There: numeric\(14,4\)\.$/);
planted($super, 'ALTER FOREIGN TABLE aas.terraform_vm_config ALTER vcpus TYPE bigint',
	'schema|warning|aas.terraform_vm_config|column vcpus has another type here', detail => qr/^Here: bigint\. There: integer\.$/);
planted($there, 'ALTER TABLE products ALTER unit DROP DEFAULT, ALTER unit TYPE text',
	'schema|error|public.products|column unit is not a number', there => 1,
	besides => ['schema|warning|aas.products|column unit has another type here']);
planted($super, 'ALTER FOREIGN TABLE aas.products ALTER "createdAt" TYPE timestamp(3)',
	'schema|warning|aas.products|column "createdAt" has another type here');
for my $column ('createdAt', 'updatedAt')
{
	planted($there, qq{ALTER TABLE products ALTER "$column" TYPE timestamp(3)},
		qq{schema|warning|public.products|column "$column" is no timestamp with time zone}, there => 1,
		besides => [qq{schema|warning|aas.products|column "$column" has another type here}]);
}

# An enum there is text here: that is not a difference.
is($super->value(q{SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'aas.terraform_vm_config'::regclass
	AND attname = 'osType'}), 'text', 'an enum is text here');

# A column that a view uses here cannot be changed as long as the view exists.
subtest 'a view on the foreign table' => sub {
	my $used = qr/It is used by rule _RETURN on view public\.prices, which has to go first\.$/;
	my $drop = 'DROP VIEW public.prices';

	$super->value('CREATE VIEW public.prices AS SELECT code, title, profit FROM aas.products');
	is(news(), '', 'is no problem');
	planted($there, 'ALTER TABLE products ALTER title TYPE text',
		'schema|warning|aas.products|column title has another type here', mend => 'ALTER TABLE products ALTER title TYPE varchar(80)',
		detail => $used);
	planted($there, 'ALTER TABLE products RENAME profit TO margin',
		'schema|warning|aas.products|column profit is not in the remote table', mend => 'ALTER TABLE products RENAME margin TO profit',
		detail => $used, besides => ['schema|info|aas.products|column margin of the remote table is not here']);
	$super->value($drop);
};

# NULL.
planted($there, 'ALTER TABLE products ALTER title DROP NOT NULL',
	'schema|warning|aas.products|column title cannot be NULL here', detail => qr/^In the remote table it can\.$/);
planted($there, 'ALTER TABLE products ALTER title SET NOT NULL',
	'schema|info|aas.products|column title can be NULL here', detail => qr/^In the remote table it cannot\.$/);

# A column that pricing cannot do without.
planted($super, 'ALTER FOREIGN TABLE aas.products DROP COLUMN price',
	'schema|error|aas.products|column price of the remote table is not here');

# --------------------------------------------------------------------------------------------------
# Foreign tables made by hand
# --------------------------------------------------------------------------------------------------

# A column that has another name there is compared with that one.
subtest 'a column of another name' => sub {
	my $named = sub { my ($table, $here, $there) = @_; return <<"SQL" };
ALTER FOREIGN TABLE aas.$table RENAME "$there" TO "$here";
ALTER FOREIGN TABLE aas.$table ALTER COLUMN "$here" OPTIONS (ADD column_name '$there')
SQL
	my $back = sub { my ($table, $here, $there) = @_; return <<"SQL" };
ALTER FOREIGN TABLE aas.$table ALTER COLUMN "$here" OPTIONS (DROP column_name);
ALTER FOREIGN TABLE aas.$table RENAME "$here" TO "$there"
SQL

	# The remote has another name for what pricing needs.
	$there->value('ALTER TABLE products RENAME price TO "listPrice"');
	$super->value(q{ALTER FOREIGN TABLE aas.products ALTER COLUMN price OPTIONS (ADD column_name 'listPrice')});
	is(news(), '', 'is no problem');
	planted($there, 'ALTER TABLE products ALTER "listPrice" TYPE numeric(14,5)',
		'schema|warning|aas.products|column price has another type here', detail => qr/^Here: numeric\(14,4\)\. There: numeric\(14,5\)\.$/);
	planted($there, 'ALTER TABLE products ALTER "listPrice" TYPE text',
		'schema|error|public.products|column "listPrice" is not a number', there => 1,
		besides => ['schema|warning|aas.products|column price has another type here']);
	planted($there, 'ALTER TABLE products RENAME "listPrice" TO price',
		'schema|error|public.products|there is no column "listPrice"', mend => 'ALTER TABLE products RENAME price TO "listPrice"',
		besides => [ 'schema|error|aas.products|column price is not in the remote table',
			'catalog|error|CPU_*|there is no CPU that can be priced',
			'catalog|error|RAM_GB|there is no RAM that can be priced',
			'catalog|error|STORAGE_*|there is no storage that can be priced' ]);
	$there->value('ALTER TABLE products RENAME "listPrice" TO price; ALTER TABLE products ALTER price TYPE numeric(14,4)');
	$super->value('ALTER FOREIGN TABLE aas.products ALTER COLUMN price OPTIONS (DROP column_name)');
	$super->value('ALTER FOREIGN TABLE aas.products ALTER COLUMN price TYPE numeric(14,4)');
	is(news(), '', 'nor is the way back');

	# Here one that pricing does not know has another name, or hides what it needs.
	$super->value($named->('products', 'gain', 'profit'));
	is(news(), '', 'it may be called anything');
	$super->value($back->('products', 'gain', 'profit'));
	planted($super, $named->('products', 'sku', 'code'),
		'schema|error|aas.products|column code of the remote table is not here');
	$super->value('ALTER FOREIGN TABLE aas.products DROP COLUMN sku');
	is(news(), '', 'all as before');
};

# A partition has its parent's columns, and no others.
subtest 'a partition' => sub {
	$super->value($_) for 'CREATE TABLE parent (LIKE aas.categories) PARTITION BY LIST (id)',
	  'ALTER TABLE parent ALTER description TYPE varchar(50), DROP COLUMN "createdAt", ADD COLUMN remark text',
	  q{CREATE FOREIGN TABLE part PARTITION OF parent DEFAULT SERVER dcx_aas OPTIONS (schema_name 'public', table_name 'categories')},
	  q{UPDATE dcx.binding SET relation = 'part' WHERE part = 'categories'};
	is( $super->value(q{SELECT severity, problem, detail, fix FROM dcx_check('schema') WHERE object = 'public.part'}), <<'ROWS' =~ s/\n\z//r, 'its rows');
warning|column description has another type here|Here: character varying(50). There: text. It is inherited.|
warning|column remark is not in the remote table|Reading it fails. It is inherited.|
info|column "createdAt" of the remote table is not here|It is of type timestamp(3) without time zone.|
ROWS
	$super->value(q{UPDATE dcx.binding SET relation = 'aas.categories' WHERE part = 'categories'; DROP TABLE parent});
	is(news(), '', 'as before');
};

subtest 'a table of another server or schema' => sub {
	$there->value('CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO aas_reader');
	$there->value('CREATE VIEW other.categories AS SELECT * FROM categories; GRANT SELECT ON other.categories TO aas_reader');
	$super->value(q{ALTER FOREIGN TABLE aas.categories OPTIONS (SET schema_name 'other')});
	is(news(), 'schema|info|aas.categories|it is of another server or schema than the products', 'is said to be');
	$super->value(q{ALTER FOREIGN TABLE aas.categories OPTIONS (SET schema_name 'public')});
	is(news(), '', 'and gone');
	$there->value('DROP SCHEMA other CASCADE');
};

# --------------------------------------------------------------------------------------------------
# What pricing needs
# --------------------------------------------------------------------------------------------------

planted($there, 'ALTER TABLE products RENAME price TO "Price"',
	'schema|error|public.products|there is no column price', mend => 'ALTER TABLE products RENAME "Price" TO price',
	detail => qr/^It has "Price"\.$/, besides => [
		'schema|error|aas.products|column price is not in the remote table',
		'schema|info|aas.products|column "Price" of the remote table is not here',
		'catalog|error|CPU_*|there is no CPU that can be priced',
		'catalog|error|RAM_GB|there is no RAM that can be priced',
		'catalog|error|STORAGE_*|there is no storage that can be priced' ]);
planted($there, 'ALTER TABLE products RENAME unit TO amount',
	'schema|info|public.products|there is no column unit', mend => 'ALTER TABLE products RENAME amount TO unit',
	detail => qr/^In AAS: ALTER TABLE public\.products ADD COLUMN unit numeric\.$/, besides => [
		'schema|warning|aas.products|column unit is not in the remote table',
		'schema|info|aas.products|column amount of the remote table is not here' ]);
planted($there, 'ALTER TABLE terraform_vm_config RENAME TO templates',
	'schema|error|aas.terraform_vm_config|the remote table is gone', mend => 'ALTER TABLE templates RENAME TO terraform_vm_config',
	detail => qr/^There is no public\.terraform_vm_config in database aas_product_data\.$/,
	besides => ['catalog|error|terraform_vm_config|this could not be looked at']);
planted($there, 'ALTER TABLE products RENAME TO "Products"',
	'schema|error|aas.products|the remote table is gone', mend => 'ALTER TABLE "Products" RENAME TO products',
	besides => ['catalog|error|products|this could not be looked at']);

# --------------------------------------------------------------------------------------------------
# Keys
# --------------------------------------------------------------------------------------------------

planted($there, 'ALTER TABLE products DROP CONSTRAINT products_pkey',
	'schema|warning|public.products|there is no primary key', there => 1);
planted($there, 'ALTER TABLE terraform_vm_config DROP CONSTRAINT terraform_vm_config_pkey',
	'schema|warning|public.terraform_vm_config|there is no primary key', there => 1);
planted($there, 'ALTER TABLE products DROP CONSTRAINT "products_categoryId_fkey"',
	'schema|warning|public.products|there is no foreign key "categoryId" -> categories.id', there => 1);

# --------------------------------------------------------------------------------------------------
# "updatedAt" there
# --------------------------------------------------------------------------------------------------

my $trigger = 'zzz_dcx_updated_at';

planted($there, "ALTER TABLE products DISABLE TRIGGER $trigger",
	'updated_at|warning|public.products|nothing keeps "updatedAt"', there => 1,
	detail => qr/^Trigger $trigger is disabled\. In AAS: /);
planted($there, "DROP TRIGGER $trigger ON \"CatalogSetting\"",
	'updated_at|warning|public."CatalogSetting"|nothing keeps "updatedAt"', there => 1);
planted($there, 'CREATE TABLE "newTable" ("updatedAt" timestamptz)',
	'updated_at|warning|public."newTable"|nothing keeps "updatedAt"', there => 1, after => 'DROP TABLE "newTable"');
planted($there, 'CREATE TABLE odd ("updatedAt" text)',
	'updated_at|warning|public.odd|column "updatedAt" is of another type than timestamp', mend => 'DROP TABLE odd',
	detail => qr/^It is of type text\.$/);
$there->value('CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$');
planted($there, 'CREATE TRIGGER zzzz BEFORE UPDATE ON products FOR EACH ROW EXECUTE FUNCTION nothing()',
	'updated_at|warning|public.products|the trigger that keeps "updatedAt" does not fire last', there => 1,
	after => 'DROP TRIGGER zzzz ON products');
$there->value('SELECT * FROM dcx_attach_updated_at()');

# --------------------------------------------------------------------------------------------------
# The schema as a value
# --------------------------------------------------------------------------------------------------

subtest 'two environments' => sub {
	my $production = $super->value('SELECT dcx_schema()');
	my ($test_main, $test);

	Dcx::load($aas, 'aas_product_test', 'aas.sql');
	$aas->safe_psql('aas_product_test', <<'SQL');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO aas_reader;
ALTER TABLE products ALTER title TYPE varchar(80);
SQL
	Dcx::load($main, 'main_test', 'main.sql');
	$test_main = session($main, database => 'main_test');
	$test_main->value('CREATE EXTENSION dcx_pricing');
	$test_main->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas, database => 'aas_product_test') . "')");
	my $schema = sub { return $test_main->value('SELECT dcx_schema()') };
	my $diff = sub {
		my ($before, $after) = @_;

		return $super->value("SELECT * FROM dcx_schema_diff('$before', '$after')");
	};

	$test = $schema->();
	is($diff->($test, $test), '', 'the same: no rows');
	is($diff->($production, $production), '', 'of each');
	# What was done to the first above.
	is($diff->($production, $test), <<'ROWS' =~ s/\n\z//r, 'what is different between them');
products.price|changed|numeric(14,4) NOT NULL|double precision NOT NULL
products.unit|changed|numeric NOT NULL|integer NOT NULL
ROWS
	$aas->safe_psql('aas_product_test', <<'SQL');
ALTER TABLE products ALTER price TYPE numeric(12,2), ALTER title DROP NOT NULL, ADD "isNew" boolean, DROP profit;
ALTER TABLE categories DROP CONSTRAINT categories_pkey CASCADE;
DROP TABLE "ProductAudit";
CREATE TABLE "Voucher" (id text);
SQL
	is($diff->($test, $schema->()), <<'ROWS' =~ s/\n\z//r, 'what has changed since');
ProductAudit|removed||
Voucher|added||
categories primary key|removed|["id"]|
products foreign keys|removed|["categoryId -> categories.id"]|
products."isNew"|added||boolean
products.price|changed|double precision NOT NULL|numeric(12,2) NOT NULL
products.profit|removed|integer|
products.title|changed|character varying(80) NOT NULL|character varying(80)
ROWS
	unlike("$production$test", qr/writable|updated_at"/, 'without what is of the moment');
	$aas->stop;
	fails_with($test_main, 'SELECT dcx_schema()', 'the catalog is not there', state => 'ZD008');
	$aas->start;
	$test_main->value(q{SELECT * FROM dcx_detach('aas')});
	fails_with($test_main, 'SELECT dcx_schema()', 'nothing is attached', state => 'ZD007');
	isnt($test_main->error(q{SELECT dcx_schema('enetworks')})->{state}, 'none', 'there is no such catalog');
	$test_main->close;
};

$_->close for $super, $there;
$_->stop for $main, $aas;
done_testing();

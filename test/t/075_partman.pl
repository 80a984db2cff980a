# "updatedAt" of tables that pg_partman manages: it makes partitions, and detaches old ones.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

chomp(my $sharedir = `pg_config --sharedir`);
plan skip_all => 'needs pg_partman' unless -e "$sharedir/extension/pg_partman.control";

my $main = new_main('main');
my $super = session($main);

$super->value(<<'SQL');
CREATE ROLE keeper LOGIN;
GRANT EXECUTE ON FUNCTION dcx_attach_updated_at(text) TO keeper;
GRANT CREATE, TEMPORARY ON DATABASE main TO keeper;
CREATE SCHEMA partman;
CREATE EXTENSION pg_partman SCHEMA partman;
GRANT ALL ON SCHEMA partman TO keeper;
GRANT ALL ON ALL TABLES IN SCHEMA partman TO keeper;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA partman TO keeper;
SELECT * FROM dcx_attach_updated_at()
SQL
my ($version) = $super->value(q{SELECT extversion FROM pg_extension WHERE extname = 'pg_partman'}) =~ /^(\d+)/;
my $keeper = session($main, user => 'keeper');

# Version 4 has another argument for what is now the only kind of partition.
sub create_parent
{
	my ($table, $template) = @_;

	$keeper->value("SELECT partman.create_parent(p_parent_table => '$table', p_control => 'id', p_interval => '10', p_premake => 2,"
		  . ($version < 5 ? q{ p_type => 'native',} : '')
		  . " p_start_partition => '0', p_template_table => " . ($template ? "'$template'" : 'NULL') . ')');
}

sub maintain { $keeper->value('CALL partman.run_maintenance_proc()') }

# The partitions of a table that are attached, as the numbers they begin with, and which of them lack the table's trigger.
sub partitions
{
	my ($table) = @_;

	return $super->value(<<"SQL");
SELECT string_agg(coalesce(substring(p.relid::text, 'p([0-9]+)\$')::text, 'rest')
         || CASE WHEN EXISTS (SELECT FROM pg_trigger t JOIN pg_trigger u ON u.oid = t.tgparentid
                               WHERE t.tgrelid = p.relid AND u.tgrelid = p.parentrelid) THEN '' ELSE ' without' END, ','
         ORDER BY substring(p.relid::text, 'p([0-9]+)\$')::integer)
  FROM pg_partition_tree('$table') p WHERE level = 1
SQL
}

sub found { return $super->value(q{SELECT object, problem FROM dcx_check('updated_at') ORDER BY object}) }

sub mend { $super->value($_) for split /\n/, $super->value(q{SELECT fix FROM dcx_check('updated_at')}) }

# A row that is changed in this table has a new time.
sub keeps
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($table, $id) = @_;

	$keeper->value(qq{UPDATE $table SET "updatedAt" = '2020-01-01' WHERE id = $id});
	$keeper->value("UPDATE $table SET n = n + 1 WHERE id = $id");
	is($keeper->value(qq{SELECT "updatedAt" > '2020-01-02' FROM $table WHERE id = $id}), 't', "\"updatedAt\" is kept in $table, row $id");
}

# The template: one that has the trigger, one that has not, and pg_partman's own, which the check finds.
for my $case (
	[ unnamed => undef ],
	[ bare => 'CREATE TABLE s.template (LIKE s.event)' ],
	[ complete => q{CREATE TABLE s.template (LIKE s.event); SELECT * FROM dcx_attach_updated_at('s.template')} ])
{
	my ($schema, $template) = @$case;

	subtest "template $schema" => sub {
		my $event = "$schema.event";

		$keeper->value(<<"SQL");
CREATE SCHEMA $schema;
CREATE TABLE $event (id bigint NOT NULL, n integer, "updatedAt" timestamp(3)) PARTITION BY RANGE (id)
SQL
		$keeper->value($template =~ s/\bs\./$schema./gr) if $template;
		create_parent($event, $template ? "$schema.template" : undef);
		like($keeper->value("SELECT string_agg(DISTINCT note, ',') FROM dcx_attach_updated_at('$event')"), qr/^created$/, 'the table has the trigger');
		my $own = $template ? "$schema.template" : "partman.template_${schema}_event";
		is(found(), $schema eq 'complete' ? '' : "$own|nothing keeps \"updatedAt\"", 'what the check finds');
		is(partitions($event), '0,10,20,rest', 'all partitions have the trigger');

		# Partitions are made as ids come.
		for my $id (5, 15, 25, 35, 45)
		{
			$keeper->value("INSERT INTO $event VALUES ($id, 1)");
			maintain();
		}
		is(partitions($event), '0,10,20,30,40,50,60,rest', 'those that are made later, too');
		keeps($event, $_) for 5, 45;

		# Old ones are detached, and kept as tables.
		$keeper->value("UPDATE partman.part_config SET retention = '20', retention_keep_table = true WHERE parent_table = '$event'");
		maintain();
		is(partitions($event), '20,30,40,50,60,rest', 'two are detached');
		is(found(), join("\n", map { "$_|nothing keeps \"updatedAt\"" } sort "${event}_p0", "${event}_p10", $schema eq 'complete' ? () : $own),
			'the check finds them');
		mend();
		is(found(), '', 'and mends them');
		keeps("${event}_p0", 5);

		# One of them comes back.
		$keeper->value("ALTER TABLE $event ATTACH PARTITION ${event}_p0 FOR VALUES FROM (0) TO (10)");
		keeps($event, 5);
		$keeper->value("UPDATE partman.part_config SET retention = NULL WHERE parent_table = '$event'");
		$keeper->value("INSERT INTO $event VALUES (55, 1)");
		maintain();
		is(partitions($event), '0,20,30,40,50,60,70,rest', 'maintenance goes on');
		is($keeper->value("SELECT DISTINCT note FROM dcx_attach_updated_at('$schema')"), 'already there', 'attaching the schema again');
		$keeper->value("UPDATE partman.part_config SET retention = '20' WHERE parent_table = '$event'");
		maintain();
		is(partitions($event), '30,40,50,60,70,rest', 'it is detached again');
		is(found(), "${event}_p20|nothing keeps \"updatedAt\"", 'with the trigger that it was given');
		mend();

		# Rows without a partition: pg_partman moves them out of the default one, as they are.
		$keeper->value(qq{INSERT INTO $event VALUES (95, 1, '2020-01-01')});
		is($keeper->value("SELECT partman.partition_data_id('$event', 10)"), '1', 'a row is moved');
		is(partitions($event), '30,40,50,60,70,90,rest', 'into a partition of its own');
		is($keeper->value(qq{SELECT tableoid::regclass, "updatedAt" FROM $event WHERE id = 95}), "${event}_p90|2020-01-01 00:00:00", 'with its time');
		keeps($event, 95);
		is(found(), '', 'the check finds nothing');
		$keeper->value("DELETE FROM partman.part_config WHERE parent_table = '$event'; DROP SCHEMA $schema CASCADE");
	};
}

$_->close for $keeper, $super;
$main->stop;
done_testing();

# Two snapshots can have the same bounds and the same number of transactions in progress, and still see different rows:
# while a session is in the middle of PREPARE TRANSACTION, its transaction is listed twice. That moment is too short to
# hit, so the test forges an exported snapshot that looks like it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('counts');
$node->init(extra => [ '--username', 'postgres' ]);
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION dcx_pricing;
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, price numeric);
INSERT INTO aas.products VALUES ('RAM_GB', 37);
SELECT FROM dcx_attach_aas();
CREATE TABLE elsewhere (i integer);
SQL

my ($writer, $changer, $exporter, $reader) = map { session($node, database => 'postgres') } 1 .. 4;
my $price = q{SELECT dcx_product_cost('RAM_GB'), (SELECT price FROM aas.products)};

$writer->value('BEGIN; INSERT INTO elsewhere VALUES (1)');
$changer->value(q{BEGIN; UPDATE aas.products SET price = 38});
my ($twice, $committed) = map { $_->value('SELECT txid_current()') } $writer, $changer;
$node->safe_psql('postgres', 'INSERT INTO elsewhere VALUES (2)');

my $snapshot = $exporter->value('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()');
my $file = $node->data_dir . "/pg_snapshots/$snapshot";
my $content = slurp_file($file);
like($content, qr/^xip:$_$/m, "transaction $_ is in progress in it") for $twice, $committed;
append_to_file("$file-F", $content =~ s/^xip:$committed$/xip:$twice/mr);

$reader->value("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'");
is($reader->value($price), '37.00|37', 'the book of the one snapshot');
$reader->value('COMMIT');
$changer->value('COMMIT');
$reader->value("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot-F'");
is($reader->value($price), '38.00|38', 'is not the book of the other');
$reader->value('COMMIT');

$_->close for $writer, $changer, $exporter, $reader;
$node->stop;
done_testing();

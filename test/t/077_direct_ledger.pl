# Money moves in the same way whether rows are written by statements or without: whatever the owner of the ledger has
# done to its tables.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Paths;
use PostgreSQL::Test::Utils;
use Test::More;

start_paths();

my $wallets = q{CREATE TABLE shop.wallets (org text PRIMARY KEY, balance double precision NOT NULL, note text);
INSERT INTO shop.wallets VALUES (%A, 1000), (%B, 100)};

my @tables = map { "dcx.wallet_$_" } qw(account entry hold key);

sub each_table
{
	my ($sql) = @_;

	return join ";\n", map { $sql =~ s/%t/$_/gr } @tables;
}

# Triggers that note what they see.
sub noted
{
	my ($when) = @_;

	return each_table("CREATE TRIGGER note $when EXECUTE FUNCTION tools.note()");
}

# A trigger that does something to each row of a table.
sub trigger
{
	my ($when, $body) = @_;

	return "CREATE FUNCTION shop.does() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $body END \$\$;\n"
	  . "CREATE TRIGGER does $when EXECUTE FUNCTION shop.does()";
}

my @shapes = (
	# Columns.
	'columns of the user' => each_table('ALTER TABLE %t ADD mine text'),
	'columns with a default' => each_table(q{ALTER TABLE %t ADD mine text DEFAULT 'mine', ADD n int NOT NULL DEFAULT 7}),
	'a column with a default that is a function' => 'ALTER TABLE dcx.wallet_entry ADD mine text DEFAULT current_user || session_user, ADD at timestamptz DEFAULT clock_timestamp()',
	'an account with a default' => 'ALTER TABLE dcx.wallet_account ADD mine text NOT NULL DEFAULT current_user',
	'a column with a serial' => 'ALTER TABLE dcx.wallet_entry ADD mine serial',
	(map { my $t = $_; ("a column of $t that may not be NULL" => "ALTER TABLE dcx.$t ADD mine text NOT NULL DEFAULT '';\nALTER TABLE dcx.$t ALTER mine DROP DEFAULT") }
		qw(wallet_account wallet_entry wallet_hold wallet_key)),
	'a computed column' => 'ALTER TABLE dcx.wallet_entry ADD mine numeric GENERATED ALWAYS AS (-amount) STORED',
	'a computed column of holds' => q{ALTER TABLE dcx.wallet_hold ADD is_open boolean GENERATED ALWAYS AS (state = 'open') STORED},
	'a computed column of accounts' => q{ALTER TABLE dcx.wallet_account ADD available numeric GENERATED ALWAYS AS (balance - held) STORED},
	'another identity column' => 'ALTER TABLE dcx.wallet_key ADD mine int GENERATED ALWAYS AS IDENTITY',
	'a column of a domain' => "CREATE DOMAIN shop.word AS text NOT NULL DEFAULT 'w';\nALTER TABLE dcx.wallet_entry ADD mine shop.word DEFAULT 'x'",
	'a column of a domain without a value' => "CREATE DOMAIN shop.word AS text CHECK (value IS NOT NULL);\nALTER TABLE dcx.wallet_entry ADD mine shop.word NOT NULL DEFAULT 'x';\n"
	  . 'ALTER TABLE dcx.wallet_entry ALTER mine DROP NOT NULL, ALTER mine DROP DEFAULT',
	'dropped columns' => each_table("ALTER TABLE %t ADD a text DEFAULT 'a', ADD b int") . ";\n" . each_table('ALTER TABLE %t DROP a, DROP b'),
	'dropped columns that could not be NULL' => each_table("ALTER TABLE %t ADD a text NOT NULL DEFAULT 'a'") . ";\n" . each_table('ALTER TABLE %t DROP a'),
	'a description that may not be NULL' => join(";\n", 'ALTER TABLE dcx.wallet_entry DISABLE TRIGGER append_only',
		q{UPDATE dcx.wallet_entry SET description = 'first'}, 'ALTER TABLE dcx.wallet_entry ENABLE ALWAYS TRIGGER append_only', 'ALTER TABLE dcx.wallet_entry ALTER description SET NOT NULL'),
	'details that may not be NULL' => q{ALTER TABLE dcx.wallet_hold ALTER details SET NOT NULL},
	'defaults for our columns' => join(";\n", 'ALTER TABLE dcx.wallet_entry ALTER hold_id SET DEFAULT 99', q{ALTER TABLE dcx.wallet_entry ALTER description SET DEFAULT 'd'},
		'ALTER TABLE dcx.wallet_hold ALTER captured SET DEFAULT 1', q{ALTER TABLE dcx.wallet_hold ALTER available_then SET DEFAULT 2},
		'ALTER TABLE dcx.wallet_key ALTER entry_id SET DEFAULT 98', 'ALTER TABLE dcx.wallet_key ALTER hold_id SET DEFAULT 97'),
	'a state without a default' => 'ALTER TABLE dcx.wallet_hold ALTER state DROP DEFAULT',
	'a state with another default' => q{ALTER TABLE dcx.wallet_hold ALTER state SET DEFAULT 'released'},
	'an account without defaults' => 'ALTER TABLE dcx.wallet_account ALTER held DROP DEFAULT, ALTER next_expiry DROP DEFAULT, ALTER expired_until DROP DEFAULT',
	'amounts of cents' => 'ALTER TABLE dcx.wallet_entry ALTER amount TYPE numeric(14,2)',
	'balances of tens' => 'ALTER TABLE dcx.wallet_account ALTER balance TYPE numeric(14,1)',
	'holds of small amounts' => 'ALTER TABLE dcx.wallet_hold ALTER amount TYPE numeric(3,0)',
	'times of seconds' => 'ALTER TABLE dcx.wallet_hold ALTER expires_at TYPE timestamptz(0), ALTER held_at TYPE timestamptz(0)',
	'storage' => each_table('ALTER TABLE %t ALTER organisation SET STORAGE EXTERNAL') . ";\nALTER TABLE dcx.wallet_entry ALTER details SET STORAGE PLAIN, ALTER details SET COMPRESSION pglz",
	# The columns in another order, as a dump of another tool makes them.
	'another order of columns' => join(";\n", 'CREATE TABLE dcx.other (details jsonb, session_role text NOT NULL, amount numeric NOT NULL, mine int DEFAULT 3, role text NOT NULL,'
		. ' idempotency_key text COLLATE "C", description text, balance numeric NOT NULL, kind text NOT NULL, recorded_at timestamptz NOT NULL, organisation text COLLATE "C" NOT NULL,'
		. ' available numeric, hold_id bigint, entry_id bigint GENERATED ALWAYS AS IDENTITY (START 100), PRIMARY KEY (organisation, entry_id))',
		'INSERT INTO dcx.other (entry_id, organisation, recorded_at, kind, amount, balance, available, hold_id, idempotency_key, description, details, role, session_role)'
		  . ' OVERRIDING SYSTEM VALUE SELECT entry_id, organisation, recorded_at, kind, amount, balance, available, hold_id, idempotency_key, description, details, role, session_role FROM dcx.wallet_entry',
		'DROP TABLE dcx.wallet_entry', 'ALTER TABLE dcx.other RENAME TO wallet_entry'),
	# The numbers.
	'numbers by default' => "ALTER TABLE dcx.wallet_entry ALTER entry_id SET GENERATED BY DEFAULT;\nALTER TABLE dcx.wallet_hold ALTER hold_id SET GENERATED BY DEFAULT",
	'numbers by tens' => "ALTER TABLE dcx.wallet_entry ALTER entry_id SET INCREMENT 10 SET CACHE 3;\nALTER TABLE dcx.wallet_hold ALTER hold_id SET INCREMENT 10",
	'numbers that are used up' => "ALTER TABLE dcx.wallet_entry ALTER entry_id SET MAXVALUE 12;\nALTER TABLE dcx.wallet_hold ALTER hold_id SET MAXVALUE 3",
	'numbers downwards' => "ALTER TABLE dcx.wallet_entry ALTER entry_id SET INCREMENT -1 SET MINVALUE -1000 SET START -1 RESTART",
	'numbers that come again' => "ALTER TABLE dcx.wallet_hold ALTER hold_id SET MAXVALUE 3 SET CYCLE",
	'numbers of another sequence' => "CREATE SEQUENCE shop.numbers START 50;\nALTER TABLE dcx.wallet_entry ALTER entry_id DROP IDENTITY;\n"
	  . "ALTER TABLE dcx.wallet_entry ALTER entry_id SET DEFAULT nextval('shop.numbers');\nALTER SEQUENCE shop.numbers OWNED BY NONE",
	'numbers of a function' => "CREATE FUNCTION shop.number() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT max(hold_id) + 7 FROM dcx.wallet_hold); END';\n"
	  . "ALTER TABLE dcx.wallet_hold ALTER hold_id DROP IDENTITY;\nALTER TABLE dcx.wallet_hold ALTER hold_id SET DEFAULT coalesce(shop.number(), 1)",
	'no numbers' => "ALTER TABLE dcx.wallet_entry ALTER entry_id DROP IDENTITY;\nALTER TABLE dcx.wallet_hold ALTER hold_id DROP IDENTITY",
	'zero is a number' => "ALTER TABLE dcx.wallet_hold ALTER hold_id SET MINVALUE 0 SET START 0 RESTART",
	# Indexes and constraints.
	'indexes' => join(";\n", 'CREATE INDEX ON dcx.wallet_entry (amount)', 'CREATE INDEX ON dcx.wallet_entry USING hash (idempotency_key)', 'CREATE INDEX ON dcx.wallet_entry USING gin (details)',
		'CREATE INDEX ON dcx.wallet_entry USING brin (recorded_at)', 'CREATE INDEX ON dcx.wallet_account (balance)', 'CREATE INDEX ON dcx.wallet_hold (resolved_at) INCLUDE (captured)', 'CREATE INDEX ON dcx.wallet_key (entry_id)'),
	'partial indexes' => join(";\n", q{CREATE INDEX ON dcx.wallet_entry (amount) WHERE kind = 'debit'}, q{CREATE INDEX ON dcx.wallet_hold (organisation) WHERE state = 'open'}, 'CREATE INDEX ON dcx.wallet_account (held) WHERE held > 0'),
	'indexes on expressions' => "CREATE INDEX ON dcx.wallet_entry (abs(amount), upper(description));\nCREATE INDEX ON dcx.wallet_account ((balance - held));\nCREATE INDEX ON dcx.wallet_hold ((amount - captured))",
	'a unique index' => 'CREATE UNIQUE INDEX ON dcx.wallet_entry (organisation, balance)',
	'a unique index of holds' => q{CREATE UNIQUE INDEX ON dcx.wallet_hold (organisation) WHERE state = 'open'},
	'a unique key of the amount' => 'ALTER TABLE dcx.wallet_hold ADD UNIQUE (organisation, amount)',
	'a unique key that is deferrable' => 'ALTER TABLE dcx.wallet_entry ADD UNIQUE (organisation, balance) DEFERRABLE',
	'a unique key that is deferred' => 'ALTER TABLE dcx.wallet_hold ADD UNIQUE (organisation, amount) DEFERRABLE INITIALLY DEFERRED',
	'an exclusion constraint' => 'ALTER TABLE dcx.wallet_entry ADD EXCLUDE USING btree (organisation WITH =, balance WITH =)',
	'no indexes of ours' => 'DROP INDEX dcx.wallet_hold_expiry',
	'a check' => 'ALTER TABLE dcx.wallet_entry ADD CHECK (amount > -12)',
	'a check of the account' => 'ALTER TABLE dcx.wallet_account ADD CHECK (balance <> 1115.25)',
	'a check of holds' => q{ALTER TABLE dcx.wallet_hold ADD CHECK (state <> 'captured')},
	'a check of keys' => 'ALTER TABLE dcx.wallet_key ADD CHECK (length(idempotency_key) = 2)',
	'a foreign key to entries' => join(";\n", 'ALTER TABLE dcx.wallet_entry ADD UNIQUE (entry_id)', 'CREATE TABLE shop.paid (entry_id bigint REFERENCES dcx.wallet_entry (entry_id))', 'INSERT INTO shop.paid VALUES (1)'),
	'a foreign key to holds' => join(";\n", 'CREATE TABLE shop.orders (hold_id bigint REFERENCES dcx.wallet_hold (hold_id))', trigger('AFTER INSERT ON dcx.wallet_hold FOR EACH ROW',
		'INSERT INTO shop.orders VALUES (NEW.hold_id); RETURN NULL;')),
	'a foreign key to accounts' => "CREATE TABLE shop.customers (organisation text COLLATE \"C\" REFERENCES dcx.wallet_account);\nINSERT INTO shop.customers VALUES (%A)",
	'a foreign key from entries' => "CREATE TABLE shop.kinds (kind text PRIMARY KEY);\nINSERT INTO shop.kinds VALUES ('opening'), ('debit'), ('external');\nALTER TABLE dcx.wallet_entry ADD FOREIGN KEY (kind) REFERENCES shop.kinds",
	'a foreign key from keys' => 'ALTER TABLE dcx.wallet_key ADD FOREIGN KEY (hold_id) REFERENCES dcx.wallet_hold',
	'a foreign key from keys that is deferred' => 'ALTER TABLE dcx.wallet_key ADD FOREIGN KEY (hold_id) REFERENCES dcx.wallet_hold DEFERRABLE INITIALLY DEFERRED',
	'a foreign key from holds to accounts' => 'ALTER TABLE dcx.wallet_hold ADD FOREIGN KEY (organisation) REFERENCES dcx.wallet_account',
	'a foreign key from accounts' => "CREATE TABLE shop.known (org text COLLATE \"C\" PRIMARY KEY);\nINSERT INTO shop.known VALUES (%A), (%B);\nALTER TABLE dcx.wallet_account ADD FOREIGN KEY (organisation) REFERENCES shop.known",
	# Triggers.
	'triggers that note' => noted('AFTER INSERT OR UPDATE ON %t FOR EACH ROW'),
	'triggers that note before' => noted('BEFORE INSERT OR UPDATE ON %t FOR EACH ROW'),
	'triggers that note statements' => noted('AFTER INSERT OR UPDATE ON %t'),
	'triggers of accounts' => "CREATE TRIGGER note AFTER UPDATE OF held ON dcx.wallet_account FOR EACH ROW EXECUTE FUNCTION tools.note();\n"
	  . 'CREATE TRIGGER note2 BEFORE UPDATE OF balance ON dcx.wallet_account FOR EACH ROW WHEN (OLD.balance < NEW.balance) EXECUTE FUNCTION tools.note()',
	'disabled triggers' => noted('AFTER INSERT OR UPDATE ON %t FOR EACH ROW') . ";\n" . each_table('ALTER TABLE %t DISABLE TRIGGER note'),
	'triggers for replicas' => noted('AFTER INSERT OR UPDATE ON %t FOR EACH ROW') . ";\n" . each_table('ALTER TABLE %t ENABLE REPLICA TRIGGER note'),
	'triggers that always fire' => noted('AFTER INSERT OR UPDATE ON %t FOR EACH ROW') . ";\n" . each_table('ALTER TABLE %t ENABLE ALWAYS TRIGGER note'),
	'triggers on deletes' => "CREATE TRIGGER note AFTER DELETE ON dcx.wallet_account FOR EACH ROW EXECUTE FUNCTION tools.note()",
	'constraint triggers' => each_table('CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE ON %t FOR EACH ROW EXECUTE FUNCTION tools.note()'),
	'deferred triggers' => 'CREATE CONSTRAINT TRIGGER note AFTER INSERT ON dcx.wallet_entry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tools.note()',
	'transition tables' => join(";\n", q{CREATE FUNCTION shop.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO tools.log (what) SELECT amount FROM n; RETURN NULL; END $$},
		'CREATE TRIGGER t AFTER INSERT ON dcx.wallet_entry REFERENCING NEW TABLE AS n EXECUTE FUNCTION shop.t()'),
	'a table of transactions' => "CREATE TABLE shop.transactions (id text PRIMARY KEY, amount numeric, at timestamptz);\n" . trigger(q{AFTER INSERT ON dcx.wallet_entry FOR EACH ROW WHEN (NEW.kind IN ('credit', 'debit', 'capture'))},
		q{INSERT INTO shop.transactions SELECT 'dcx-' || NEW.entry_id, NEW.amount, NEW.recorded_at FROM shop.wallets WHERE org = NEW.organisation; RETURN NULL;}),
	'a trigger that describes' => trigger('BEFORE INSERT ON dcx.wallet_entry FOR EACH ROW', q{NEW.description := concat(NEW.description, ' by ', current_user); RETURN NEW;}),
	'a trigger that changes the amount' => trigger('BEFORE INSERT ON dcx.wallet_entry FOR EACH ROW', q{NEW.amount := NEW.amount + 1; RETURN NEW;}),
	'a trigger that changes the number' => trigger('BEFORE INSERT ON dcx.wallet_entry FOR EACH ROW', q{NEW.entry_id := NEW.entry_id + 1000; RETURN NEW;}),
	(map { my $t = $_; ("a trigger that suppresses $t" => trigger("BEFORE INSERT OR UPDATE ON dcx.$t FOR EACH ROW", q{RETURN NULL;})) } qw(wallet_account wallet_entry wallet_hold wallet_key)),
	'a trigger that fails' => trigger('AFTER INSERT ON dcx.wallet_entry FOR EACH ROW', q{IF NEW.amount > 5 THEN RAISE 'no'; END IF; RETURN NEW;}),
	'a trigger that updates the wallet' => trigger('AFTER INSERT ON dcx.wallet_entry FOR EACH ROW', q{UPDATE shop.wallets SET note = NEW.entry_id WHERE org = NEW.organisation; RETURN NEW;}),
	'a trigger that moves money' => trigger(q{AFTER INSERT ON dcx.wallet_entry FOR EACH ROW WHEN (NEW.kind = 'debit' AND NEW.organisation <> 'globex')},
		q{PERFORM dcx_wallet_credit(%B, 1, 'fee ' || NEW.entry_id); RETURN NULL;}),
	'a trigger that holds' => trigger(q{BEFORE UPDATE ON dcx.wallet_account FOR EACH ROW WHEN (NEW.balance < OLD.balance AND NEW.organisation <> 'globex')},
		q{PERFORM dcx_wallet_hold(%B, 0.01, 'fee ' || NEW.balance); RETURN NEW;}),
	'guards that are switched off' => join(";\n", 'ALTER TABLE dcx.wallet_entry DISABLE TRIGGER append_only', 'ALTER TABLE dcx.wallet_hold DISABLE TRIGGER resolved_once'),
	'guards that are gone' => join(";\n", 'DROP TRIGGER append_only ON dcx.wallet_entry', 'DROP TRIGGER resolved_once ON dcx.wallet_hold'),
	'a guard for all updates' => 'CREATE TRIGGER more BEFORE UPDATE ON dcx.wallet_hold FOR EACH ROW EXECUTE FUNCTION dcx.wallet_guard()',
	# Rules, policies, rights.
	'rules' => each_table(q{CREATE RULE r AS ON INSERT TO %t DO ALSO INSERT INTO tools.log (what) VALUES ('%t')}),
	'a rule that does nothing' => q{CREATE RULE r AS ON INSERT TO dcx.wallet_key DO INSTEAD NOTHING},
	'a rule of accounts' => q{CREATE RULE r AS ON UPDATE TO dcx.wallet_account DO ALSO INSERT INTO tools.log (what) VALUES (OLD.held || ' ' || NEW.held)},
	'row-level security' => each_table('ALTER TABLE %t ENABLE ROW LEVEL SECURITY'),
	'row-level security for the owner' => "DO \$\$ DECLARE t regclass; BEGIN FOREACH t IN ARRAY ARRAY['dcx.wallet_account', 'dcx.wallet_entry', 'dcx.wallet_hold', 'dcx.wallet_key'] LOOP"
	  . " EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t); EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t); END LOOP; END \$\$",
	# Replication and storage.
	'no replica identity' => each_table('ALTER TABLE %t REPLICA IDENTITY NOTHING'),
	'no replica identity, published' => "ALTER TABLE dcx.wallet_account REPLICA IDENTITY NOTHING;\nDROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR TABLE dcx.wallet_account",
	'no replica identity of holds, published' => "ALTER TABLE dcx.wallet_hold REPLICA IDENTITY NOTHING;\nDROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR TABLE dcx.wallet_hold",
	'whole rows as replica identity' => each_table('ALTER TABLE %t REPLICA IDENTITY FULL') . ";\nDROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR TABLES IN SCHEMA dcx",
	'a row filter' => "DROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR TABLE dcx.wallet_account WHERE (held > 0)",
	'unlogged' => each_table('ALTER TABLE %t SET UNLOGGED'),
	'fillfactor' => each_table('ALTER TABLE %t SET (fillfactor = 100)'),
	'fillfactor 10' => each_table('ALTER TABLE %t SET (fillfactor = 10)'),
	'inherited' => "CREATE TABLE shop.entries () INHERITS (dcx.wallet_entry);\nCREATE TABLE shop.accounts () INHERITS (dcx.wallet_account)",
	'another tablespace' => each_table('ALTER TABLE %t SET TABLESPACE elsewhere'),
);

while (my ($name, $then) = splice @shapes, 0, 2)
{
	compare_paths({ name => $name, sql => $wallets, then => $then });
}
finish_paths();

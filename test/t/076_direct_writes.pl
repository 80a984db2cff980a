# Money moves in the same way whether rows are written by statements or without: for all kinds of wallet tables.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Paths;
use PostgreSQL::Test::Utils;
use Test::More;

start_paths();

# A wallet table. balance, org: the types of these columns; more: other columns and constraints; after: more statements.
sub table
{
	my (%of) = @_;

	$of{balance} //= 'numeric';
	$of{org} //= 'text';
	return join ";\n",
	  "CREATE TABLE shop.wallets (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org $of{org} NOT NULL UNIQUE, balance $of{balance}"
	  . ' NOT NULL, note text' . ($of{more} ? ", $of{more}" : '') . ')' . ($of{with} // ''),
	  'INSERT INTO shop.wallets (org, balance) VALUES (%A, 1000), (%B, 100)', $of{after} // ();
}

# A wallet table with a trigger that does something to each row.
sub trigger
{
	my ($when, $body, %of) = @_;

	return table(%of, after => join ";\n",
		"CREATE FUNCTION shop.does() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $body END \$\$",
		map { "CREATE TRIGGER does $_ EXECUTE FUNCTION shop.does()" } ref $when ? @$when : $when);
}

# A wallet table with triggers that note what they see.
sub noted
{
	return table(after => join ";\n", map { "CREATE $_ EXECUTE FUNCTION tools.note()" } @_);
}

my @shapes = (
	# As Prisma makes it.
	'prisma' => <<'SQL',
CREATE TABLE shop.organisation (id text PRIMARY KEY);
INSERT INTO shop.organisation VALUES (%A), (%B), (%N);
CREATE TABLE shop.wallets (id text PRIMARY KEY, org text NOT NULL REFERENCES shop.organisation ON UPDATE CASCADE ON DELETE RESTRICT,
	balance double precision NOT NULL DEFAULT 0, currency text NOT NULL DEFAULT 'ZAR',
	"createdAt" timestamp(3) NOT NULL DEFAULT current_timestamp, "updatedAt" timestamp(3) NOT NULL DEFAULT current_timestamp, note text);
CREATE UNIQUE INDEX wallets_org_key ON shop.wallets (org);
CREATE FUNCTION shop.id() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := 'w-' || NEW.org; RETURN NEW; END $$;
CREATE TRIGGER id BEFORE INSERT ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.id();
INSERT INTO shop.wallets (org, balance) VALUES (%A, 1000), (%B, 100);
CREATE TABLE shop.transactions (n int GENERATED ALWAYS AS IDENTITY, wallet text NOT NULL REFERENCES shop.wallets ON UPDATE CASCADE ON DELETE CASCADE);
CREATE INDEX ON shop.transactions (wallet)
SQL
	'updatedAt' => table(more => '"updatedAt" timestamp(3) NOT NULL DEFAULT now()', after => q{SELECT * FROM dcx_attach_updated_at('shop')}),
	'updatedAt, disabled' => table(more => '"updatedAt" timestamp(3) NOT NULL DEFAULT now()',
		after => q{SELECT * FROM dcx_attach_updated_at('shop'); ALTER TABLE shop.wallets DISABLE TRIGGER zzz_dcx_updated_at}),
	'updatedAt, replica' => table(more => '"updatedAt" timestamp(3) NOT NULL DEFAULT now()',
		after => "SELECT * FROM dcx_attach_updated_at('shop');\nALTER TABLE shop.wallets ENABLE REPLICA TRIGGER zzz_dcx_updated_at"),
	'updatedAt, always' => table(more => '"updatedAt" timestamp(3) NOT NULL DEFAULT now()',
		after => "SELECT * FROM dcx_attach_updated_at('shop');\nALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER zzz_dcx_updated_at"),
	'updatedAt and another trigger' => noted('TRIGGER zz BEFORE UPDATE ON shop.wallets FOR EACH ROW')
	  . ";\n" . q{ALTER TABLE shop.wallets ADD "updatedAt" timestamptz; SELECT * FROM dcx_attach_updated_at('shop')},
	'a time of change that is indexed' => table(more => 'modified timestamptz NOT NULL DEFAULT now()', after =>
		"CREATE INDEX ON shop.wallets (modified);\nCREATE TRIGGER zzz_modified BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('modified')"),
	'a time of change that is missing' => table(after =>
		"CREATE TRIGGER zzz_modified BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('modified')"),
	'a time of change under a condition' => table(more => 'modified timestamptz NOT NULL DEFAULT now()', after =>
		"CREATE TRIGGER zzz_modified BEFORE UPDATE ON shop.wallets FOR EACH ROW WHEN (NEW.balance < 1000) EXECUTE FUNCTION dcx_set_updated_at('modified')"),
	'a time of change of a column' => table(more => 'modified timestamptz NOT NULL DEFAULT now()', after =>
		"CREATE TRIGGER zzz_modified BEFORE UPDATE OF note ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('modified')"),
	'a time of change on insert' => table(more => 'modified timestamptz NOT NULL DEFAULT now()', after =>
		"CREATE TRIGGER zzz_modified BEFORE INSERT ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('modified')"),
	'a time of change that is a domain' => table(more => 'modified shop.moment NOT NULL DEFAULT now()', after =>
		"CREATE TRIGGER zzz_modified BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('modified')")
	  =~ s/^/CREATE DOMAIN shop.moment AS timestamptz CHECK (value > '2000-01-01');\n/r,
	'a time of change twice' => table(more => 'modified timestamptz NOT NULL DEFAULT now(), m2 timestamp', after => join ";\n",
		"CREATE TRIGGER zzz_modified BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('modified')",
		"CREATE TRIGGER zzz_m2 BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('m2')"),
	'a time of change that refers to another table' => "CREATE TABLE shop.times (at timestamptz PRIMARY KEY);\nINSERT INTO shop.times VALUES ('2020-01-01');\n"
	  . table(more => q{modified timestamptz DEFAULT '2020-01-01' REFERENCES shop.times}, after =>
		"CREATE TRIGGER zzz_modified BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('modified')"),
	'a time of change that others refer to' => table(more => q{modified timestamptz DEFAULT '2020-01-01', UNIQUE (org, modified)}, after => join ";\n",
		'CREATE TABLE shop.seen (org text, modified timestamptz, FOREIGN KEY (org, modified) REFERENCES shop.wallets (org, modified))',
		q{INSERT INTO shop.seen VALUES (%A, '2020-01-01')},
		"CREATE TRIGGER zzz_modified BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('modified')"),
	# Types.
	(map { $_ => table(balance => $_) } 'numeric(65,30)', 'numeric(12,2)', 'numeric(12,1)', 'numeric(12,-2)', 'double precision', 'real', 'int', 'bigint', 'smallint'),
	'a key of type uuid' => {
		sql => table(org => 'uuid'),
		values => { A => "'8b0c7a9e-7f5e-4c1a-9a54-0242ac120002'", B => "'8B0C7A9E-7f5e-4c1a-9a54-0242ac120003'", N => "'8b0c7a9e-7f5e-4c1a-9a54-0242ac120004'" }
	},
	'a key of type int' => { sql => table(org => 'int'), values => { A => "'7'", B => "'08'", N => "'-1'" } },
	'a key of type char' => table(org => 'char(10)'),
	'a key of type varchar' => table(org => 'varchar(20)'),
	'a key that ignores case' => {
		sql => "CREATE COLLATION shop.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);\n" . table(org => 'text COLLATE shop.nocase'),
		values => { A => "'Acme'", B => "'globex'", N => "'NOVUS'" }
	},
	'a key that is a domain' => "CREATE DOMAIN shop.org AS text CHECK (value <> '');\n" . table(org => 'shop.org'),
	'a balance that is a domain' => "CREATE DOMAIN shop.money AS numeric(14,2) CHECK (value >= 950);\n" . table(balance => 'shop.money') =~ s/100\)/1100)/r,
	'another column that is a domain' => "CREATE DOMAIN shop.word AS text CHECK (value <> 'no');\n" . table(more => "word shop.word DEFAULT 'yes'"),
	# Constraints and columns.
	'a check of the balance' => table(more => 'CHECK (balance >= 1050)', after => '') =~ s/1000\), \(%B, 100\)/2000), (%B, 2000)/r,
	'a check of another column' => table(more => q{CHECK (note <> 'with')}),
	'a check that is not valid' => table(after => 'ALTER TABLE shop.wallets ADD CHECK (balance > 1100) NOT VALID'),
	'a column that is computed from the balance' => table(more => 'cents numeric GENERATED ALWAYS AS (balance * 100) STORED'),
	'a column that is computed from another' => table(more => 'length int GENERATED ALWAYS AS (length(note)) STORED'),
	'dropped columns' => table(more => 'x int DEFAULT 7, y text', after => "ALTER TABLE shop.wallets DROP x;\nALTER TABLE shop.wallets DROP y"),
	'columns added later' => table(after => "ALTER TABLE shop.wallets ADD x int NOT NULL DEFAULT 7, ADD y text DEFAULT 'y', ADD z text;\nALTER TABLE shop.wallets DROP x"),
	'a balance added later' => q{CREATE TABLE shop.wallets (org text PRIMARY KEY, note text);
INSERT INTO shop.wallets VALUES (%A), (%B);
ALTER TABLE shop.wallets ADD balance numeric(14,2) NOT NULL DEFAULT 1000},
	'large values' => table(more => 'long text DEFAULT repeat(md5(current_date::text), 300), plain text', after => "ALTER TABLE shop.wallets ALTER long SET STORAGE EXTERNAL;\n"
		  . "UPDATE shop.wallets SET plain = repeat('x', 9000), long = repeat(md5('1'), 400)"),
	'a balance that is NULL elsewhere' => table() =~ s/ NOT NULL, note/, note/r . ";\nINSERT INTO shop.wallets (org, balance) VALUES ('null', 0)",
	'two rows of an organisation' => table() =~ s/ UNIQUE//r . ";\nINSERT INTO shop.wallets (org, balance) VALUES (%B, 1)",
	'no index' => table() =~ s/ UNIQUE//r,
	'many columns' => table(more => join ', ', map { "c$_ int DEFAULT $_" } 1 .. 60),
	# Indexes.
	'an exclusion constraint' => table(more => 'EXCLUDE USING btree (note WITH =)'),
	'a partial index' => table(after => 'CREATE INDEX ON shop.wallets (note) WHERE balance > 1050'),
	'a partial unique index' => table(after => 'CREATE UNIQUE INDEX ON shop.wallets ((1)) WHERE balance > 1100'),
	'an index on an expression' => table(after => 'CREATE INDEX ON shop.wallets (round(balance))'),
	'an index on an expression of another column' => table(after => 'CREATE INDEX ON shop.wallets (lower(note))'),
	'an index that includes the balance' => table(after => 'CREATE INDEX ON shop.wallets (note) INCLUDE (balance)'),
	'an index on the balance' => table(after => 'CREATE INDEX ON shop.wallets (balance)'),
	'a unique index on the balance' => table(after => 'CREATE UNIQUE INDEX ON shop.wallets (balance, org)'),
	'a unique balance' => table(after => "CREATE UNIQUE INDEX ON shop.wallets (balance);\nUPDATE shop.wallets SET balance = 1115.25 WHERE org = %B"),
	'other indexes' => table(more => 'tags jsonb', after => 'CREATE INDEX ON shop.wallets USING hash (balance)'
		  . ";\nCREATE INDEX ON shop.wallets USING hash (note);\nCREATE INDEX ON shop.wallets USING gin (tags);\nCREATE INDEX ON shop.wallets USING brin (balance)"
		  . ";\nCREATE INDEX ON shop.wallets USING brin (id)"),
	'a unique key that is deferrable' => table(more => 'UNIQUE (note) DEFERRABLE'),
	'a unique balance that is deferred' => table(more => 'UNIQUE (balance) DEFERRABLE INITIALLY DEFERRED'),
	'an index that is not valid' => table(after => "UPDATE shop.wallets SET note = 'n';\nCREATE UNIQUE INDEX CONCURRENTLY ON shop.wallets (note)"),
	# Triggers.
	'a trigger that changes another column' => trigger('BEFORE UPDATE ON shop.wallets FOR EACH ROW', q{NEW.note := concat(OLD.note, '.'); RETURN NEW;}),
	'a trigger that changes an indexed column' => trigger('BEFORE UPDATE ON shop.wallets FOR EACH ROW', q{NEW.note := concat(OLD.note, '.'); RETURN NEW;}, more => 'UNIQUE (note)'),
	'a trigger that suppresses' => trigger('BEFORE UPDATE ON shop.wallets FOR EACH ROW', q{RETURN CASE WHEN NEW.balance > 1100 THEN NEW END;}),
	'a trigger that changes the balance' => trigger('BEFORE UPDATE ON shop.wallets FOR EACH ROW', q{NEW.balance := NEW.balance + (NEW.balance < 1110)::int; RETURN NEW;}),
	'a trigger that changes the key' => trigger('BEFORE UPDATE ON shop.wallets FOR EACH ROW', q{IF NEW.balance < 1110 THEN NEW.org := NEW.org || '.'; END IF; RETURN NEW;}),
	'a trigger that fails' => trigger('AFTER UPDATE ON shop.wallets FOR EACH ROW', q{IF NEW.balance < 1110 THEN RAISE 'no'; END IF; RETURN NEW;}),
	'a trigger that updates the row' => trigger('AFTER UPDATE ON shop.wallets FOR EACH ROW WHEN (NEW.note IS NOT DISTINCT FROM OLD.note)',
		q{UPDATE shop.wallets SET note = concat(note, '+') WHERE org = NEW.org; RETURN NULL;}),
	'a trigger that moves money' => trigger('AFTER UPDATE ON shop.wallets FOR EACH ROW WHEN (NEW.balance < OLD.balance AND NEW.id = 1)',
		q{PERFORM dcx_wallet_credit(%B, 1, 'fee ' || NEW.balance); RETURN NULL;}),
	'a trigger that moves money before' => trigger('BEFORE UPDATE ON shop.wallets FOR EACH ROW WHEN (NEW.balance < OLD.balance AND NEW.id = 1)',
		q{PERFORM dcx_wallet_hold(%A, 1, 'fee ' || NEW.balance); RETURN NEW;}),
	'a trigger on other events' => noted('TRIGGER i BEFORE INSERT ON shop.wallets FOR EACH ROW', 'TRIGGER d AFTER DELETE ON shop.wallets FOR EACH ROW',
		'TRIGGER t BEFORE TRUNCATE ON shop.wallets', 'TRIGGER s AFTER INSERT OR DELETE ON shop.wallets'),
	'triggers that note' => noted('TRIGGER b BEFORE UPDATE ON shop.wallets FOR EACH ROW', 'TRIGGER a AFTER UPDATE ON shop.wallets FOR EACH ROW',
		'TRIGGER bs BEFORE UPDATE ON shop.wallets', 'TRIGGER "AS" AFTER UPDATE ON shop.wallets'),
	(map { ("$_->[0]" => noted($_->[1])) } [ 'a trigger before the statement', 'TRIGGER bs BEFORE UPDATE ON shop.wallets' ],
		[ 'a trigger after the statement', 'TRIGGER "AS" AFTER UPDATE ON shop.wallets' ],
		[ 'a trigger with a condition', 'TRIGGER b BEFORE UPDATE ON shop.wallets FOR EACH ROW WHEN (OLD.balance < NEW.balance)' ],
		[ 'a trigger of the balance', 'TRIGGER b AFTER UPDATE OF balance ON shop.wallets FOR EACH ROW' ],
		[ 'a trigger of another column', 'TRIGGER b AFTER UPDATE OF note ON shop.wallets FOR EACH ROW' ],
		[ 'a constraint trigger', 'CONSTRAINT TRIGGER c AFTER UPDATE ON shop.wallets FOR EACH ROW' ],
		[ 'a deferrable trigger', 'CONSTRAINT TRIGGER c AFTER UPDATE ON shop.wallets DEFERRABLE FOR EACH ROW' ],
		[ 'a deferred trigger', 'CONSTRAINT TRIGGER c AFTER UPDATE ON shop.wallets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW' ],
		[ 'a deferred trigger that does not fire', 'CONSTRAINT TRIGGER c AFTER UPDATE ON shop.wallets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (false)' ]),
	'a trigger with transition tables' => table(after => join ";\n",
		q{CREATE FUNCTION shop.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO tools.log (what) SELECT concat(o.balance, ' -> ', n.balance) FROM o JOIN n USING (id); RETURN NULL; END $$},
		'CREATE TRIGGER t AFTER UPDATE ON shop.wallets REFERENCING OLD TABLE AS o NEW TABLE AS n EXECUTE FUNCTION shop.t()'),
	'a disabled trigger' => noted('TRIGGER b BEFORE UPDATE ON shop.wallets FOR EACH ROW') . ";\nALTER TABLE shop.wallets DISABLE TRIGGER b",
	'a trigger for replicas' => noted('TRIGGER b BEFORE UPDATE ON shop.wallets FOR EACH ROW') . ";\nALTER TABLE shop.wallets ENABLE REPLICA TRIGGER b",
	'a trigger that always fires' => noted('TRIGGER b AFTER UPDATE ON shop.wallets FOR EACH ROW') . ";\nALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER b",
	'suppress_redundant_updates_trigger' => table(after => 'CREATE TRIGGER s BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
	'the ledger is not recorded' => { sql => table(), then => 'ALTER TABLE shop.wallets DISABLE TRIGGER "000_dcx_wallet"' },
	'the ledger is recorded for replicas' => { sql => table(), then => 'ALTER TABLE shop.wallets ENABLE REPLICA TRIGGER "000_dcx_wallet"' },
	'the ledger is recorded, not always' => { sql => table(), then => 'ALTER TABLE shop.wallets ENABLE TRIGGER "000_dcx_wallet"' },
	'the ledger has no trigger' => { sql => table(), then => 'DROP TRIGGER "000_dcx_wallet" ON shop.wallets' },
	'the ledger has another trigger' => { sql => table(), then => join ";\n",
		'DROP TRIGGER "000_dcx_wallet" ON shop.wallets', 'CREATE TRIGGER x AFTER INSERT OR DELETE OR UPDATE OF balance ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record()' },
	'the ledger has two triggers' => { sql => table(), then =>
		'CREATE TRIGGER x AFTER INSERT OR DELETE OR UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record()' },
	'the ledger has a deferred trigger' => { sql => table(), then =>
		'CREATE CONSTRAINT TRIGGER x AFTER INSERT OR DELETE OR UPDATE ON shop.wallets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record()' },
	# Rules, policies and rights.
	'a rule that does more' => table(after => q{CREATE RULE r AS ON UPDATE TO shop.wallets DO ALSO INSERT INTO tools.log (what) VALUES (OLD.balance || ' ' || NEW.balance)}),
	'a rule that does nothing' => table(after => q{CREATE RULE r AS ON UPDATE TO shop.wallets WHERE NEW.balance < 1110 DO INSTEAD NOTHING}),
	'a disabled rule' => table(after => "CREATE RULE r AS ON UPDATE TO shop.wallets DO INSTEAD NOTHING;\nALTER TABLE shop.wallets DISABLE RULE r"),
	'a rule on insert' => table(after => q{CREATE RULE r AS ON INSERT TO shop.wallets DO ALSO INSERT INTO tools.log (what) VALUES (NEW.balance)}),
	'row-level security' => table(after => 'ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY'),
	'row-level security for its owner' => table(after => join ";\n", 'ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY',
		'ALTER TABLE shop.wallets FORCE ROW LEVEL SECURITY', 'ALTER TABLE shop.wallets OWNER TO shopkeeper',
		'CREATE POLICY p ON shop.wallets USING (balance < 1200) WITH CHECK (balance > 1050)'),
	'row-level security without a policy' => table(after => join ";\n", 'ALTER TABLE shop.wallets OWNER TO shopkeeper',
		'ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY', 'ALTER TABLE shop.wallets FORCE ROW LEVEL SECURITY'),
	'another owner' => table(after => 'ALTER TABLE shop.wallets OWNER TO shopkeeper'),
	'another owner, with triggers' => noted('TRIGGER b BEFORE UPDATE ON shop.wallets FOR EACH ROW') . ";\nALTER TABLE shop.wallets OWNER TO shopkeeper",
	'an owner who may not update' => { sql => table(after => 'ALTER TABLE shop.wallets OWNER TO shopkeeper'), then => 'REVOKE UPDATE ON shop.wallets FROM shopkeeper' },
	'an owner who may not read' => { sql => table(after => 'ALTER TABLE shop.wallets OWNER TO shopkeeper'), then => 'REVOKE SELECT ON shop.wallets FROM shopkeeper' },
	'an owner who may update a column' => { sql => table(after => 'ALTER TABLE shop.wallets OWNER TO shopkeeper'),
		then => "REVOKE ALL ON shop.wallets FROM shopkeeper;\nGRANT SELECT (org, balance), UPDATE (balance) ON shop.wallets TO shopkeeper" },
	'an owner who may not see the schema' => { sql => table(after => 'ALTER TABLE shop.wallets OWNER TO shopkeeper'), then => 'REVOKE ALL ON SCHEMA shop FROM shopkeeper' },
	'a caller who sees nothing' => { sql => table(), then => 'REVOKE ALL ON shop.wallets FROM app' },
	# Partitions and inheritance.
	'partitions' => table(more => 'PRIMARY KEY (org)', with => ' PARTITION BY HASH (org)') =~ s/ PRIMARY KEY, org/, org/r =~ s/ UNIQUE//r
	  =~ s/;\n/;\nCREATE TABLE shop.w0 PARTITION OF shop.wallets FOR VALUES WITH (MODULUS 2, REMAINDER 0);\nCREATE TABLE shop.w1 PARTITION OF shop.wallets FOR VALUES WITH (MODULUS 2, REMAINDER 1);\n/r
	  =~ s/GENERATED ALWAYS AS IDENTITY/DEFAULT 1/r,
	'a partition' => q{CREATE TABLE shop.all_wallets (org text PRIMARY KEY, balance numeric NOT NULL, note text) PARTITION BY LIST (org);
CREATE TABLE shop.wallets PARTITION OF shop.all_wallets FOR VALUES IN (%A, %B, %N);
INSERT INTO shop.wallets VALUES (%A, 1000), (%B, 100)},
	'an inheritance parent' => table(after => "CREATE TABLE shop.child () INHERITS (shop.wallets);\nALTER TABLE shop.child ADD UNIQUE (org)"),
	'an inheritance parent whose child has the wallet' => table(after => "CREATE TABLE shop.child () INHERITS (shop.wallets);\nWITH gone AS (DELETE FROM ONLY shop.wallets WHERE org = %A RETURNING *)"
		  . ' INSERT INTO shop.child SELECT * FROM gone'),
	'an inheritance parent without children' => table(after => "CREATE TABLE shop.child () INHERITS (shop.wallets);\nDROP TABLE shop.child"),
	'an inheritance child' => "CREATE TABLE shop.parent (note text);\n" . table(with => ' INHERITS (shop.parent)'),
	# Replication.
	'no replica identity' => table(after => 'ALTER TABLE shop.wallets REPLICA IDENTITY NOTHING'),
	'no replica identity, published' => table(after => "ALTER TABLE shop.wallets REPLICA IDENTITY NOTHING;\nDROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR TABLE shop.wallets"),
	'no replica identity, inserts published' => table(after => "ALTER TABLE shop.wallets REPLICA IDENTITY NOTHING;\nDROP PUBLICATION IF EXISTS p;\n"
		  . "CREATE PUBLICATION p FOR TABLE shop.wallets WITH (publish = 'insert')"),
	'the whole row as replica identity' => table(after => "ALTER TABLE shop.wallets REPLICA IDENTITY FULL;\nDROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR TABLE shop.wallets"),
	'an index as replica identity' => table(after => 'ALTER TABLE shop.wallets REPLICA IDENTITY USING INDEX wallets_org_key'),
	'a row filter' => table(after => "DROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR TABLE shop.wallets WHERE (balance > 1000)"),
	'a column list' => table(after => "DROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR TABLE shop.wallets (org, balance)"),
	'everything published' => table(after => "DROP PUBLICATION IF EXISTS p;\nCREATE PUBLICATION p FOR ALL TABLES"),
	# Storage.
	'unlogged' => table() =~ s/CREATE TABLE/CREATE UNLOGGED TABLE/r,
	'fillfactor 10' => table(with => ' WITH (fillfactor = 10)'),
	'fillfactor 100, full' => table(with => ' WITH (fillfactor = 100)', after => q{INSERT INTO shop.wallets (org, balance, note) SELECT 'x' || n, 1, repeat('x', 100) FROM generate_series(1, 55) n}),
	'another tablespace' => table(with => ' TABLESPACE elsewhere'),
	'another fillfactor than before' => { sql => table(), then => 'ALTER TABLE shop.wallets SET (fillfactor = 50)' },
	'a type of its own' => "CREATE TYPE shop.wallet AS (org text, balance numeric, note text);\nCREATE TABLE shop.wallets OF shop.wallet (PRIMARY KEY (org), balance NOT NULL);\n"
	  . 'INSERT INTO shop.wallets VALUES (%A, 1000), (%B, 100)',
	'a view' => { sql => table() =~ s/shop\.wallets/shop.base/gr . ";\nCREATE VIEW shop.wallets AS SELECT * FROM shop.base", view => 1 },
	# Foreign keys.
	'a foreign key of the balance' => "CREATE TABLE shop.amounts (amount numeric PRIMARY KEY);\nINSERT INTO shop.amounts VALUES (1000), (1115.25), (100), (1125.5), (1113.25), (55)"
	  . ";\n" . table(balance => 'numeric REFERENCES shop.amounts'),
	'a foreign key to the balance' => { sql => table(more => 'UNIQUE (org, balance)', after =>
			"CREATE TABLE shop.paid (org text, balance numeric, FOREIGN KEY (org, balance) REFERENCES shop.wallets (org, balance));\nINSERT INTO shop.paid VALUES (%B, 100)") },
	'a foreign key that follows the balance' => { sql => table(more => 'UNIQUE (org, balance)', after =>
			"CREATE TABLE shop.paid (org text, balance numeric, FOREIGN KEY (org, balance) REFERENCES shop.wallets (org, balance) ON UPDATE CASCADE);\nINSERT INTO shop.paid VALUES (%A, 1000)") },
	'a deferred foreign key' => "CREATE TABLE shop.organisation (id text PRIMARY KEY);\nINSERT INTO shop.organisation VALUES (%A), (%B)"
	  . ";\n" . table(org => 'text REFERENCES shop.organisation DEFERRABLE INITIALLY DEFERRED'),
	'a foreign key that is not valid' => "CREATE TABLE shop.organisation (id text PRIMARY KEY);\nINSERT INTO shop.organisation VALUES (%N)"
	  . ";\n" . table(after => 'ALTER TABLE shop.wallets ADD FOREIGN KEY (org) REFERENCES shop.organisation NOT VALID'),
	'a foreign key to itself' => table(more => 'parent int REFERENCES shop.wallets', after => 'UPDATE shop.wallets SET parent = 1'),
);
my %reference = (prisma => q{INSERT INTO shop.transactions (wallet) SELECT id FROM shop.wallets WHERE org = %A});

# Which tables are written by statements, for some of the shapes.
my %by_statements = (
	(map { $_ => '' } 'prisma', 'updatedAt', 'updatedAt, always', 'a time of change twice', 'numeric(65,30)', 'numeric(12,2)', 'double precision', 'real', 'bigint',
		'a key of type uuid', 'dropped columns', 'columns added later', 'large values', 'an index on the balance', 'other indexes', 'a trigger on other events',
		'another owner', 'no replica identity'),
	(map { $_ => 'shop.wallets' } 'a check of another column', 'a column that is computed from another', 'a partial index', 'a unique key that is deferrable', 'partitions'));

while (my ($name, $shape) = splice @shapes, 0, 2)
{
	$shape = { sql => $shape } unless ref $shape;
	compare_paths({ name => $name, reference => $reference{$name}, by_statements => $by_statements{$name}, %$shape });
}
finish_paths();

-- The trigger that keeps "updatedAt".
\c regress_dcx_main
SELECT * FROM dcx_attach_updated_at();
SELECT * FROM dcx_attach_updated_at();
SELECT * FROM dcx_attach_updated_at('OrganisationWallet');
-- Whatever a backslash means in a string.
SET standard_conforming_strings = off;
SELECT * FROM dcx_attach_updated_at('OrganisationWallet');
RESET standard_conforming_strings;
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_updated_at('nothing')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_updated_at('public.user')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_updated_at('vcenter_vm_data_vms')$$) \gx
SELECT * FROM dcx_attach_updated_at('information_schema');

-- A row that changes gets the server's time, whatever the client says; one that does not, keeps its own.
BEGIN;
UPDATE "OrganisationWallet" SET balance = balance + 1 WHERE "organisationId" = 'org-acme';
UPDATE "OrganisationWallet" SET balance = balance + 1, "updatedAt" = '2001-01-01' WHERE "organisationId" = 'org-globex';
UPDATE "OrganisationWallet" SET balance = balance WHERE "organisationId" = 'org-initech';
UPDATE "OrganisationWallet" SET "updatedAt" = '2001-01-01', balance = balance WHERE "organisationId" = 'org-zero';
SELECT "organisationId", "updatedAt" = (now() AT TIME ZONE 'UTC')::timestamp(3) AS now, "updatedAt" < '2001-01-02' AS wished
  FROM "OrganisationWallet" WHERE "organisationId" IN ('org-acme', 'org-globex', 'org-initech', 'org-zero') ORDER BY 1;
ROLLBACK;

CREATE SCHEMA t;
CREATE TABLE t.every (id int PRIMARY KEY, dropped int, note text, big text, twice int GENERATED ALWAYS AS (id * 2) STORED,
    "updatedAt" timestamptz(3));
ALTER TABLE t.every DROP COLUMN dropped;
ALTER TABLE t.every ALTER big SET STORAGE EXTERNAL;
SELECT * FROM dcx_attach_updated_at('t');
INSERT INTO t.every (id, note, big, "updatedAt") VALUES (1, NULL, repeat('x', 10000), '2020-01-01'), (2, 'a', '', NULL);
CREATE FUNCTION t.changed(statement text, start timestamptz DEFAULT '2020-01-01') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before t.every;
    after t.every;
BEGIN
    UPDATE t.every SET "updatedAt" = start WHERE id = 1;
    SELECT * INTO before FROM t.every WHERE id = 1;
    EXECUTE statement;
    SELECT * INTO after FROM t.every WHERE id = 1;
    RETURN CASE WHEN after."updatedAt" IS NOT DISTINCT FROM before."updatedAt" THEN 'kept'
                WHEN after."updatedAt" = now()::timestamptz(3) THEN 'now' ELSE after."updatedAt"::text END;
END $$;
SET timezone = 'Africa/Johannesburg';
SELECT t.changed('UPDATE t.every SET note = NULL WHERE id = 1');
SELECT t.changed('UPDATE t.every SET big = repeat(''x'', 10000) WHERE id = 1');
SELECT t.changed('UPDATE t.every SET "updatedAt" = ''2021-01-01'' WHERE id = 1');
SELECT t.changed('UPDATE t.every SET "updatedAt" = NULL WHERE id = 1') IS NULL AS wished;
SELECT t.changed('UPDATE t.every SET note = ''x'' WHERE id = 1');
SELECT t.changed('UPDATE t.every SET big = repeat(''y'', 10000) WHERE id = 1');
-- Never backwards: a time ahead of the server's stays.
SELECT t.changed('UPDATE t.every SET note = ''y'' WHERE id = 1', '2999-01-01 00:00+00');
SELECT t.changed('UPDATE t.every SET note = ''z'' WHERE id = 1', 'infinity');
SELECT t.changed('UPDATE t.every SET note = ''zz'', "updatedAt" = ''-infinity'' WHERE id = 1', '2999-01-01 00:00+00');
SELECT t.changed('UPDATE t.every SET note = ''zzz'' WHERE id = 1', NULL);
-- ON CONFLICT, MERGE
SELECT t.changed('INSERT INTO t.every (id, note) VALUES (1, ''c'') ON CONFLICT (id) DO UPDATE SET note = excluded.note');
SELECT t.changed('MERGE INTO t.every USING (VALUES (1, ''m'')) v (id, n) ON every.id = v.id WHEN MATCHED THEN UPDATE SET note = n');
-- timestamp holds UTC, in the precision it has.
CREATE TABLE t.precise (id int, p0 timestamp(0), "updatedAt" timestamp);
CREATE TRIGGER p0 BEFORE UPDATE ON t.precise FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('p0');
SELECT * FROM dcx_attach_updated_at('t.precise');
CREATE TABLE t.named (id int, "updatedAt" timestamp);
CREATE TRIGGER own BEFORE UPDATE ON t.named FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('updatedAt');
SELECT * FROM dcx_attach_updated_at('t.named');
INSERT INTO t.precise VALUES (1);
BEGIN;
UPDATE t.precise SET id = 2;
SELECT p0 = (now() AT TIME ZONE 'UTC')::timestamp(0) AS p0, "updatedAt" = now() AT TIME ZONE 'UTC' AS updated_at FROM t.precise;
COMMIT;
RESET timezone;

-- Last among the triggers that fire before an update, whatever the others are called.
CREATE TABLE t.late (id int, "updatedAt" timestamptz);
CREATE FUNCTION t.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := coalesce(OLD.id, 0) + 1; RETURN NEW; END$$;
CREATE TRIGGER zzzz BEFORE UPDATE ON t.late FOR EACH ROW EXECUTE FUNCTION t.touch();
SELECT * FROM dcx_attach_updated_at('t.late');
INSERT INTO t.late VALUES (1, '2020-01-01');
UPDATE t.late SET id = id;
SELECT id, "updatedAt" > '2020-01-02' AS moved FROM t.late;
CREATE TRIGGER "~" BEFORE UPDATE ON t.late FOR EACH ROW EXECUTE FUNCTION t.touch();
SELECT * FROM dcx_attach_updated_at('t.late');
ALTER TABLE t.late DISABLE TRIGGER USER;
SELECT * FROM dcx_attach_updated_at('t.late');

-- Known by its function, whatever it is called; one that does not fire for every update keeps nothing, and may have the name.
CREATE TABLE t.other (id int, "updatedAt" timestamptz);
SELECT * FROM dcx_attach_updated_at('t.other');
ALTER TRIGGER zzz_dcx_updated_at ON t.other RENAME TO own;
SELECT * FROM dcx_attach_updated_at('t.other');
CREATE TRIGGER off BEFORE UPDATE ON t.other FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
ALTER TABLE t.other DISABLE TRIGGER own;
SELECT * FROM dcx_attach_updated_at('t.other');
DROP TRIGGER own ON t.other;
DROP TRIGGER off ON t.other;
CREATE TRIGGER zzz_dcx_updated_at BEFORE UPDATE OF id ON t.other FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
CREATE TRIGGER zzzz_dcx_updated_at BEFORE UPDATE ON t.other FOR EACH ROW WHEN (false) EXECUTE FUNCTION dcx_set_updated_at();
SELECT * FROM dcx_attach_updated_at('t.other');
SELECT tgname FROM pg_trigger WHERE tgrelid = 't.other'::regclass ORDER BY 1;

-- Partitioned tables: the parent's trigger is the partitions'. Its name has the OID of the table, which is shown by its name.
CREATE FUNCTION t.shown(name text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN name ~ '_at_[0-9]+' THEN
        regexp_replace(name, '_at_[0-9]+', '_at_(' || substring(name, '_at_([0-9]+)')::oid::regclass || ')', 'g') ELSE name END $$;
CREATE FUNCTION t.mend(objects text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    fix text;
BEGIN
    FOREACH fix IN ARRAY ARRAY(SELECT f.fix FROM dcx_check('updated_at') f WHERE f.object ~ objects) LOOP
        RETURN NEXT t.shown(fix);
        EXECUTE fix;
    END LOOP;
END $$;
CREATE TABLE t.parted (id int, note text, "updatedAt" timestamptz(3)) PARTITION BY RANGE (id);
CREATE TABLE t.parted_low PARTITION OF t.parted FOR VALUES FROM (0) TO (10);
CREATE TABLE t.parted_high ("updatedAt" timestamptz(3), note text, id int);
ALTER TABLE t.parted ATTACH PARTITION t.parted_high FOR VALUES FROM (10) TO (20);
SELECT relation, t.shown(trigger) AS trigger, note FROM dcx_attach_updated_at('t') WHERE note = 'created';
INSERT INTO t.parted VALUES (1, 'a', '2020-01-01'), (11, 'b', '2020-01-01'), (2, 'moves', '2020-01-01'), (3, 'c', '2020-01-01');
UPDATE t.parted SET note = note || 'x' WHERE id IN (1, 11);
UPDATE t.parted SET id = 12 WHERE id = 2;
SELECT tableoid::regclass, id, note, "updatedAt" > '2020-01-02' AS moved FROM t.parted ORDER BY id;

-- A partition that was detached gets a trigger of its own, and can be attached again; in any order, and at any depth.
CREATE TABLE t.standalone (LIKE t.parted);
SELECT relation, trigger, note FROM dcx_attach_updated_at('t.standalone');
ALTER TABLE t.parted ATTACH PARTITION t.standalone FOR VALUES FROM (20) TO (30);
ALTER TABLE t.parted DETACH PARTITION t.parted_low;
SELECT object, problem FROM dcx_check('updated_at') WHERE object LIKE 't.parted%';
SELECT fix FROM dcx_check('updated_at') WHERE object = 't.parted_low' \gexec
ALTER TABLE t.parted ATTACH PARTITION t.parted_low FOR VALUES FROM (0) TO (10);
SELECT relation, t.shown(trigger) AS trigger, note FROM dcx_attach_updated_at('t.parted_low')
UNION ALL SELECT relation, t.shown(trigger), note FROM dcx_attach_updated_at('t.parted');
SELECT t.shown(tgname) AS tgname FROM pg_trigger WHERE tgrelid = 't.parted_low'::regclass ORDER BY 1;
-- Two of ours on one table are as one.
BEGIN;
UPDATE t.parted SET "updatedAt" = '2020-01-01';
UPDATE t.parted SET note = note || 'y' WHERE id = 1;
UPDATE t.parted SET note = note WHERE id = 11;
SELECT id, "updatedAt" = now()::timestamptz(3) AS now, "updatedAt" = '2020-01-01' AS kept FROM t.parted WHERE id IN (1, 11) ORDER BY id;
-- In a partition whose columns are in another order, too.
UPDATE t.parted SET id = 12 WHERE id = 11;
SELECT tableoid::regclass, "updatedAt" = now()::timestamptz(3) AS now FROM t.parted WHERE id = 12 AND note LIKE 'b%';
UPDATE t.parted SET "updatedAt" = '2021-01-01' WHERE id = 1;
SELECT "updatedAt" = '2021-01-01' AS wished FROM t.parted WHERE id = 1;
ROLLBACK;
SELECT object, problem FROM dcx_check('updated_at') WHERE object LIKE 't.%';
-- The partitions' schema before the parent's; partitions that are partitioned; what was partitioned before it became a partition.
CREATE SCHEMA other;
CREATE TABLE t.tree (id int, n int, "updatedAt" timestamp(3)) PARTITION BY RANGE (id);
CREATE TABLE other.branch PARTITION OF t.tree FOR VALUES FROM (0) TO (10) PARTITION BY LIST (n);
CREATE TABLE other.leaf PARTITION OF other.branch DEFAULT;
CREATE TABLE other.twig (LIKE t.tree) PARTITION BY LIST (n);
CREATE TABLE other.twig_leaf PARTITION OF other.twig DEFAULT;
CREATE TRIGGER zzzzz BEFORE UPDATE ON other.leaf FOR EACH ROW EXECUTE FUNCTION t.touch();
SELECT relation, t.shown(trigger) AS trigger, note FROM dcx_attach_updated_at('other');
SELECT relation, t.shown(trigger) AS trigger, note FROM dcx_attach_updated_at('other.leaf');
SELECT relation, t.shown(trigger) AS trigger, note FROM dcx_attach_updated_at('t.tree');
ALTER TABLE t.tree ATTACH PARTITION other.twig FOR VALUES FROM (10) TO (20);
SELECT relation, t.shown(trigger) AS trigger, note FROM dcx_attach_updated_at('other')
UNION ALL SELECT relation, t.shown(trigger), note FROM dcx_attach_updated_at('t.tree');
SELECT t.tgrelid::regclass, t.shown(t.tgname) COLLATE "C" AS tgname, p.tgrelid::regclass AS parent FROM pg_trigger t LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
 WHERE t.tgrelid IN (SELECT relid FROM pg_partition_tree('t.tree')) ORDER BY t.tgrelid::regclass::text COLLATE "C", 2;
ALTER TABLE t.tree DETACH PARTITION other.branch;
ALTER TABLE other.branch DETACH PARTITION other.leaf;
SELECT relation, note FROM dcx_attach_updated_at('other');
ALTER TABLE other.branch ATTACH PARTITION other.leaf DEFAULT;
ALTER TABLE t.tree ATTACH PARTITION other.branch FOR VALUES FROM (0) TO (10);
CREATE TABLE other.late PARTITION OF t.tree FOR VALUES FROM (20) TO (30);
INSERT INTO t.tree VALUES (1, 1, '2020-01-01'), (11, 1, '2020-01-01'), (21, 1, '2020-01-01');
BEGIN;
UPDATE t.tree SET n = n + 1;
SELECT tableoid::regclass, "updatedAt" = (now() AT TIME ZONE 'UTC')::timestamp(3) AS now FROM t.tree ORDER BY tableoid::regclass::text COLLATE "C";
ROLLBACK;
-- A parent whose trigger is disabled, and a partition whose trigger is.
ALTER TABLE t.tree DISABLE TRIGGER ALL;
SELECT relation, note FROM dcx_attach_updated_at('t.tree');
SELECT object, problem, t.shown(detail) AS detail FROM dcx_check('updated_at') WHERE object ~ '^(t.tree|other.)';
SELECT t.mend('^(t.tree|other.)');
ALTER TABLE other.late DISABLE TRIGGER ALL;
SELECT object, problem, t.shown(detail) AS detail FROM dcx_check('updated_at') WHERE object ~ '^(t.tree|other.)';
SELECT t.mend('^(t.tree|other.)');
SELECT object, problem FROM dcx_check('updated_at') WHERE object ~ '^(t.tree|other.)';
-- As earlier versions named it: the check says so, and attaching gives it a name of its own.
CREATE TABLE t.old (id int, "updatedAt" timestamptz) PARTITION BY LIST (id);
CREATE TABLE t.old_one PARTITION OF t.old FOR VALUES IN (1);
CREATE TRIGGER zzzz_dcx_updated_at BEFORE UPDATE ON t.old FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
CREATE TABLE t.old_two (LIKE t.old);
CREATE TRIGGER zzzz_dcx_updated_at BEFORE UPDATE ON t.old_two FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
SELECT * FROM test.failure('ALTER TABLE t.old ATTACH PARTITION t.old_two FOR VALUES IN (2)');
SELECT * FROM dcx_check('updated_at') WHERE object = 't.old' \gx
SELECT replace(fix, '*', 'relation, t.shown(trigger) AS trigger, note') FROM dcx_check('updated_at') WHERE object = 't.old' \gexec
SELECT relation, note FROM dcx_attach_updated_at('t') WHERE relation LIKE 't.old%';
ALTER TABLE t.old ATTACH PARTITION t.old_two FOR VALUES IN (2);
SELECT tgrelid::regclass, t.shown(tgname) AS tgname FROM pg_trigger WHERE tgrelid::regclass::text LIKE 't.old%' ORDER BY tgrelid::regclass::text COLLATE "C", 2;
SELECT object, problem FROM dcx_check('updated_at') WHERE object ~ '^(t.old|other.)';
-- A name that you have given is yours.
DO $$BEGIN EXECUTE format('ALTER TRIGGER zzz_dcx_updated_at_%s ON t.parted RENAME TO mine', 't.parted'::regclass::oid); END$$;
SELECT trigger, note FROM dcx_attach_updated_at('t.parted');
-- One that has to fire last gets a name that no other trigger has, with the number that it has already or the OID.
CREATE TRIGGER zz BEFORE UPDATE ON t.parted FOR EACH ROW EXECUTE FUNCTION t.touch();
CREATE TRIGGER zzzz BEFORE UPDATE ON t.old FOR EACH ROW EXECUTE FUNCTION t.touch();
SELECT t.mend('^(t.old|t.parted)$');
SELECT object, problem FROM dcx_check('updated_at') WHERE object ~ '^(t.old|t.parted)$';
DROP TRIGGER zz ON t.parted;
DROP TRIGGER zzzz ON t.old;
-- A trigger that was restored may have the OID that another table has by now.
CREATE TABLE t.restored (id int, "updatedAt" timestamptz) PARTITION BY LIST (id);
CREATE TABLE t.another (LIKE t.restored) PARTITION BY LIST (id);
DO $$BEGIN EXECUTE format('CREATE TRIGGER zzz_dcx_updated_at_%s BEFORE UPDATE ON t.restored FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at()',
    't.another'::regclass::oid); END$$;
SELECT relation, t.shown(trigger) AS trigger, note FROM dcx_attach_updated_at('t') WHERE relation IN ('t.restored', 't.another');
ALTER TABLE t.another ATTACH PARTITION t.restored DEFAULT;
DROP SCHEMA other CASCADE;

-- What is computed from the row is neither a change of it, nor to be set.
CREATE TABLE t.computed (id int, n int GENERATED ALWAYS AS IDENTITY, made timestamp, "updatedAt" timestamp GENERATED ALWAYS AS (made) STORED);
SELECT * FROM dcx_attach_updated_at('t.computed');
SELECT * FROM dcx_check('updated_at') WHERE object = 't.computed' \gx
CREATE TRIGGER own BEFORE UPDATE ON t.computed FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
INSERT INTO t.computed VALUES (1);
SELECT * FROM test.failure('UPDATE t.computed SET id = 2') \gx
SELECT * FROM dcx_attach_updated_at('t.computed');
SELECT * FROM dcx_check('updated_at') WHERE object = 't.computed' \gx
SELECT fix FROM dcx_check('updated_at') WHERE object = 't.computed' \gexec
UPDATE t.computed SET id = 2;

-- An UPDATE that sets only this column is obeyed, whatever other triggers change in the row.
CREATE TABLE t.version (id int, version int DEFAULT 0, "updatedAt" timestamptz);
CREATE FUNCTION t.count() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.version := OLD.version + 1; RETURN NEW; END$$;
CREATE TRIGGER count BEFORE UPDATE ON t.version FOR EACH ROW EXECUTE FUNCTION t.count();
SELECT note FROM dcx_attach_updated_at('t.version');
INSERT INTO t.version VALUES (1, 0, '2999-01-01');
UPDATE t.version SET id = 2;
SELECT id, version, "updatedAt" > '2998-01-01' AS kept FROM t.version;
UPDATE t.version SET "updatedAt" = '2020-01-01';
SELECT id, version, "updatedAt" = '2020-01-01' AS wished FROM t.version;
CREATE UNIQUE INDEX ON t.version (id);
INSERT INTO t.version VALUES (2) ON CONFLICT (id) DO UPDATE SET "updatedAt" = '2021-01-01';
SELECT id, version, "updatedAt" = '2021-01-01' AS wished FROM t.version;
MERGE INTO t.version USING (VALUES (2)) v (i) ON id = i WHEN MATCHED THEN UPDATE SET "updatedAt" = '2022-01-01';
SELECT id, version, "updatedAt" = '2022-01-01' AS wished FROM t.version;
UPDATE t.version SET "updatedAt" = '2020-01-01', id = id;
SELECT id, version, "updatedAt" > '2020-01-02' AS moved FROM t.version;

-- Rows of the future: how many, the latest, and what mends them although the trigger never sets an earlier time.
CREATE TABLE t."Future" (id int, n int, "updatedAt" timestamp(3));
CREATE TABLE t.zoned (id int, n int, "updatedAt" timestamptz);
CREATE TABLE t.forever (id int, "updatedAt" timestamp);
CREATE TABLE t.parts (id int, "updatedAt" timestamptz(0)) PARTITION BY LIST (id);
CREATE TABLE t.parts1 PARTITION OF t.parts FOR VALUES IN (1);
CREATE TABLE t.parts2 PARTITION OF t.parts FOR VALUES IN (2);
CREATE TRIGGER count BEFORE UPDATE ON t.zoned FOR EACH ROW EXECUTE FUNCTION t.touch();
SELECT DISTINCT note FROM dcx_attach_updated_at('t') WHERE note NOT LIKE 'already%' AND note NOT LIKE 'skipped%';
INSERT INTO t."Future" VALUES (1, 1, '2999-01-01'), (2, 1, '2998-01-01 12:30:00.5'), (3, 1, '2020-01-01'), (4, 1, NULL), (5, 1, now() AT TIME ZONE 'UTC' + interval '30 s');
INSERT INTO t.zoned VALUES (1, 1, '2999-01-01 02:00:00.123456+02'), (2, 1, now()), (3, 1, '-infinity');
INSERT INTO t.forever VALUES (1, 'infinity'), (2, '2998-01-01');
INSERT INTO t.parts VALUES (1, '2998-01-01 00:00+00'), (2, '2998-01-02 00:00+00'), (2, '2020-01-01');
SET timezone = 'Africa/Johannesburg';
SET datestyle = 'SQL, DMY';
SELECT severity, object, problem, detail, fix FROM dcx_check('updated_at') WHERE problem LIKE 'rows%' AND object LIKE 't.%' \gx
RESET datestyle;
UPDATE t.zoned SET n = 2;
SELECT id, "updatedAt" > now() + interval '1 minute' AS ahead FROM t.zoned ORDER BY id;
SELECT fix FROM dcx_check('updated_at') WHERE problem LIKE 'rows%' AND object LIKE 't.%' \gexec
SELECT severity, object, problem, detail, fix FROM dcx_check('updated_at') WHERE problem LIKE 'rows%' AND object LIKE 't.%' \gx
SELECT id, now() AT TIME ZONE 'UTC' - "updatedAt" BETWEEN '-1 s' AND '1 min' AS now FROM t."Future" ORDER BY id;
SELECT id, now() - "updatedAt" BETWEEN '-1 s' AND '1 min' AS now FROM t.zoned ORDER BY id;
-- Of a role that may not use the schema: no error. Row-level security hides nothing.
CREATE ROLE regress_dcx_user;
CREATE TABLE t.theirs (id int, "updatedAt" timestamptz);
ALTER TABLE t.theirs OWNER TO regress_dcx_user;
INSERT INTO t.theirs VALUES (1, '2999-01-01 00:00+00');
SELECT object, problem FROM dcx_check('updated_at') WHERE object = 't.theirs';
GRANT USAGE ON SCHEMA t TO regress_dcx_user;
ALTER TABLE t.theirs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT object, problem FROM dcx_check('updated_at') WHERE object = 't.theirs';
-- Its UPDATE would run their triggers: it is not for a superuser to run. The same of a partition.
SELECT severity, object, problem, detail, fix FROM dcx_check('updated_at') WHERE object = 't.theirs' AND problem LIKE 'rows%' \gx
INSERT INTO t.parts VALUES (1, '2999-01-01 00:00+00');
ALTER TABLE t.parts2 OWNER TO regress_dcx_user;
SELECT severity, object, problem, detail, fix FROM dcx_check('updated_at') WHERE object = 't.parts' \gx
SET ROLE regress_dcx_user;
UPDATE t.theirs SET "updatedAt" = CURRENT_TIMESTAMP WHERE "updatedAt" > CURRENT_TIMESTAMP;
RESET ROLE;
ALTER TABLE t.parts2 OWNER TO CURRENT_USER;
DELETE FROM t.parts;
DROP TABLE t.theirs;
REVOKE ALL ON SCHEMA t FROM regress_dcx_user;
DROP ROLE regress_dcx_user;
RESET timezone;

-- Wrong use.
CREATE TABLE t.wrong (id int, "updatedAt" date);
SELECT * FROM dcx_attach_updated_at('t.wrong');
INSERT INTO t.wrong VALUES (1, NULL);
CREATE TRIGGER w BEFORE UPDATE ON t.wrong FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
SELECT * FROM test.failure('UPDATE t.wrong SET id = 2') \gx
DROP TRIGGER w ON t.wrong;
CREATE TRIGGER w BEFORE UPDATE ON t.wrong FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('nothing');
SELECT * FROM test.failure('UPDATE t.wrong SET id = 2') \gx
DROP TRIGGER w ON t.wrong;
CREATE TRIGGER w BEFORE UPDATE ON t.wrong FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('a', 'b');
SELECT * FROM test.failure('UPDATE t.wrong SET id = 2') \gx
DROP TRIGGER w ON t.wrong;
CREATE TRIGGER w BEFORE INSERT ON t.wrong FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
SELECT * FROM test.failure('INSERT INTO t.wrong VALUES (3)') \gx
DROP TRIGGER w ON t.wrong;
CREATE TRIGGER w AFTER UPDATE ON t.wrong FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
SELECT * FROM test.failure('UPDATE t.wrong SET id = 2') \gx
DROP TRIGGER w ON t.wrong;
CREATE TRIGGER w BEFORE UPDATE ON t.wrong FOR EACH STATEMENT EXECUTE FUNCTION dcx_set_updated_at();
SELECT * FROM test.failure('UPDATE t.wrong SET id = 2') \gx
DROP TRIGGER w ON t.wrong;
SELECT * FROM test.failure('SELECT dcx_set_updated_at()');

-- The same in the other two databases.
\c regress_dcx_aas
SELECT relation, note FROM dcx_attach_updated_at();
BEGIN;
UPDATE products SET price = 79 WHERE code = 'CPU_1GHZ';
SELECT count(*) AS moved FROM products WHERE "updatedAt" = now()::timestamptz(3);
ROLLBACK;
\c regress_dcx_enetworks
SELECT relation, note FROM dcx_attach_updated_at();
BEGIN;
UPDATE providers SET active = NOT active;
SELECT count(*) AS moved FROM providers WHERE "updatedAt" = (now() AT TIME ZONE 'UTC')::timestamp(3);
ROLLBACK;

\c regress_dcx_main
SELECT state, message FROM test.failure('DROP EXTENSION dcx_pricing');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA t CASCADE;
DROP EXTENSION dcx_pricing CASCADE;
CREATE EXTENSION dcx_pricing;

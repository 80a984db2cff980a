-- An error shows only the beginning of a long argument.
\c regress_dcx_main
BEGIN;
CREATE SCHEMA shown;
CREATE TABLE shown.products (code text, title text, price numeric, cost numeric);
INSERT INTO shown.products VALUES ('RAM_GB', 'RAM', 37, 30), ('CPU_1GHZ', 'CPU', 78, 30), ('STORAGE_STANDARD', 'Storage', 1.8, 1),
    ('CPU_' || repeat('é', 5000), NULL, 1e100000, 0), ('CPU_' || repeat('É', 5000), NULL, 1, 2e100000), (repeat('b', 10240), NULL, -1e100000, 0),
    (repeat('c', 10240), NULL, NULL, 0), (repeat('d', 10240), NULL, 1, 0), (repeat('D', 10240), NULL, 1, 0), (repeat('loss', 2560), NULL, 1, 1e100000);
CREATE TABLE shown.terraform_vm_config (id text, name text, vcpus numeric, memory numeric, disk numeric);
INSERT INTO shown.terraform_vm_config VALUES (repeat('i', 10240), repeat('n', 10240), 1e100000, 1, 1), ('i1', repeat('same', 2560), 1, 1, 1),
    (repeat('j', 10240), repeat('same', 2560), 1, 1, 1), (repeat('k', 10240), repeat('half', 2560), 0.5, 1e100000, 1);
SELECT relation FROM dcx_attach_aas(NULL, 'shown');
CREATE SCHEMA shown_network;
CREATE TABLE shown_network.prices (code text, title text, provider text, active boolean, min_mbps numeric, max_mbps numeric, fixed_price numeric,
    price_per_mbps numeric, cost numeric);
INSERT INTO shown_network.prices VALUES (repeat('s', 10240), 's', repeat('p', 10240), true, 10, 1e100000, 1, 1, 1),
    ('off', 's', repeat('q', 10240), false, 10, 20, 1, 1, 1), ('empty', 's', 'P', true, 1e100000, 10, 1, 1, 1), ('bad', 's', 'P', true, 1e99, 1e100000, -1e100000, 1, 1),
    ('twice', 's', 'P', true, 1, 1e100000, 1, 1, 1), ('twice', 's', 'P', true, 2, 1e99999, 1, 1, 1), ('one', 's', 'p', true, 1, NULL, 1, 1, 1);
SELECT relation FROM dcx_attach_enetworks(NULL, 'shown_network', 'prices');
-- Each statement with 10 kB of x, 100,000 digits, and so on.
CREATE FUNCTION shown.failures(statements text[]) RETURNS TABLE (state text, cut boolean, short boolean, statement text) LANGUAGE sql AS $$
SELECT f.state, concat(f.message, f.detail, f.hint) LIKE '%... (% characters)%',
       greatest(length(f.message), length(f.detail), length(f.hint)) < 1500, regexp_replace(s, '\s+', ' ', 'g')
  FROM unnest(statements) WITH ORDINALITY v (s, n),
       LATERAL test.failure(replace(replace(s, ':long', quote_literal(repeat('x', 10240))), ':digits', '1' || repeat('0', 100000))) f ORDER BY n
$$;
-- An organisation that is a number or a uuid.
SAVEPOINT text;
CREATE TABLE shown.uuids (org uuid UNIQUE, balance numeric);
SELECT relation FROM dcx_attach_wallet('shown.uuids', 'org', 'balance');
SELECT * FROM shown.failures(ARRAY[$$SELECT dcx_wallet_balance(:long)$$, $$SELECT * FROM dcx_wallet_credit(:long, 1, 'k')$$]);
ROLLBACK TO text;
CREATE TABLE shown.wallets (org text UNIQUE, balance numeric);
INSERT INTO shown.wallets VALUES (repeat('w', 2000), 100), ('rich', 1e100000), ('poor', 1);
SELECT relation FROM dcx_attach_wallet('shown.wallets', 'org', 'balance');
SELECT count(*) AS held FROM dcx_wallet_hold('rich', 1e99999, repeat('k', 255));
SELECT * FROM shown.failures(ARRAY[
    $$SELECT dcx_product_cost(:long)$$, $$SELECT dcx_product_cost('RAM_GB', -:digits)$$, $$SELECT dcx_product_cost(repeat('b', 10240))$$,
    $$SELECT dcx_product_cost(repeat('c', 10240))$$, $$SELECT dcx_product_cost('d' || repeat('D', 10239))$$, $$SELECT dcx_product_cost(:long, 1, dcx_price_book())$$,
    $$SELECT dcx_vm_cost(:long, 1, 1, 'STANDARD', 1)$$, $$SELECT dcx_vm_cost('1GHZ', 1.5 + :digits, 1, 'STANDARD', 1)$$, $$SELECT dcx_vm_cost('1GHZ', 1, -:digits, 'STANDARD', 1)$$,
    $$SELECT dcx_vm_cost(repeat('é', 4999) || 'É', 1, 1, 'STANDARD', 1)$$, $$SELECT dcx_vm_cost('1GHZ', 1, 1, :long, 1)$$,
    $$SELECT dcx_product_cost('a', 1, jsonb_build_object('a', jsonb_build_object('price', :long)))$$,
    $$SELECT dcx_network_cost(:long, 1)$$, $$SELECT dcx_network_cost('one', -:digits)$$, $$SELECT dcx_network_cost(repeat('s', 10240), 1)$$,
    $$SELECT dcx_network_cost(repeat('s', 10240), :digits0)$$, $$SELECT dcx_network_cost('off', 15)$$, $$SELECT dcx_network_cost('empty', :digits)$$,
    $$SELECT dcx_network_cost('bad', 1e999)$$, $$SELECT dcx_network_cost('twice', 1e999)$$,
    $$SELECT dcx_product_cost(repeat('s', 10240), 1, dcx_price_book('enetworks'))$$, $$SELECT dcx_network_cost(repeat('b', 10240), 1, dcx_price_book('aas'))$$,
    $$SELECT * FROM dcx_network_offers(10, :long)$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object(:long, 1)))$$, $$SELECT * FROM dcx_order_quote(to_jsonb(:long::text))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('product', 'RAM_GB', 'quantity', :long)))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('product', 'RAM_GB', 'quantity', -:digits)))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('product', :digits)))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('product', :long)))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('network', jsonb_build_object('service', 'one', 'mbps', -:digits))))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('vm',
        jsonb_build_object('cpu_type', '1GHZ', 'cpus', 0.5 + :digits, 'ram_gb', :digits, 'storage_type', 'STANDARD', 'gb', :digits))))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('template', :long, 'cpu_type', '1GHZ', 'storage_type', 'STANDARD')))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('template', repeat('half', 2560), 'cpu_type', '1GHZ', 'storage_type', 'STANDARD')))$$,
    $$SELECT * FROM dcx_order_quote(jsonb_build_array(jsonb_build_object('template', repeat('same', 2560), 'cpu_type', '1GHZ', 'storage_type', 'STANDARD')))$$,
    $$SELECT dcx_wallet_balance(:long)$$, $$SELECT dcx_wallet_can_afford('poor', -:digits)$$, $$SELECT * FROM dcx_wallet_hold(repeat('w', 2000), :digits, 'k1')$$,
    $$SELECT * FROM dcx_wallet_debit('poor', :digits, 'k2')$$, $$SELECT * FROM dcx_wallet_hold('poor', -:digits, 'k3')$$, $$SELECT * FROM dcx_wallet_credit('poor', 1, :long)$$,
    $$SELECT * FROM dcx_wallet_hold('rich', :digits, repeat('k', 255))$$, $$SELECT * FROM dcx_wallet_hold('rich', 1e99999, repeat('k', 255), description => :long)$$,
    $$SELECT * FROM dcx_wallet_hold('rich', 1e99999, repeat('k', 255), details => jsonb_build_object(:long, :digits))$$,
    $$SELECT * FROM dcx_wallet_holds('poor', :long)$$, $$SELECT * FROM dcx_wallet_release(:long, 1)$$, $$SELECT * FROM dcx_vm_reserve('poor', '1GHZ', 1, 1, 'STANDARD', 1e9, 'k4', max_cost => 1e-100)$$,
    $$SELECT * FROM dcx_detach(:long)$$, $$SELECT dcx_price_book(:long)$$, $$SELECT * FROM dcx_check(:long)$$, $$SELECT * FROM dcx_attach_wallet(:long)$$,
    $$SELECT * FROM dcx_attach_wallet('shown.wallets', :long)$$, $$SELECT * FROM dcx_attach_aas(:long)$$, $$SELECT * FROM dcx_attach_aas(NULL, :long)$$,
    $$SELECT * FROM dcx_attach_enetworks(NULL, 'shown_network', :long)$$, $$SELECT * FROM dcx_attach_aas('host=' || :long || ' user=a password=a dbname=a')$$,
    $$SELECT * FROM dcx_attach_aas('postgresql://a:b@localhost/db', :long)$$, $$SELECT * FROM dcx_attach_updated_at(:long)$$]);
-- What is cut is no statement any more.
SELECT hint FROM test.failure($$SELECT * FROM dcx_wallet_debit(repeat('w', 2000), 1000, 'k5')$$);
SELECT left(message, 200) AS message, hint FROM test.failure(format('SELECT dcx_network_cost(%L, %s)', repeat('s', 10240), '2' || repeat('0', 100000)));
SELECT octet_length(message), message FROM test.failure($$SELECT dcx_product_cost(repeat('äx', 300))$$);
ROLLBACK;

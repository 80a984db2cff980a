-- What bandwidth costs: bands, offers, call shapes, errors. On the real services.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
\c regress_dcx_enetworks
SELECT jsonb_object_agg(code, jsonb_build_object('title', title, 'provider', name, 'active', active, 'bands', bands)) AS book
  FROM network_services s JOIN providers p ON p.id = s."providerId",
       LATERAL (SELECT jsonb_agg(jsonb_build_object('min_mbps', "minMbps", 'max_mbps', "maxMbps", 'fixed_price', "fixedPrice"::numeric,
                                                    'price_per_mbps', "pricePerMbps"::numeric)) AS bands
                  FROM bandwidth_prices WHERE "serviceId" = s.id) b \gset

-- The same as SQL computes: every service, at and around both ends of every band, whole and fractional.
CREATE TEMP TABLE expected AS
SELECT code, mbps, (SELECT "fixedPrice"::numeric + "pricePerMbps"::numeric * mbps FROM bandwidth_prices
                     WHERE "serviceId" = s.id AND mbps >= "minMbps" AND mbps < "maxMbps") AS cost
  FROM network_services s JOIN providers p ON p.id = s."providerId",
       (SELECT m + d FROM (SELECT "minMbps" FROM bandwidth_prices UNION SELECT "maxMbps" FROM bandwidth_prices UNION VALUES (7), (33), (333), (4321)) e (m),
                          (VALUES (-0.001), (0), (0.001), (0.5)) v (d)
         UNION SELECT generate_series(1, 120)) AS around (mbps)
 WHERE active;
SELECT count(*) AS priced, sum(e.cost), count(DISTINCT code) AS services, bool_and(e.cost = c.cost) AS same,
       bool_and(e.cost = f.cost) AS as_float8, bool_and(e.cost = q.sum) AS as_quoted
  FROM expected e, dcx_network_cost(code, mbps, :'book') c (cost), dcx_network_cost(code, mbps::float8, :'book') f (cost),
       LATERAL (SELECT sum(amount) FROM dcx_network_quote(code, mbps, :'book')) q
 WHERE e.cost IS NOT NULL;
-- The offers are exactly the services that have a price, at that price.
SELECT count(*) AS offers, count(o.cost) AS priced, count(o.note) AS notes, bool_and(o.cost IS NOT DISTINCT FROM e.cost) AS same,
       bool_and((o.cost IS NULL) = (o.note IS NOT NULL)) AS either
  FROM (SELECT DISTINCT mbps FROM expected) m CROSS JOIN dcx_network_offers(mbps, NULL, :'book') o
  FULL JOIN expected e ON e.code = o.service AND e.mbps = m.mbps WHERE o.provider <> 'Marulapoort Wireless';

\c regress_dcx_main
-- 1095 + 24.75 x 50
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 50, :'book');
SELECT * FROM dcx_network_quote('PV_FIBRE_BUSINESS', 50, :'book');
SELECT * FROM dcx_network_quote('kr_layer2_jhb_dbn', 0.125 + 200::numeric, :'book');
-- A band holds its own minimum, and not its maximum.
SELECT mbps, dcx_network_cost('PV_FIBRE_BUSINESS', mbps, :'book') FROM unnest('{1, 19.999, 20, 20.001, 99.999, 100, 999.999}'::numeric[]) mbps;
SELECT DISTINCT title FROM dcx_network_quote('PV_FIBRE_BUSINESS', 100, :'book');
-- Shown with two decimals, with more only where the value has more.
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 20.0000::numeric, :'book'), dcx_network_cost('PV_FIBRE_BUSINESS', 20.1::float8, :'book'),
       dcx_network_cost('KR_FIBRE_BUSINESS', 0.1 + 1.2::float8, :'book');

-- Every shape of call resolves and answers the same.
PREPARE untyped AS SELECT dcx_network_cost($1, $2, $3), o.cost FROM dcx_network_offers($2, $4, $3) o WHERE service = $1;
EXECUTE untyped ('PV_FIBRE_BUSINESS', 50, :'book', NULL);
PREPARE bigints (text, bigint, jsonb) AS SELECT dcx_network_cost($1, $2, $3), sum(amount) FROM dcx_network_quote($1, $2, $3);
EXECUTE bigints ('PV_FIBRE_BUSINESS', 50, :'book');
PREPARE numerics (text, numeric, jsonb) AS SELECT dcx_network_cost($1, $2, $3), sum(amount) FROM dcx_network_quote($1, $2, $3);
EXECUTE numerics ('PV_FIBRE_BUSINESS', 50, :'book');
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', '50', :'book'), dcx_network_cost('PV_FIBRE_BUSINESS'::varchar, 50::real, :'book'),
       dcx_network_cost(service => 'PV_FIBRE_BUSINESS', mbps => 50::smallint, book => :'book');
SELECT oid::regprocedure AS function, provolatile, proparallel FROM pg_proc WHERE proname LIKE 'dcx_network%' ORDER BY 1::text;

-- NULL in, NULL or no rows out; a provider of NULL is all of them.
SELECT dcx_network_cost(NULL, 50, :'book'), dcx_network_cost('PV_FIBRE_BUSINESS', NULL, :'book'), dcx_network_cost('PV_FIBRE_BUSINESS', 50, NULL);
SELECT count(*) FROM (SELECT FROM dcx_network_quote('PV_FIBRE_BUSINESS', 50, NULL) UNION ALL SELECT FROM dcx_network_quote(NULL, 50::numeric, :'book')
    UNION ALL SELECT FROM dcx_network_offers(NULL::numeric, NULL, :'book') UNION ALL SELECT FROM dcx_network_offers(NULL::float8, NULL, :'book')
    UNION ALL SELECT FROM dcx_network_offers(50::numeric, NULL, NULL) UNION ALL SELECT FROM dcx_network_offers(50, NULL, NULL)) n;

-- Who can serve it, the cheapest first, and why the others cannot.
SELECT * FROM dcx_network_offers(50, NULL, :'book');
SELECT * FROM dcx_network_offers(0.5, NULL, :'book');
SELECT * FROM dcx_network_offers(1000, 'Proteavale Fibre', :'book');
SELECT provider, service, cost FROM dcx_network_offers(15000::numeric, 'fynbosch networks', :'book');
SELECT count(*), count(cost), min(note) FROM dcx_network_offers(10, 'Marulapoort Wireless', :'book');

-- Refused.
SELECT f.* FROM unnest(ARRAY[
    $$dcx_network_cost('PV_FIBRE', 50, $1)$$,
    $$dcx_network_cost('', 50, $1)$$,
    $$dcx_network_cost('RAM_GB', 50, $1 || '{"RAM_GB": {"title": "RAM", "price": 37}}')$$,
    $$dcx_network_cost('PV_FIBRE', 50, '{"RAM_GB": {"title": "RAM", "price": 37}, "": {"bands": []}}')$$,
    $$dcx_network_cost('', 50, '{"RAM_GB": {"title": "RAM", "price": 37}, "": {"bands": []}}')$$,
    $$dcx_network_cost('PV_FIBRE_BUSINESS', 0, $1)$$,
    $$dcx_network_cost('PV_FIBRE_BUSINESS', -0.5::numeric, $1)$$,
    $$dcx_network_cost('PV_FIBRE_BUSINESS', 'NaN', $1)$$,
    $$dcx_network_cost('PV_FIBRE_BUSINESS', 'infinity'::numeric, $1)$$,
    $$dcx_network_quote('PV_FIBRE_BUSINESS', '-infinity'::float8, $1)$$,
    $$dcx_network_offers(0::numeric, NULL, $1)$$,
    $$dcx_network_offers('NaN'::float8, NULL, $1)$$,
    $$dcx_network_cost('PV_FIBRE_BUSINESS', 1000, $1)$$,
    $$dcx_network_cost('PV_FIBRE_BUSINESS', 0.5, $1)$$,
    $$dcx_network_quote('pv_fibre_business', 1e30::numeric, $1)$$,
    $$dcx_network_cost('MP_WIRELESS_RURAL', 50, $1)$$,
    $$dcx_network_offers(50, 'Proteavale', $1)$$,
    $$dcx_network_offers(50, '', $1)$$,
    $$dcx_network_offers(50, 'Proteavale', '{}')$$, $$dcx_network_cost('PV_FIBRE', 50, '{}')$$,
    $$dcx_product_cost('PV_FIBRE_BUSINESS', 1, $1)$$,
    $$dcx_product_cost('pv_fibre_business', 1, $1)$$,
    $$dcx_product_cost('NO_SUCH', 1, $1 || '{"RAM_GB": {"price": 37}}')$$,
    $$dcx_network_cost('PV_FIBRE_BUSINESS', 50, '[]')$$]) call,
    test.failure('SELECT ' || replace(call, '$1', quote_literal(:'book') || '::jsonb')) f \gx

-- A bad band spoils the bandwidths that it holds, and no others.
SELECT '{
    "GAP": {"title": "Gap", "provider": "a", "bands": [{"min_mbps": 200, "max_mbps": 500, "fixed_price": 3, "price_per_mbps": 1},
        {"min_mbps": 1, "max_mbps": 20, "fixed_price": 1, "price_per_mbps": 1}, {"min_mbps": 20, "max_mbps": 100.5, "fixed_price": 2, "price_per_mbps": 1}]},
    "OVERLAP": {"title": "Overlap", "provider": "a", "bands": [{"min_mbps": 1, "max_mbps": 100, "fixed_price": 1, "price_per_mbps": 1},
        {"min_mbps": 50, "max_mbps": 200, "fixed_price": 2, "price_per_mbps": 1}, {"min_mbps": 99, "fixed_price": 3, "price_per_mbps": 1}]},
    "TWIN": {"provider": "b", "bands": [{"min_mbps": 1, "max_mbps": 9, "fixed_price": 1, "price_per_mbps": 1}, {"min_mbps": 1, "max_mbps": 9, "fixed_price": 1, "price_per_mbps": 1}]},
    "ENDLESS": {"title": null, "provider": "b", "active": true, "bands": [{"min_mbps": 10, "max_mbps": null, "fixed_price": 0, "price_per_mbps": 0.001}]},
    "INFINITE": {"title": "Infinite", "provider": "b", "bands": [{"min_mbps": "-Infinity", "max_mbps": "Infinity", "fixed_price": 1, "price_per_mbps": 0}]},
    "NEVER": {"title": "Never", "provider": "a", "bands": []},
    "EMPTY": {"title": "Empty", "provider": "a", "bands": [{"min_mbps": 20, "max_mbps": 20, "fixed_price": 1, "price_per_mbps": 1}, {"min_mbps": 90, "max_mbps": 10, "fixed_price": 1, "price_per_mbps": 1}]},
    "NO_MINIMUM": {"title": "No minimum", "provider": "a", "bands": [{"max_mbps": 20, "fixed_price": 1, "price_per_mbps": 1}, {"min_mbps": 20, "max_mbps": 100, "fixed_price": 1, "price_per_mbps": 1}]},
    "NAN": {"title": "NaN", "provider": "a", "bands": [{"min_mbps": "NaN", "max_mbps": null, "fixed_price": 1, "price_per_mbps": 1}, {"min_mbps": 1, "max_mbps": "NaN", "fixed_price": 1, "price_per_mbps": 1}]},
    "PRICES": {"title": "Prices", "provider": "b", "bands": [{"min_mbps": 1, "max_mbps": 2, "price_per_mbps": 1}, {"min_mbps": 2, "max_mbps": 3, "fixed_price": "NaN", "price_per_mbps": 1},
        {"min_mbps": 3, "max_mbps": 4, "fixed_price": 1, "price_per_mbps": -0.5}, {"min_mbps": 4, "max_mbps": 5, "fixed_price": 1, "price_per_mbps": "Infinity"},
        {"min_mbps": 5, "max_mbps": 6, "fixed_price": 1, "price_per_mbps": null}, {"min_mbps": 6, "max_mbps": 7, "fixed_price": "7", "price_per_mbps": 1},
        {"min_mbps": 7, "max_mbps": 8, "fixed_price": 1, "price_per_mbps": [1]}, {"min_mbps": 8, "max_mbps": 9, "fixed_price": 1, "price_per_mbps": 1, "cost": "?"}]},
    "SHAPES": {"title": "Shapes", "provider": "b", "bands": [5, {"min_mbps": "1", "max_mbps": 100, "fixed_price": 1, "price_per_mbps": 1}, {"min_mbps": 1, "max_mbps": "many", "fixed_price": 1, "price_per_mbps": 1},
        {"min_mbps": 1, "max_mbps": 50, "fixed_price": 1, "price_per_mbps": 1}]},
    "BANDS": {"title": "Bands", "provider": "b", "bands": {"min_mbps": 1}}, "NO_BANDS": {"title": "No bands", "provider": "b", "bands": null}, "TEXT_BANDS": {"title": "Text bands", "provider": "b", "bands": "[]"},
    "ACTIVE": {"title": "Active", "provider": "b", "active": "yes", "bands": [{"min_mbps": 1, "max_mbps": 50, "fixed_price": 1, "price_per_mbps": 1}]},
    "INACTIVE": {"title": "Inactive", "provider": "c", "active": false, "bands": [{"min_mbps": 1, "max_mbps": 50, "fixed_price": 1, "price_per_mbps": 1}]},
    "NOBODY": {"title": "Nobody", "active": false, "bands": [{"min_mbps": 1, "max_mbps": 50, "fixed_price": 1, "price_per_mbps": 1}]},
    "ANYBODY": {"title": "Anybody", "provider": null, "bands": [{"min_mbps": 1, "max_mbps": 50, "fixed_price": 1, "price_per_mbps": 1}]},
    "TWICE": {"title": null, "provider": "b", "active": true, "bands": [], "rows": 2},
    "Case": {"title": "First", "provider": "B", "bands": [{"min_mbps": 1, "max_mbps": 50, "fixed_price": 1, "price_per_mbps": 1}]},
    "CASE": {"title": "Second", "provider": "C", "bands": [{"min_mbps": 1, "max_mbps": 50, "fixed_price": 2, "price_per_mbps": 1}]},
    "PRODUCT": {"title": "Product", "price": 5, "provider": "a"}
}' AS faulty \gset
SELECT service, mbps, f.state, f.message, f.detail
  FROM (VALUES ('GAP', 150), ('GAP', 100.5), ('GAP', 500), ('GAP', 0.1), ('OVERLAP', 0.5), ('OVERLAP', 75), ('OVERLAP', 99), ('OVERLAP', 150), ('TWIN', 1), ('ENDLESS', 9.99),
               ('NEVER', 50), ('EMPTY', 20), ('NO_MINIMUM', 10), ('NO_MINIMUM', 100), ('NAN', 5), ('PRICES', 1), ('PRICES', 2), ('PRICES', 3), ('PRICES', 4), ('PRICES', 5),
               ('PRICES', 6), ('PRICES', 7), ('SHAPES', 50), ('BANDS', 5), ('NO_BANDS', 5), ('TEXT_BANDS', 5), ('ACTIVE', 5), ('INACTIVE', 5), ('NOBODY', 5), ('TWICE', 5),
               ('case', 5), ('PRODUCT', 5)) v (service, mbps),
       test.failure(format('SELECT dcx_network_cost(%L, %s, %L)', service, mbps, :'faulty')) f \gx
SELECT service, mbps, dcx_network_cost(service, mbps, :'faulty')
  FROM (VALUES ('GAP', 20), ('GAP', 100.499), ('OVERLAP', 1), ('OVERLAP', 49.5), ('OVERLAP', 200), ('ENDLESS', 10), ('ENDLESS', 1e40), ('INFINITE', 1e-20), ('INFINITE', 7),
               ('NO_MINIMUM', 20), ('PRICES', 8), ('SHAPES', 5), ('ANYBODY', 5), ('Case', 5), ('CASE', 5)) v (service, mbps);
SELECT * FROM dcx_network_offers(20, NULL, :'faulty');
SELECT service, cost, note FROM dcx_network_offers(20::numeric, 'B', :'faulty');
SELECT f.* FROM unnest('{NONE,A,c,bB}'::text[]) provider, test.failure(format('SELECT dcx_network_offers(1, %L, %L)', provider,
    :'faulty'::jsonb || '{"X": {"provider": "Bb", "bands": []}, "Y": {"provider": "BB", "bands": []}}')) f;
-- In a book of both catalogs, products and services are both found.
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 50, merged), dcx_product_cost('RAM_GB', 2, merged) FROM (SELECT :'book'::jsonb || '{"RAM_GB": {"price": 37}}') b (merged);
-- Offers of equal cost are sorted by provider and code. A large number of offers is complete.
SELECT string_agg(provider || service, ' ') FROM dcx_network_offers(1, NULL, (SELECT jsonb_object_agg(s, jsonb_build_object('provider', p, 'bands', '[{"min_mbps": 1, "fixed_price": 1, "price_per_mbps": 1}]'::jsonb))
    FROM (VALUES ('s', 'p'), ('S', 'p'), ('R', 'Q'), ('a', 'P'), ('b', 'é'), ('c', NULL)) v (s, p)));
SELECT count(*), count(cost), sum(cost), bool_and(cost >= before) AS ordered
  FROM (SELECT cost, lag(cost, 1, 0) OVER () AS before FROM dcx_network_offers(10, NULL, (SELECT jsonb_object_agg('S' || i, jsonb_build_object('provider', 'P' || i % 7, 'bands',
      jsonb_build_array(jsonb_build_object('min_mbps', 1, 'max_mbps', 100, 'fixed_price', i * 7919 % 1000, 'price_per_mbps', 1)))) FROM generate_series(1, 1000) i))) o;

-- Ends may have decimals, and be beyond 32 and 64 bits. Bands in any order, with gaps, overlaps and none: what exactly one of them
-- holds has a price, as SQL computes it.
SELECT mbps, note, cost FROM unnest('{2, 2.5, 3, 7, 7.25, 2999999999, 3e9, 3000000000.5, 1e18, 1e20, 123456789012345678901}'::numeric[]) mbps, dcx_network_offers(mbps, NULL, '{"DECIMALS": {"bands": [
    {"min_mbps": 1.75, "max_mbps": 2.5, "fixed_price": 0, "price_per_mbps": 1}, {"min_mbps": 2.5, "max_mbps": 7.25, "fixed_price": 0, "price_per_mbps": 2},
    {"min_mbps": 3e9, "max_mbps": 1e18, "fixed_price": 0, "price_per_mbps": 3}, {"min_mbps": 1e18, "max_mbps": 1e20, "fixed_price": 0, "price_per_mbps": 4},
    {"min_mbps": 1e20, "fixed_price": 0, "price_per_mbps": 5}]}}');
CREATE TEMP TABLE band AS
SELECT 'S' || s AS service, low, low + width AS high, s * b * 1.25 AS fixed, b * 0.5 + 0.125 AS per_mbps
  FROM generate_series(1, 300) s, generate_series(1, 4) b, LATERAL (VALUES ((s * 7919 + b * 104729) % 41 / 4.0, nullif((s * 611953 + b * 15485863) % 37, 36) / 4.0)) v (low, width)
 WHERE b <= s % 5;
SELECT jsonb_object_agg(service, jsonb_build_object('bands', bands)) AS many
  FROM (SELECT service, jsonb_agg(jsonb_build_object('min_mbps', low, 'max_mbps', high, 'fixed_price', fixed, 'price_per_mbps', per_mbps)) AS bands FROM band GROUP BY service) b \gset
SELECT holding, count(*), count(cost) AS priced, bool_and(cost IS NOT DISTINCT FROM CASE WHEN holding = 1 THEN expected END) AS same,
       count(*) FILTER (WHERE note LIKE holding || ' of its bands hold it: %') AS overlaps, count(*) FILTER (WHERE note LIKE 'There is a gap between %') AS gaps,
       count(*) FILTER (WHERE note ~ '^Its bands go from |^Its only band is ') AS outside, count(*) FILTER (WHERE note ~ '^None of its bands') AS empty
  FROM unnest('{0.001, 0.25, 1, 1.5, 2, 3, 4.75, 5, 7, 8.125, 10, 12, 15, 18.75, 19, 40}'::numeric[]) mbps CROSS JOIN LATERAL dcx_network_offers(mbps, NULL, :'many') o
 CROSS JOIN LATERAL (SELECT count(*) AS holding, min(fixed + per_mbps * mbps) AS expected FROM band b WHERE b.service = o.service AND mbps >= low AND (mbps < high OR high IS NULL)) e
 GROUP BY holding ORDER BY holding;
DROP TABLE band;

-- Nothing overflows silently: beyond 64 bits it is numeric, beyond numeric an error.
SELECT dcx_network_cost('ENDLESS', 9007199254740993::numeric, :'faulty') = 9007199254740.993 AS exact,
       dcx_network_cost('ENDLESS', 1e300::float8, :'faulty') = 1e297 AS exact,
       dcx_network_cost('ENDLESS', 10.000000000000000000000000000001, :'faulty');
SELECT state, message FROM test.failure($$SELECT dcx_network_cost('A', ('9' || repeat('0', 131071))::numeric, '{"A": {"bands": [{"min_mbps": 1, "fixed_price": 1, "price_per_mbps": 99}]}}')$$);

-- The attached services answer as a book of them does.
SELECT state, message FROM test.failure($$SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 50)$$);
SELECT replace(replace(:'aas_url', 'regress_dcx_aas', 'regress_dcx_enetworks'), 'read%40aas%2F39%25', 'enetworks_secret') AS enetworks_url \gset
SELECT relation, rows FROM dcx_attach_enetworks(:'enetworks_url');
SELECT dcx_price_book('enetworks') = :'book'::jsonb AS same;
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 50), dcx_network_cost('pv_fibre_business', 20.001::numeric);
SELECT * FROM dcx_network_quote('PV_FIBRE_BUSINESS', 50);
SELECT * FROM dcx_network_quote('PV_FIBRE_BUSINESS', 0.5 + 50::numeric);
SELECT * FROM dcx_network_offers(250);
SELECT provider, service, cost FROM dcx_network_offers(250, 'kudu ridge carrier') WHERE cost IS NOT NULL;
SELECT count(*), bool_and(l = b) AS same FROM generate_series(1, 120, 7) mbps, LATERAL (
    SELECT (SELECT jsonb_agg(o) FROM dcx_network_offers(mbps + 0.5) o) AS l, (SELECT jsonb_agg(o) FROM dcx_network_offers(mbps + 0.5::numeric, NULL, :'book') o) AS b) v;
PREPARE live AS SELECT dcx_network_cost($1, $2), o.cost FROM dcx_network_offers($2, $3) o WHERE service = $1;
EXECUTE live ('PV_FIBRE_BUSINESS', 50, NULL);
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', NULL), dcx_network_cost(NULL, 50::numeric);
SELECT count(*) FROM (SELECT FROM dcx_network_quote(NULL, 50) UNION ALL SELECT FROM dcx_network_offers(NULL) UNION ALL SELECT FROM dcx_network_offers(NULL::numeric, 'nobody')) n;
SELECT f.* FROM unnest(ARRAY[$$dcx_network_cost('PV_FIBRE', 50)$$, $$dcx_network_cost('PV_FIBRE_BUSINESS', 1000)$$, $$dcx_network_quote('PV_FIBRE_BUSINESS', 0)$$,
    $$dcx_network_offers(-1)$$, $$dcx_network_offers(-1::numeric)$$, $$dcx_network_offers(50::numeric, 'Nobody')$$]) call, test.failure('SELECT ' || call) f \gx
-- Callers need no rights on the relations, and do not see what the provider asks.
CREATE ROLE regress_dcx_user;
GRANT USAGE ON SCHEMA public TO regress_dcx_user;
SET ROLE regress_dcx_user;
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 50), (SELECT count(cost) FROM dcx_network_offers(50)), dcx_price_book('enetworks')::text ~ 'cost' AS costs;
RESET ROLE;
REVOKE USAGE ON SCHEMA public FROM regress_dcx_user;
DROP ROLE regress_dcx_user;
SELECT count(*) FROM dcx_detach('enetworks');

-- What is wrong in the catalog gives the same errors and offers when its book is used.
BEGIN;
CREATE SCHEMA local;
CREATE TABLE local.prices (code text, title text, provider text, active boolean, min_mbps numeric, max_mbps float8, fixed_price float8, price_per_mbps numeric);
INSERT INTO local.prices VALUES ('GAP', 'Gap', 'a', true, 1, 20, 1, 1), ('GAP', 'Gap', 'a', true, 50, NULL, 1, 1), ('OVERLAP', 'Overlap', 'a', true, 1, 30, 1, 1), ('OVERLAP', 'Overlap', 'a', true, 20, 50, 1, 1),
    ('IDLE', 'Idle', 'b', false, 1, 100, 1, 1), ('NO_PRICE', 'No price', 'b', true, 1, 100, 'NaN', 1), ('NEGATIVE', 'Negative', 'b', true, 1, 100, 1, -1), ('NO_MINIMUM', NULL, 'b', true, NULL, 100, 1, 1),
    ('TWICE', 'First', 'c', true, 1, 20, 1, 1), ('TWICE', 'Second', 'c', true, 20, 100, 1, 1), ('SHARED', 'Same', 'c', true, 1, 100, 1, 1), ('SHARED', 'Same', 'd', false, 1, 100, 1, 1),
    ('NOBODY', 'Nobody', NULL, NULL, 1, 100, 1, 1), ('', 'No code', 'e', true, 1, 100, 1, 1), (NULL, 'None', 'e', true, 1, 100, 1, 1), ('GOOD', 'Good', 'e', true, 1, 'Infinity', 85.80000000000001, 0.5);
SELECT rows, note FROM dcx_attach_enetworks(NULL, 'local', 'prices');
SELECT code, service FROM jsonb_each(dcx_price_book('enetworks')) s (code, service) ORDER BY code COLLATE "C";
SELECT * FROM dcx_network_offers(25);
SELECT count(*), bool_and(l.provider IS NOT DISTINCT FROM b.provider AND l.service = b.service AND l.title = b.title AND l.cost IS NOT DISTINCT FROM b.cost
                          AND replace(l.note, 'catalog', 'book') IS NOT DISTINCT FROM b.note) AS same
  FROM dcx_network_offers(25) WITH ORDINALITY AS l JOIN dcx_network_offers(25, NULL, dcx_price_book('enetworks')) WITH ORDINALITY AS b USING (ordinality);
SELECT count(*), bool_and(live.state = booked.state AND live.message = booked.message AND live.detail = replace(booked.detail, 'book', 'catalog') AND live.hint = replace(booked.hint, 'book', 'catalog')) AS same
  FROM unnest('{GAP,OVERLAP,IDLE,NO_PRICE,NEGATIVE,NO_MINIMUM,TWICE,SHARED,NOBODY,NONE}'::text[]) code,
       test.failure(format('SELECT dcx_network_cost(%L, 25)', code)) live,
       test.failure(format('SELECT dcx_network_cost(%L, 25, dcx_price_book(''enetworks''))', code)) booked;
SELECT state, message, detail FROM test.failure($$SELECT dcx_network_cost('TWICE', 25)$$);
SELECT detail FROM test.failure($$SELECT dcx_network_cost('', 25)$$);
ROLLBACK;

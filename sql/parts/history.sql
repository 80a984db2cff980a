-- history: price books that are kept, found again, and compared

CREATE FUNCTION @extschema@.dcx_price_book_save(catalog text DEFAULT 'aas')
RETURNS TABLE(book_id bigint, read_at timestamptz, changed boolean, products integer)
AS 'MODULE_PATHNAME', 'dcx_price_book_save' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_price_book_save(text) IS
'Reads the catalog and stores its prices, with the cost prices, in dcx.price_book.
If anything has changed, that is a new row. Otherwise the newest row is marked as seen again. Attaching a catalog
saves its first book.
Arguments:
  catalog: ''aas'' for the products, ''enetworks'' for the network services.
Returns: one row.
  book_id: the row of dcx.price_book.
  read_at: when the prices were last seen.
  changed: true if the row is new.
  products: how many products or network services it has.
NULL: if catalog is NULL, nothing is saved and there are no rows.
Errors:
  ZD007: that catalog is not attached.
  ZD008: it cannot be reached, or has no product at all. Nothing is saved.
  0A000: the transaction is REPEATABLE READ or SERIALIZABLE. Use READ COMMITTED.
  22023: there is no catalog of that name.
  25006: the transaction is read-only, or the server is a replica.
  55000: there is no table dcx.price_book. Attach the catalog again.
Rights: as dcx_vm_cost.';
REVOKE ALL ON FUNCTION @extschema@.dcx_price_book_save(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_price_book_at(at timestamptz, catalog text DEFAULT 'aas')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'dcx_price_book_at' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION @extschema@.dcx_price_book_at(timestamptz, text) IS
'The saved price book that was in force at a time, in the form of dcx_price_book.
If the prices changed between two saves, it is unknown when. For a time in between, the result is the earlier book, with
a warning.
Arguments:
  at: the time.
  catalog: ''aas'' for the products, ''enetworks'' for the network services.
Returns: a JSON object.
NULL: if any argument is NULL, the result is NULL.
Errors:
  P0002: no book was saved before that time.
  22023: there is no catalog of that name.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_price_history(
    code text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, catalog text DEFAULT 'aas')
RETURNS TABLE(
    code text, title text, price numeric, min_mbps numeric, max_mbps numeric, price_per_mbps numeric,
    first_seen_at timestamptz, last_seen_at timestamptz, replaced_at timestamptz)
AS 'MODULE_PATHNAME', 'dcx_price_history' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100;
COMMENT ON FUNCTION @extschema@.dcx_price_history(text, timestamptz, timestamptz, text) IS
'Which price a product had, and from when until when, by the saved price books.
A period is a row for as long as the price stays the same: for a product its price, for a band of a network service its
fixed price and its price per Mbps. A product that disappears and comes back has two periods. A change of the title
begins no period. It reads all saved books of the catalog.
Arguments:
  code: the code of a product or network service, as in dcx_product_cost. NULL: all of them.
  since: periods that last until after this time. NULL: since the first saved book.
  until: periods that begin before this time. NULL: until now.
  catalog: ''aas'' for the products, ''enetworks'' for the network services.
Returns: one row per period, in the order of the codes, bands and times. No rows: no saved book has the code.
  code: the code, as the books have it.
  title: the title, as it was last in this period.
  price: the price, in rand. For a band: its fixed price. NULL if it was no number, or if several products had the code.
  min_mbps: where the band begins. NULL for a product.
  max_mbps: where the band ends. NULL for a product, and if the band has no end.
  price_per_mbps: the price per Mbps of the band, in rand. NULL for a product.
  first_seen_at: when this price was first seen in the catalog.
  last_seen_at: when it was last seen.
  replaced_at: when another price, or none, was first seen. NULL: it is in the newest book. If it is later than
    last_seen_at, the price changed at an unknown time between the two; dcx_price_book_at goes by replaced_at.
NULL: if catalog is NULL, there are no rows.
Errors:
  22023: there is no catalog of that name.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_price_book_diff(before jsonb, after jsonb)
RETURNS TABLE(code text, title text, change text, before numeric, after numeric, percent numeric)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH product AS (
        SELECT is_old, key, value ->> 'title' AS title,
               CASE WHEN jsonb_typeof(value -> 'price') = 'number'
                      OR value ->> 'price' IN ('NaN', 'Infinity', '-Infinity')
                    THEN (value ->> 'price')::numeric END AS price,
               value ->> 'provider' AS provider,
               CASE WHEN value ? 'bands' THEN value -> 'active' IS DISTINCT FROM 'false' END AS active,
               CASE jsonb_typeof(value -> 'bands') WHEN 'array' THEN value -> 'bands' END AS bands
          FROM (VALUES (true, $1), (false, $2)) AS v (is_old, book) CROSS JOIN jsonb_each(book)),
    -- The prices of bands, for services whose bands differ at all. Several bands with the same ends are paired by price.
    rate AS (
        SELECT is_old, key, part, low, high, r.price,
               row_number() OVER (PARTITION BY is_old, key, part, low, high ORDER BY r.price) AS nth,
               coalesce(title, key) || ', ' || coalesce(low #>> '{}', '?')
                   || coalesce(' to ' || (high #>> '{}') || ' Mbps: ', ' Mbps and more: ') || part AS title
          FROM product AS this
         CROSS JOIN jsonb_array_elements(bands) AS band
         CROSS JOIN LATERAL (
                SELECT part, coalesce(band -> 'min_mbps', 'null'), coalesce(band -> 'max_mbps', 'null'),
                       CASE WHEN jsonb_typeof(band -> name) = 'number' OR band ->> name IN ('NaN', 'Infinity', '-Infinity')
                            THEN (band ->> name)::numeric END
                  FROM (VALUES ('fixed', 'fixed_price'), ('per Mbps', 'price_per_mbps')) AS v (part, name)
              ) AS r (part, low, high, price)
         WHERE this.bands IS NOT NULL
           AND NOT EXISTS (SELECT FROM product AS other
                            WHERE other.key = this.key AND other.bands = this.bands AND other.is_old <> this.is_old))
    SELECT key COLLATE "C", d.title, d.change, d.before, d.after,
           CASE WHEN d.before <> 0 AND abs(d.before) < 'Infinity' AND abs(d.after) < 'Infinity'
                THEN round(100 * (d.after - d.before) / d.before, 2) END
      FROM (SELECT key, '' AS part, 'null'::jsonb AS low, 'null'::jsonb AS high, c.*
              FROM (SELECT * FROM product WHERE is_old) AS old
              FULL JOIN (SELECT * FROM product WHERE NOT is_old) AS new USING (key)
             CROSS JOIN LATERAL (
                    SELECT 'added', new.title, NULL, new.price WHERE old.is_old IS NULL
                    UNION ALL
                    SELECT 'removed', old.title, old.price, NULL WHERE new.is_old IS NULL
                    UNION ALL
                    SELECT 'price', coalesce(new.title, old.title), old.price, new.price
                     WHERE old.is_old AND NOT new.is_old AND old.price IS DISTINCT FROM new.price
                    UNION ALL
                    SELECT 'title', coalesce(new.title, old.title), NULL, NULL
                     WHERE old.is_old AND NOT new.is_old AND old.title IS DISTINCT FROM new.title
                    UNION ALL
                    SELECT 'provider', coalesce(new.title, old.title, key) || ': ' || coalesce(new.provider, 'none'), NULL, NULL
                     WHERE old.is_old AND NOT new.is_old AND old.provider IS DISTINCT FROM new.provider
                    UNION ALL
                    SELECT 'active', coalesce(new.title, old.title, key) || CASE WHEN new.active THEN ': active' ELSE ': inactive' END, NULL, NULL
                     WHERE old.is_old AND NOT new.is_old AND old.active <> new.active
                  ) AS c (change, title, before, after)
            UNION ALL
            SELECT key, part, low, high,
                   CASE WHEN old.is_old IS NULL THEN 'added' WHEN new.is_old IS NULL THEN 'removed' ELSE 'price' END,
                   coalesce(new.title, old.title), old.price, new.price
              FROM (SELECT * FROM rate WHERE is_old) AS old
              FULL JOIN (SELECT * FROM rate WHERE NOT is_old) AS new USING (key, part, low, high, nth)
             WHERE old.is_old IS NULL OR new.is_old IS NULL OR old.price IS DISTINCT FROM new.price
           ) AS d (key, part, low, high, change, title, before, after)
     ORDER BY 1, part <> '', low, nullif(high, 'null'), part, 3, 4, 5;
END;
COMMENT ON FUNCTION @extschema@.dcx_price_book_diff(jsonb, jsonb) IS
'What differs between two price books. No rows: prices and titles are the same.
Arguments:
  before: a price book.
  after: another one, of the same catalog.
Returns: one row per difference, in the order of the codes.
  code: the code of the product or network service.
  title: its title. For a change of provider or active, also the new value. For a band, also which band, and which of
    its prices.
  change: added, removed, price or title. For a network service also provider or active.
  before: the price before, in rand. NULL if there was none.
  after: the price after, in rand. NULL if there is none.
  percent: by how much the price rose, rounded to two decimals. NULL if the price before is 0 or missing.
NULL: if any argument is NULL, there are no rows.';


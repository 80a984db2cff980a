-- history: price books that are kept, found again, and compared

CREATE FUNCTION @extschema@.dcx_price_book_save(catalog text DEFAULT 'aas')
RETURNS TABLE(book_id bigint, read_at timestamptz, changed boolean, products integer)
AS 'MODULE_PATHNAME', 'dcx_price_book_save' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_price_book_save(text) IS
'Reads the catalog and stores its price book, with costs, in dcx.price_book: a new row where anything has changed (changed true), else the newest row was seen once more. A catalog that cannot be reached or has no product is ZD008, and nothing is saved. Under READ COMMITTED only. NULL in, no rows out';
REVOKE ALL ON FUNCTION @extschema@.dcx_price_book_save(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_price_book_at(at timestamptz, catalog text DEFAULT 'aas')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'dcx_price_book_at' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION @extschema@.dcx_price_book_at(timestamptz, text) IS
'The saved price book that was in force at a time, as dcx_price_book has it, without costs. Between one book''s last sight and the next one''s first it is the earlier, with a warning. P0002: no book is saved from before that time. NULL in, NULL out';

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
    -- Where anything about them differs. Of bands with the same ends, the cheapest is compared with the cheapest.
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
'What differs between two price books, by code. change: added, removed, price, title, or of a network service provider, active (what is new is shown); of its bands the title says which one, and whether it is the fixed price or that per Mbps. before, after: prices in rand, percent: by how much the price rose, to two decimals, NULL where that has no meaning. No rows: the same prices and titles. NULL in, no rows out';


-- history: price books that are kept, found again, and compared

CREATE FUNCTION dcx_price_book_save(catalog text DEFAULT 'aas')
RETURNS TABLE(book_id bigint, read_at timestamptz, changed boolean, products integer)
AS 'MODULE_PATHNAME', 'dcx_price_book_save' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION dcx_price_book_save(text) IS
'Reads the catalog and stores its price book, with costs, in dcx.price_book: a new row where anything has changed (changed true), else the newest row was seen once more. A catalog that cannot be reached or has no product is ZD008, and nothing is saved. Under READ COMMITTED only. NULL in, no rows out';
REVOKE ALL ON FUNCTION dcx_price_book_save(text) FROM PUBLIC;

CREATE FUNCTION dcx_price_book_at(at timestamptz, catalog text DEFAULT 'aas')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'dcx_price_book_at' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION dcx_price_book_at(timestamptz, text) IS
'The saved price book that was in force at a time, as dcx_price_book has it, without costs. Between one book''s last sight and the next one''s first it is the earlier, with a warning. P0002: no book is saved from before that time. NULL in, NULL out';

CREATE FUNCTION dcx_price_book_diff(before jsonb, after jsonb)
RETURNS TABLE(code text, title text, change text, before numeric, after numeric, percent numeric)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH product AS (
        SELECT is_old, key, value ->> 'title' AS title,
               CASE WHEN jsonb_typeof(value -> 'price') = 'number'
                      OR value ->> 'price' IN ('NaN', 'Infinity', '-Infinity')
                    THEN (value ->> 'price')::numeric END AS price
          FROM (VALUES (true, $1), (false, $2)) AS v (is_old, book) CROSS JOIN jsonb_each(book))
    SELECT key COLLATE "C", coalesce(new.title, old.title), c.change, c.before, c.after,
           CASE WHEN c.before <> 0 AND abs(c.before) < 'Infinity' AND abs(c.after) < 'Infinity'
                THEN round(100 * (c.after - c.before) / c.before, 2) END
      FROM (SELECT * FROM product WHERE is_old) AS old
      FULL JOIN (SELECT * FROM product WHERE NOT is_old) AS new USING (key)
     CROSS JOIN LATERAL (
            SELECT 'added', NULL, new.price WHERE old.is_old IS NULL
            UNION ALL
            SELECT 'removed', old.price, NULL WHERE new.is_old IS NULL
            UNION ALL
            SELECT 'price', old.price, new.price
             WHERE old.is_old IS NOT NULL AND new.is_old IS NOT NULL AND old.price IS DISTINCT FROM new.price
            UNION ALL
            SELECT 'title', NULL, NULL
             WHERE old.is_old IS NOT NULL AND new.is_old IS NOT NULL AND old.title IS DISTINCT FROM new.title
          ) AS c (change, before, after)
     ORDER BY 1, 3;
END;
COMMENT ON FUNCTION dcx_price_book_diff(jsonb, jsonb) IS
'What differs between two price books, by code. change: added, removed, price, or title (the new one is shown); before, after: prices in rand, percent: by how much the price rose, to two decimals, NULL where that has no meaning. No rows: the same prices and titles. NULL in, no rows out';


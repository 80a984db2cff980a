-- Wallets whose holds' time has passed when instructions are counted: what was held in the first 1,000 was captured, in
-- the next 1,000 it has expired.

\set ON_ERROR_STOP on

DO $$
BEGIN
    FOR org IN 1..1000 LOOP
        PERFORM dcx_wallet_capture(hold_id) FROM dcx_wallet_hold(org::text, 1, 'quiet', '5 seconds');
        PERFORM dcx_wallet_hold((1000 + org)::text, 1, 'expired', '5 seconds');
    END LOOP;
END $$;

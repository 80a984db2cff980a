-- A VM's cost the way it is written without the extension: three lookups. Both databases get the same
-- functions; aas.products is a local table in the one and a foreign table in the other.

-- Does what dcx_vm_cost does: the money is exact, and a code that is missing or there twice is an error.
CREATE FUNCTION plpgsql_cost(cpu_type text, cpus integer, ram_gb integer, storage_type text, gb integer)
RETURNS numeric LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    cpu_price numeric;
    ram_price numeric;
    storage_price numeric;
BEGIN
    SELECT price INTO STRICT cpu_price FROM aas.products WHERE code = 'CPU_' || cpu_type;
    SELECT price INTO STRICT ram_price FROM aas.products WHERE code = 'RAM_GB';
    SELECT price INTO STRICT storage_price FROM aas.products WHERE code = 'STORAGE_' || storage_type;
    RETURN cpu_price * cpus + ram_price * ram_gb + storage_price * gb;
END $$;

-- Quicker and careless: not exact, takes whichever row comes first, and is NULL where there is none.
CREATE FUNCTION plpgsql_careless(cpu_type text, cpus integer, ram_gb integer, storage_type text, gb integer)
RETURNS double precision LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    cpu_price double precision;
    ram_price double precision;
    storage_price double precision;
BEGIN
    SELECT price INTO cpu_price FROM aas.products WHERE code = 'CPU_' || cpu_type;
    SELECT price INTO ram_price FROM aas.products WHERE code = 'RAM_GB';
    SELECT price INTO storage_price FROM aas.products WHERE code = 'STORAGE_' || storage_type;
    RETURN cpu_price * cpus + ram_price * ram_gb + storage_price * gb;
END $$;

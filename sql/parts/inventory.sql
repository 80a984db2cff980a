-- inventory: what the VMs that there are cost

CREATE FUNCTION @extschema@.dcx_inventory_costs(cpu_type text, vms regclass DEFAULT NULL, book jsonb DEFAULT NULL)
RETURNS TABLE(
    uuid text, name text, vcenter text, resource_pool text, power_state text,
    cpus integer, ram_gb numeric, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_inventory_costs' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000;
COMMENT ON FUNCTION @extschema@.dcx_inventory_costs(text, regclass, jsonb) IS
'The VMs of the inventory that are current, priced for CPU and RAM, in rand per catalog period; it has no disks. vms: a relation with the columns of vcenter_vm_data_vms, which NULL means, read as the caller; 1024 MiB are a GB. book: NULL is the one that answers now. A VM that cannot be priced has a NULL cost, and note says why. NULL for cpu_type: no rows. Errors as dcx_vm_cost';

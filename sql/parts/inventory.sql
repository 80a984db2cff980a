-- inventory: what the VMs that there are cost

CREATE FUNCTION @extschema@.dcx_inventory_costs(cpu_type text, vms regclass DEFAULT NULL, book jsonb DEFAULT NULL)
RETURNS TABLE(
    uuid text, name text, vcenter text, resource_pool text, power_state text,
    cpus integer, ram_gb numeric, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_inventory_costs' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000;
COMMENT ON FUNCTION @extschema@.dcx_inventory_costs(text, regclass, jsonb) IS
'What the VMs of the inventory cost, for their vCPUs and their RAM. The inventory has no disks, so storage is not in
the cost.
Only VMs whose is_current is true are counted. 1024 MiB of memory are one GB.
Arguments:
  cpu_type: as of dcx_vm_cost. It is used for all VMs.
  vms: a table or view with the columns of vcenter_vm_data_vms. NULL: vcenter_vm_data_vms, on the search_path.
  book: a price book. NULL: the prices that are used now, as for dcx_vm_cost.
Returns: one row per VM, in no particular order.
  uuid: identity_instance_uuid of the inventory.
  name: identity_name.
  vcenter: vcenter_name.
  resource_pool: resource_pool_name.
  power_state: power_state.
  cpus: cpu_count. NULL if it is not a whole number.
  ram_gb: memory_size_mib / 1024.
  cost: rand per month, not rounded. NULL if the VM cannot be priced.
  note: why the VM cannot be priced. NULL if it can.
NULL: if cpu_type is NULL, there are no rows.
Errors: as dcx_vm_cost, and
  42P01: there is no such table or view.
  42703: it lacks a column.
  42804: cpu_count or memory_size_mib is not a number.
  42501: you may not read it.
Rights: you need SELECT on the inventory. A superuser reads it as its owner.';

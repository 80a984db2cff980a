/*
 * catalog.c
 *		The catalogs: which parts each has, and what is attached for them here.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "foreign/fdwapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/errcodes.h"
#include "src/base/text.h"
#include "src/catalog/catalog.h"

const DcxCatalog dcx_catalogs[DCX_CATALOGS] = {
	{DCX_AAS_NAME,
	 "AAS",
	 "catalog",
	 "product catalog",
	 "products",
	 3,
	 {{"products",
	   true,
	   false,
	   6,
	   3,
	   {{"code", false, true},
		{"title", false, false},
		{"price", true, true},
		{"cost", true, false},
		{"unit", true, false},
		{"categoryId", false, false}}},
	  {"categories", false, false, 2, 2, {{"id", false, true}, {"name", false, false}}},
	  {"terraform_vm_config",
	   false,
	   false,
	   7,
	   7,
	   {{"id", false, true},
		{"name", false, true},
		{"group", false, false},
		{"osType", false, false},
		{"vcpus", true, true},
		{"memory", true, true},
		{"disk", true, true}}}}},
	{DCX_ENETWORKS_NAME,
	 "E-Networks",
	 "network catalog",
	 "network catalog",
	 "services",
	 4,
	 {{"bandwidth_prices",
	   true,
	   false,
	   6,
	   5,
	   {{"serviceId", false, true},
		{"minMbps", true, true},
		{"maxMbps", true, true},
		{"fixedPrice", true, true},
		{"pricePerMbps", true, true},
		{"cost", true, false}}},
	  {"network_services",
	   true,
	   false,
	   4,
	   4,
	   {{"id", false, true},
		{"code", false, true},
		{"title", false, false},
		{"providerId", false, true}}},
	  {"providers",
	   true,
	   false,
	   3,
	   3,
	   {{"id", false, true}, {"name", false, true}, {"active", false, true}}},
	  {"prices",
	   true,
	   true,
	   9,
	   8,
	   {{"code", false, true},
		{"title", false, true},
		{"provider", false, true},
		{"active", false, true},
		{"min_mbps", true, true},
		{"max_mbps", true, true},
		{"fixed_price", true, true},
		{"price_per_mbps", true, true},
		{"cost", true, false}}}}},
};

static DcxBinding bindings[DCX_CATALOGS][DCX_CATALOG_MAX_PARTS];

DcxCatalogId
dcx_catalog_named(const text *name)
{
	char *catalog = text_to_cstring(name);

	for (int id = 0; id < DCX_CATALOGS; id++)
		if (strcmp(catalog, dcx_catalogs[id].name) == 0)
			return id;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("there is no catalog \"%s\"", dcx_text_shown(catalog)),
			errhint("The catalog of products is '%s', the one of network services '%s'.",
					dcx_catalogs[DCX_AAS].name,
					dcx_catalogs[DCX_ENETWORKS].name));
}

DcxRemote *
dcx_catalog_remote(DcxCatalogId id)
{
	static DcxRemote remotes[DCX_CATALOGS];

	remotes[id].name = dcx_catalogs[id].name;
	remotes[id].what = dcx_catalogs[id].what;
	return &remotes[id];
}

/* Whether two relations are foreign tables of one server. */
static bool
on_same_server(const DcxBinding *a, const DcxBinding *b)
{
	return a->attached && b->attached && get_rel_relkind(a->relation) == RELKIND_FOREIGN_TABLE &&
		   get_rel_relkind(b->relation) == RELKIND_FOREIGN_TABLE &&
		   GetForeignServerIdByRelId(a->relation) == GetForeignServerIdByRelId(b->relation);
}

static bool
share_server(DcxCatalogId a, DcxCatalogId b)
{
	for (int i = 0; i < DCX_CATALOG_MAX_PARTS; i++)
		for (int j = 0; j < DCX_CATALOG_MAX_PARTS; j++)
			if (on_same_server(&bindings[a][i], &bindings[b][j]))
				return true;
	return false;
}

bool
dcx_catalog_is_in_use(DcxCatalogId id)
{
	for (int other = 0; other < DCX_CATALOGS; other++)
		if (dcx_remote_is_in_use(dcx_catalog_remote(other)) &&
			(other == (int) id || share_server(other, id)))
			return true;
	return false;
}

bool
dcx_catalog_has_our_encoding(DcxCatalogId id, Oid relation)
{
	DcxBinding of = {.attached = true, .relation = relation};

	for (int part = 0; part < DCX_CATALOG_MAX_PARTS; part++)
		if (bindings[id][part].attached && bindings[id][part].encoding == GetDatabaseEncoding() &&
			on_same_server(&of, &bindings[id][part]))
			return true;
	return false;
}

const DcxBinding *
dcx_catalog_binding(DcxCatalogId id, int part)
{
	DcxBinding *binding = &bindings[id][part];

	if (unlikely(!binding->catalog))
	{
		binding->catalog = dcx_catalogs[id].name;
		binding->part = dcx_catalogs[id].parts[part].name;
	}
	dcx_binding_get(binding);
	return binding;
}

/* How attach is called to adopt what is in a schema. view: what stands for all tables there, or NULL. */
static char *
adopt_call(const DcxCatalog *catalog, const char *schema, const char *view)
{
	if (view)
		return psprintf("dcx_attach_%s(NULL, %s, %s)",
						catalog->name,
						quote_literal_cstr(schema),
						quote_literal_cstr(view));
	if (strcmp(schema, catalog->name) == 0)
		return psprintf("dcx_attach_%s()", catalog->name);
	return psprintf("dcx_attach_%s(NULL, %s)", catalog->name, quote_literal_cstr(schema));
}

/* How attach is called with a URL, for the same schema and view. */
static char *
url_call(const DcxCatalog *catalog, const char *url, const char *schema, const char *view)
{
	if (view)
		return psprintf("dcx_attach_%s('%s', %s, %s)",
						catalog->name,
						url,
						quote_literal_cstr(schema),
						quote_literal_cstr(view));
	if (strcmp(schema, catalog->name) == 0)
		return psprintf("dcx_attach_%s('%s')", catalog->name, url);
	return psprintf("dcx_attach_%s('%s', %s)", catalog->name, url, quote_literal_cstr(schema));
}

/* The schema in which a catalog is attached; if it is not, the one in which it is by default. */
static const char *
schema_of(DcxCatalogId id)
{
	const DcxBinding *binding = dcx_catalog_binding(id, dcx_catalog_price_part(id));
	char			 *schema = NULL;
	char			 *name;

	if (binding->attached)
		schema = get_namespace_name(get_rel_namespace(binding->relation));
	if (binding->attached && !schema)
		dcx_binding_place(binding->catalog, binding->part, &schema, &name);
	return schema ? schema : dcx_catalogs[id].name;
}

char *
dcx_catalog_attach_call(DcxCatalogId id)
{
	int				  part = dcx_catalog_price_part(id);
	const DcxBinding *binding = dcx_catalog_binding(id, part);
	char			 *view = NULL;

	if (binding->attached && dcx_catalogs[id].parts[part].view)
		view = get_rel_name(binding->relation);
	return adopt_call(&dcx_catalogs[id], schema_of(id), view);
}

/* Raises the error that nothing is attached, and says which call attaches it. */
static void
not_attached(DcxCatalogId id, const DcxCatalogPart *part)
{
	const DcxCatalog *catalog = &dcx_catalogs[id];
	const char		 *schema = schema_of(id);
	Oid				  schema_oid = get_namespace_oid(schema, true);
	bool			  adoptable =
		OidIsValid(schema_oid) && OidIsValid(get_relname_relid(part->name, schema_oid));

	ereport(ERROR,
			errcode(DCX_ERRCODE_NOT_ATTACHED),
			part->needed ? errmsg("no %s is attached", catalog->what) :
						   errmsg("the attached catalog has no \"%s\"", part->name),
			errdetail("Pricing needs the relation \"%s\" of it.", part->name),
			adoptable ? errhint("%s exists: SELECT * FROM %s attaches it.",
								quote_qualified_identifier(schema, part->name),
								adopt_call(catalog, schema, NULL)) :
						errhint("SELECT * FROM %s attaches one.",
								url_call(catalog,
										 "postgresql://user:password@host:port/database",
										 schema,
										 NULL)));
}

const DcxBinding *
dcx_catalog_bound(DcxCatalogId id, int part)
{
	const DcxBinding *binding = dcx_catalog_binding(id, part);

	if (unlikely(!binding->attached))
		not_attached(id, &dcx_catalogs[id].parts[part]);
	return binding;
}

void
dcx_catalog_refuse_dropped(DcxCatalogId id, int number)
{
	const DcxCatalog	 *catalog = &dcx_catalogs[id];
	const DcxCatalogPart *part = &catalog->parts[number];
	char				 *schema;
	char				 *name;
	bool				  known = dcx_binding_place(catalog->name, part->name, &schema, &name);

	ereport(ERROR,
			errcode(DCX_ERRCODE_NOT_ATTACHED),
			errmsg("the attached relation \"%s\" has been dropped", part->name),
			known ?
				errhint("Attach again: SELECT * FROM %s adopts what is in schema \"%s\", %s "
						"makes it anew.",
						adopt_call(catalog, schema, part->view ? name : NULL),
						schema,
						url_call(catalog, "postgresql://...", schema, part->view ? name : NULL)) :
				errhint("Attach again, in the schema where it was: dcx_attach_%s(NULL, "
						"'schema') adopts what is there, "
						"dcx_attach_%s('postgresql://...', 'schema') makes it anew.",
						catalog->name,
						catalog->name));
}

const DcxBinding *
dcx_catalog_view(DcxCatalogId id, int *part)
{
	for (*part = 0; *part < dcx_catalogs[id].nparts; (*part)++)
		if (dcx_catalogs[id].parts[*part].view)
			return dcx_catalog_binding(id, *part);
	return NULL;
}

int
dcx_catalog_price_part(DcxCatalogId id)
{
	int				  part;
	const DcxBinding *view = dcx_catalog_view(id, &part);

	return view && view->attached ? part : 0;
}

# dcx_pricing
#
#   make && make install && make installcheck   the PGXS way, against any running server
#   make demo, psql, stop                       a throwaway cluster to look around in (test/cluster)
#   make check, test, coverage, cassert, valgrind           throwaway clusters for tests
#   make bench, bench-count                     throwaway clusters for measuring: time, and instructions under valgrind
#   make format, check-format, arrows           the source itself (.ci/run runs the last two)
#
# make V=1 shows the compiler's whole command lines.

EXTENSION = dcx_pricing
MODULE_big = $(EXTENSION)

c_files = $(wildcard $(EXTENSION).c src/*/*.c src/*/*.h)
OBJS = $(patsubst %.c,%.o,$(filter %.c,$(c_files)))

PG_CPPFLAGS = -I$(libpq_srcdir) -DDCX_VERSION='"$(version)"'
# Calls from one of our files to another go straight, not through the table for symbols that others may replace.
SHLIB_LINK = $(libpq) -Wl,-Bsymbolic-functions

# Asked for by .ci/run, not forced on every compiler. The server's headers count as system headers, so that only
# our own code is judged; callbacks have arguments they do not use.
ifdef WERROR
PG_CFLAGS = -Wall -Wextra -Werror -Wno-unused-parameter -isystem $(includedir_server)
endif

# The install script: one part per module, in the order their objects need each other.
PARTS = attach pricebook history vm network margin inventory order wallet ledger movement hold reserve updated_at check maintain

version := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(EXTENSION).control)
base_script := sql/$(EXTENSION)--$(version).sql
part_files := $(PARTS:%=sql/parts/%.sql)

DATA_built = $(base_script)
DATA = $(filter-out $(base_script),$(wildcard sql/*--*.sql))

# pg_regress takes sql/foo.sql for test/sql/foo.sql, and a part that is not listed would never be installed.
astray := $(strip $(foreach file,$(wildcard sql/*.sql),$(if $(findstring --,$(file)),,$(file))))
unlisted := $(filter-out $(part_files),$(wildcard sql/parts/*.sql))
$(if $(astray),$(error $(astray): directly in sql/ belong only files with -- in their names))
$(if $(unlisted),$(error $(unlisted): not among PARTS))

# Whoever may create in our schema must not have his operators taken for pg_catalog's: each script begins with this,
# and calls what is ours @extschema@.something.
path := SET LOCAL search_path = pg_catalog, pg_temp;
first_statement = $(shell grep -vE '^(\\echo .*|--.*|[[:space:]]*)$$' $(1) | head -n 1)
pathless := $(strip $(foreach file,$(DATA),$(if $(findstring $(path),$(call first_statement,$(file))),,$(file))))
unqualified := $(shell grep -inE '^(CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE) ' /dev/null $(part_files) $(DATA) | \
	grep -vF ' @extschema@.' | cut -d : -f 1,2)
$(if $(pathless),$(error $(pathless): has to begin with $(path)))
$(if $(unqualified),$(error $(unqualified): names an object without @extschema@))

# What the environment says is the choice of whoever types it: REGRESS="fixtures attach vm" ISOLATION= make check.
REGRESS ?= fixtures attach vm bookjson network services pricebook saved large_books history price_history margin inventory outage \
	wallet ledger movement hold reserve request twice order call_shapes shown renamed updated_at check check_network privileges shapes known
REGRESS_OPTS = --inputdir=test
ISOLATION ?= $(sort $(notdir $(basename $(wildcard test/specs/*_race.spec))))
ISOLATION_OPTS = --inputdir=test --outputdir=.

# Only test/cluster sets TAP_TESTS: these start servers of their own, several at a time. The longest come first, so that
# the last to end is a short one.
long_tests = $(wildcard $(patsubst %,test/t/%.pl,076_direct_writes 077_direct_ledger 048_check_aside 022_secrets 049_check_large 056_hangs 045_check \
	053_enetworks 043_parallel 041_outage_midway 020_two_clusters 010_exactness_stress 051_clients 027_shapes \
	012_saved_stress 046_check_schema))
PROVE_TESTS ?= $(long_tests) $(filter-out $(long_tests),$(wildcard test/t/*.pl))

# `make demo` and `make test` work before there is any PostgreSQL; the rest says what it lacks. pg_config and PGXS
# come with Debian's client packages already, so it is the server's headers that tell.
PG_CONFIG ?= pg_config
ifeq ($(MAKECMDGOALS),check)
# PGXS has a target check as well, which only says that there is none.
else ifneq ($(wildcard $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h),)
override autodepend := yes
NO_INSTALLCHECK = 1
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# A line per file instead of the whole command. `make -s` prints none.
ifndef V
brief = $(if $(findstring s,$(firstword -$(MAKEFLAGS))),@,@echo '$(1)';)
$(eval COMPILE.c = $$(call brief,CC $$<)$(value COMPILE.c))
$(eval COMPILE.c.bc = $$(call brief,BC $$<)$(value COMPILE.c.bc))
$(eval LINK.shared = $$(call brief,LD $$@)$(value LINK.shared))
endif

# In place of PGXS's own, which does not say what it needs and leaves databases and roles behind. All kinds run and what
# they made is removed, also where a test fails. TAP tests have servers of their own.
installcheck:
ifneq ($(strip $(REGRESS) $(ISOLATION)),)
	@PATH='$(bindir)':"$$PATH" test/server ready
	@failed=0; \
	$(if $(strip $(REGRESS)),{ $(pg_regress_installcheck) $(REGRESS_OPTS) $(REGRESS); } || failed=1;) \
	$(if $(strip $(ISOLATION)),{ $(pg_isolation_regress_installcheck) $(ISOLATION_OPTS) $(ISOLATION); } || failed=1;) \
	PATH='$(bindir)':"$$PATH" test/server clean $(CONTRIB_TESTDB) $(ISOLATION_TESTDB); \
	exit $$failed
endif
ifdef TAP_TESTS
	$(prove_installcheck)
endif
else
all install uninstall installcheck clean:
	@echo "$(PG_CONFIG) does not lead to a PostgreSQL with server headers (postgresql-server-dev-NN)." >&2
	@echo "Name one with PG_CONFIG=/path/to/pg_config; make demo and make test install one." >&2
	@exit 1
endif

# The Makefile too: the order of the parts is here.
$(base_script): $(part_files) $(EXTENSION).control Makefile
	$(call brief,SQL $@){ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit' '$(path)' ''; \
		cat $(part_files); } >$@

.PHONY: installcheck demo psql stop check test coverage cassert valgrind bench bench-count format check-format arrows

demo stop test coverage cassert valgrind $(filter check,$(MAKECMDGOALS)):
	@test/cluster $@

# make psql ARGS='-c "SELECT 1"'
psql:
	@test/cluster psql $(ARGS)

bench:
	@test/cluster run test/bench/run

# make bench-count ONLY="debit afford" PROFILE_OF=debit_dcx: see test/bench/count
bench-count:
	@test/cluster install valgrind
	@test/cluster run test/bench/count

CLANG_FORMAT ?= clang-format

format:
	$(CLANG_FORMAT) -i $(c_files)

check-format:
	$(CLANG_FORMAT) --dry-run --Werror $(c_files)

arrows:
	@test/arrows

# Makes docs/reference.md from the comments. The user of the throwaway server may not write here: the page comes through
# a descriptor that is open.
.PHONY: reference
reference:
	@test/cluster run sh -c 'exec test/reference >&3' 3>docs/reference.md.new && \
		mv docs/reference.md.new docs/reference.md || { rm -f docs/reference.md.new; exit 1; }

# SPDX-License-Identifier: Apache-2.0
#
# From sources to programs, in the order in which things are made:
#
#	bpf/NAME.bpf.c -> build/bpf/NAME.bpf.o -> build/bpf/NAME.skel.h     #include "bpf/NAME.skel.h"
#	common/*/*.c -> build/libcommon.a
#	cmd/otb-NAME/*.c or cmd/otb-NAME.c -> build/otb-NAME
#	tests/{unit,target,bench,fuzz}/NAME.c -> build/tests/...
#
# make            the programs                       make check          every test (scripts/check)
# make tests      unit tests, targets, benchmarks    make fuzz           the fuzzers
# make install    PREFIX=, DESTDIR=                  make uninstall      removes what install puts there
# make dist       build/otb-VERSION.tar.gz           make deb        build/otb_VERSION_ARCH.deb (scripts/deb)
# make clean
#
# What is missing, scripts/setup installs.

# ---- Knobs: set them on the command line or in the environment ------------------------------------------------------

# DEV=1: warnings are errors. SAN=1: AddressSanitizer and UndefinedBehaviorSanitizer, in build-san. COV=1: counters of
# lines for scripts/coverage, in build-cov; both can be had in one. V=1: show commands.
DEV ?= 0
SAN ?= 0
COV ?= 0
V ?= 0
# LTO=1: the programs are optimized as a whole, which makes otb-sample some percent faster and the build slower.
LTO ?= $(if $(filter 1,$(DEV) $(SAN) $(COV)),0,1)

# make's own default for CC is cc, which ?= would keep.
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
# Not on a user's PATH in Debian; a wrapper that knows only its own kernel in Ubuntu: the first that works.
BPFTOOL ?= $(shell for t in $$(command -v bpftool) /usr/sbin/bpftool /usr/lib/linux-tools*/bpftool \
	/usr/lib/linux-tools/*/bpftool; do $$t version >/dev/null 2>&1 && { echo $$t; break; }; done)
LLVM_STRIP ?= $(shell $(CLANG) -print-prog-name=llvm-strip 2>/dev/null)
# For another machine than this one: ARCH=aarch64 CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar SYSROOT=FOLDER, where that
# has the libraries and headers, and pkg-config knows it (scripts/kernel-matrix does so).
ARCH ?= $(shell uname -m)
SYSROOT ?=

PREFIX ?= /usr/local
DESTDIR ?=
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d

BUILD ?= $(if $(filter 1,$(SAN)),build-san,$(if $(filter 1,$(COV)),build-cov,build))

# ---- Sources --------------------------------------------------------------------------------------------------------

VERSION := $(shell sed -n 's/^.define OTB_VERSION "\(.*\)"/\1/p' common/cli/cli.h)

PROGRAMS := $(sort $(patsubst cmd/%.c,$(BUILD)/%,$(wildcard cmd/otb-*.c)) \
	$(patsubst cmd/%/,$(BUILD)/%,$(dir $(wildcard cmd/otb-*/main.c))))
BPF := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bpf/*.bpf.c))
TEST_BPF := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/target/*.bpf.c))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*.c))
TARGETS := $(patsubst tests/target/%.c,$(BUILD)/tests/%,$(filter-out %.bpf.c,$(wildcard tests/target/*.c)))
BENCHMARKS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*.c))

# objects SOURCES, fuzz_objects SOURCES
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
fuzz_objects = $(patsubst %.c,$(BUILD)/fuzz/%.o,$(1))
# sources_of PROGRAM
sources_of = $(wildcard cmd/$(1).c cmd/$(1)/*.c)

COMMON_OBJS := $(call objects,$(wildcard common/*/*.c))
CMD_OBJS := $(call objects,$(wildcard cmd/otb-*.c cmd/otb-*/*.c))
TARGET_OBJS := $(call objects,$(filter-out %.bpf.c,$(wildcard tests/target/*.c)))
TEST_OBJS := $(call objects,$(wildcard tests/unit/*.c tests/bench/*.c))
FUZZ_OBJS := $(call fuzz_objects,$(wildcard common/*/*.c cmd/otb-*.c cmd/otb-*/*.c tests/fuzz/*.c))

# ---- Libraries ------------------------------------------------------------------------------------------------------

# Every program is offered these, and --as-needed and libcommon.a see to it that it is linked only with what it uses.
PACKAGES := libbpf libelf libdw zlib jansson libcap libseccomp capstone libcrypto
# What one program alone needs: LIBS_otb-NAME
LIBS_otb-expose := -lmicrohttpd
# What a test or fuzzer takes from a program beside common: PARTS_NAME := cmd/otb-expose/rules.c
PARTS_audit := cmd/otb-tcpretrans/audit.c
PARTS_gcpause_reason := cmd/otb-gcpause/reason.c
PARTS_gcpause_summary := cmd/otb-gcpause/summary.c
PARTS_trace_error_type := cmd/otb-trace/error_type.c
PARTS_expose_rule := cmd/otb-expose/rule.c
PARTS_expose_rules := $(addprefix cmd/otb-expose/,builtin.c rule.c rules.c)
PARTS_negotiate := cmd/otb-expose/negotiate.c
PARTS_rule := cmd/otb-expose/rule.c
PARTS_restore := cmd/otb-expose/restore.c
PARTS_owner := cmd/otb-tcpretrans/owner.c
PARTS_otlp := $(addprefix cmd/otb-expose/,builtin.c imported.c otlp.c otlp_any.c otlp_input.c otlp_labels.c otlp_metrics.c \
	otlp_names.c otlp_spans.c rule.c rules.c)
PARTS_otlp_names := cmd/otb-expose/otlp_names.c
PARTS_redact := cmd/otb-sample/redact.c
PARTS_edit := cmd/otb-sample/redact.c
sample_parts = $(addprefix cmd/otb-sample/,$(1))
PARTS_sample := $(filter-out $(call sample_parts,control.c main.c),$(wildcard cmd/otb-sample/*.c))
PARTS_sample_adaptive := $(call sample_parts,adaptive.c arrival.c batch.c fields.c first.c key_table.c sampler.c signal.c \
	tally.c trace_id.c verdict.c)
PARTS_sample_arrival := $(call sample_parts,arrival.c fields.c trace_id.c)
PARTS_sample_batch := $(call sample_parts,batch.c)
PARTS_sample_decisions := $(call sample_parts,arrival.c decisions.c fields.c tally.c trace_id.c verdict.c)
PARTS_sample_rules := $(call sample_parts,adaptive.c arrival.c batch.c fields.c first.c key_table.c rules.c sampler.c \
	signal.c tally.c trace_id.c verdict.c)
PARTS_sample_signal := $(call sample_parts,fields.c signal.c)
PARTS_sample_item := $(call sample_parts,blocks.c fields.c item.c)
PARTS_sample_traces := $(call sample_parts,blocks.c fields.c item.c trace_id.c traces.c)
PARTS_sample_verdict := $(call sample_parts,arrival.c fields.c tally.c trace_id.c verdict.c)
PARTS_stream_clock := $(call sample_parts,stream_clock.c)
PARTS_trace_id := $(call sample_parts,fields.c trace_id.c)
trace_parts = $(addprefix cmd/otb-trace/,$(1))
PARTS_trace_metrics := $(filter-out %/main.c %/probes.c,$(wildcard cmd/otb-trace/*.c))
PARTS_trace_otlp := $(call trace_parts,otlp.c)
PARTS_trace_methods := $(call trace_parts,driver.c error_type.c)
PARTS_trace_query := $(call trace_parts,query.c)
PARTS_trace_service := $(call trace_parts,service.c)
PARTS_trace_span_name := $(call trace_parts,query.c span_name.c)
PARTS_trace_stops := $(call trace_parts,stops.c)
PARTS_trace_url := $(call trace_parts,query.c span_name.c url.c)

# ---- Flags ----------------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla \
	-Wwrite-strings -Wundef -Wpointer-arith $(if $(filter 1,$(DEV)),-Werror)

# try FLAGS: the flags, if the compiler takes them without a warning
try = $(shell echo | $(CC) -Werror $(1) -x c -S -o - - >/dev/null 2>&1 && echo '$(1)')

# glibc warns where the compiler cannot do level 3. Distributions predefine a level, hence -U. The sanitizers' own
# checks replace it.
FORTIFY := $(or $(call try,-O2 -include features.h -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3),-D_FORTIFY_SOURCE=2)
HARDENING := -fPIE -fstack-protector-strong $(call try,-fstack-clash-protection) \
	$(call try,$(if $(filter x86_64,$(ARCH)),-fcf-protection,-mbranch-protection=standard)) \
	-U_FORTIFY_SOURCE $(if $(filter 1,$(SAN)),,$(filter -D%,$(FORTIFY)))
# Fat: tests are linked from the same objects, without it.
LTO_FLAGS := $(if $(filter 1,$(LTO)),$(call try,-flto=auto -ffat-lto-objects))
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
COUNTERS := $(if $(filter 1,$(COV)),--coverage)

SYSROOT_FLAG := $(addprefix --sysroot=,$(SYSROOT))
C_FLAGS := $(SYSROOT_FLAG) -std=gnu17 -D_GNU_SOURCE -fno-common -I. -I$(BUILD) -MMD -MP $(WARNINGS) \
	$(HARDENING) $(if $(filter 1,$(SAN)),$(SANITIZERS)) $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
LINK_FLAGS := $(SYSROOT_FLAG) -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
	$(if $(filter 1,$(SAN)),$(SANITIZERS)) $(COUNTERS)
LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) -lm
FUZZ_FLAGS := -std=gnu17 -D_GNU_SOURCE -g -O1 -fno-common -I. -I$(BUILD) -MMD -MP $(SANITIZERS)

# -mcpu=v2 is what every kernel since 4.14 runs, and makes an atomic operation that needs 5.12 an error here instead of
# a program that does not load there. Distributions whose clang has a stack protector by default must not apply it.
# The placement of blocks turns loops so that one falls through into its own beginning, which kernels like 5.10 refuse
# (check_cfg() in kernel/bpf/verifier.c: "back-edge"); tests/bpf.bats looks. BPF_CORE_READ() declares what clang from 21 on
# warns of. The line information of BTF names each source by its folder, and ends up in the programs: it is to be
# the same wherever they are built.
BPF_ARCH := $(or $(patsubst %:$(ARCH),%,$(filter %:$(ARCH),x86:x86_64 arm64:aarch64 s390:s390x riscv:riscv64 \
	powerpc:ppc64le)),$(ARCH))
BPF_FLAGS := --target=bpf -mcpu=v2 -std=gnu17 -g -O2 -fno-stack-protector -mllvm -disable-block-placement \
	-D__TARGET_ARCH_$(BPF_ARCH) -I. -MMD -MP -ffile-prefix-map=$(CURDIR)=. \
	-idirafter $(SYSROOT)/usr/include/$(ARCH)-linux-gnu -Wall -Wextra -Wshadow -Wno-unknown-warning-option \
	-Wno-default-const-init-var-unsafe $(if $(filter 1,$(DEV)),-Werror)

MISSING := $(strip $(shell for p in $(PACKAGES); do $(PKG_CONFIG) --exists $$p 2>/dev/null || echo $$p; done) \
	$(if $(BPFTOOL),,bpftool) \
	$(shell for t in $(CC) $(CLANG); do command -v $$t >/dev/null || echo $$t; done))

# say WHAT FILE: one short line instead of the command
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')
Q := $(if $(filter 1,$(V)),,@)

# ---- Goals ----------------------------------------------------------------------------------------------------------

.DELETE_ON_ERROR:
.SECONDEXPANSION:
.SUFFIXES:
.PHONY: all tests fuzz check install uninstall dist deb clean FORCE

all: $(PROGRAMS)
tests: all $(UNIT_TESTS) $(TARGETS) $(BENCHMARKS)
fuzz: $(FUZZERS)

# ---- What was used last time: two files that change only with their content, so that a changed flag compiles and a
# ---- source that came or went links again

REMEMBER_flags := $(shell $(CC) --version 2>&1 | head -n 1) $(CC) $(CPPFLAGS) $(CFLAGS) $(C_FLAGS) $(LTO_FLAGS) $(LDFLAGS) \
	$(LINK_FLAGS) $(LIBS) $(CLANG) $(BPF_FLAGS) $(FUZZ_FLAGS) $(BPFTOOL) $(LLVM_STRIP) $(addprefix missing-,$(MISSING))
REMEMBER_objects := $(COMMON_OBJS) $(CMD_OBJS) $(foreach v,$(filter LIBS_% PARTS_%,$(.VARIABLES)),$(v)=$($(v)))

# differs A B
differs = $(if $(filter-out $(1),$(2))$(filter-out $(2),$(1)),differs)
$(foreach n,flags objects,$(if $(call differs,$(file <$(BUILD)/$(n)),$(REMEMBER_$(n))),$(eval $(BUILD)/$(n): FORCE)))

$(BUILD)/flags $(BUILD)/objects:
	$(if $(MISSING),$(error missing: $(MISSING). scripts/setup installs it))
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(REMEMBER_$(@F)))' > $@

# ---- BPF: object, then skeleton -------------------------------------------------------------------------------------

# The DWARF would make each program some 50 kB larger; the BTF, which CO-RE needs, stays.
$(BPF) $(TEST_BPF): $(BUILD)/%.bpf.o: %.bpf.c $(BUILD)/flags
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MT $@ -MF $(@:.o=.d) -c $< -o $@
	$(Q)if command -v $(or $(LLVM_STRIP),llvm-strip) >/dev/null; then $(or $(LLVM_STRIP),llvm-strip) -g $@; fi

$(BPF:.bpf.o=.skel.h) $(TEST_BPF:.bpf.o=.skel.h): $(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q){ echo '/* NOLINTBEGIN: not ours */' && $(BPFTOOL) gen skeleton $< name $(subst -,_,$(notdir $*))_bpf && \
		echo '/* NOLINTEND */'; } > $@

# ---- C: object, library, program ------------------------------------------------------------------------------------

# Which skeleton an object needs is known (from its .d file) once it has been compiled; before that, all come first.
$(CMD_OBJS): | $(BPF:.bpf.o=.skel.h)
$(TARGET_OBJS) $(TEST_OBJS): | $(BPF:.bpf.o=.skel.h) $(TEST_BPF:.bpf.o=.skel.h)

# Tests are not counted themselves.
$(COMMON_OBJS) $(CMD_OBJS): C_FLAGS += $(COUNTERS)

$(COMMON_OBJS) $(CMD_OBJS) $(TARGET_OBJS) $(TEST_OBJS): $(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(C_FLAGS) $(LTO_FLAGS) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(BUILD)/libcommon.a: $(COMMON_OBJS) $(BUILD)/objects
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(COMMON_OBJS)

$(PROGRAMS): $(BUILD)/%: $$(call objects,$$(call sources_of,$$(@F))) $(BUILD)/libcommon.a $(BUILD)/objects
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LTO_FLAGS) $(LINK_FLAGS) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS_$(@F)) $(LIBS) -o $@

# ---- Tests ----------------------------------------------------------------------------------------------------------

$(TARGETS): $(BUILD)/tests/%: $(BUILD)/obj/tests/target/%.o
$(UNIT_TESTS) $(BENCHMARKS): $(BUILD)/%: $(BUILD)/obj/%.o

$(TARGETS) $(UNIT_TESTS) $(BENCHMARKS): $$(call objects,$$(PARTS_$$(@F))) $(BUILD)/libcommon.a $(BUILD)/objects
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LINK_FLAGS) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS_$(@F)) $(LIBS) -o $@

# libFuzzer is clang's, so common is compiled a second time for it.
$(FUZZ_OBJS): $(BUILD)/fuzz/%.o: %.c $(BUILD)/flags
	$(call say,FUZZCC,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link $(CPPFLAGS) -c $< -o $@

$(BUILD)/fuzz/libcommon.a: $(filter $(BUILD)/fuzz/common/%,$(FUZZ_OBJS)) $(BUILD)/objects
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(FUZZERS): $(BUILD)/%: $(BUILD)/fuzz/%.o $$(call fuzz_objects,$$(PARTS_$$(@F))) $(BUILD)/fuzz/libcommon.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer $(filter %.o,$^) $(filter %.a,$^) -Wl,--as-needed $(LIBS) -o $@

check:
	scripts/check --no-setup

# ---- Install --------------------------------------------------------------------------------------------------------

# A program whose man page is in section 8 is for root and goes to sbin. One "from:to" word for each file.
# (Not called INSTALL: by that name packagers hand over the command.)
SBIN := $(foreach p,$(notdir $(PROGRAMS)),$(if $(wildcard man/$(p).8),$(p)))
BIN := $(filter-out $(SBIN),$(notdir $(PROGRAMS)))
# into FOLDER,FILES
into = $(foreach f,$(2),$(f):$(1)/$(notdir $(f)))
INSTALLED := \
	$(call into,$(PREFIX)/bin,$(addprefix $(BUILD)/,$(BIN))) \
	$(call into,$(PREFIX)/sbin,$(addprefix $(BUILD)/,$(SBIN))) \
	$(foreach s,1 7 8,$(call into,$(PREFIX)/share/man/man$(s),$(wildcard man/*.$(s)))) \
	$(call into,$(BASHDIR),$(wildcard completions/bash/*)) \
	$(call into,$(ZSHDIR),$(wildcard completions/zsh/*)) \
	$(call into,$(FISHDIR),$(wildcard completions/fish/*))

install: all
	$(Q)set -e; for pair in $(INSTALLED); do \
		from=$${pair%%:*} to='$(DESTDIR)'$${pair#*:}; mode=0644; \
		[ ! -x "$$from" ] || mode=0755; \
		$(if $(filter 1,$(V)),,echo "  INSTALL $$to";) install -D -m $$mode "$$from" "$$to"; \
	done

uninstall:
	$(Q)rm -f $(foreach pair,$(INSTALLED),'$(DESTDIR)$(lastword $(subst :, ,$(pair)))')

# ---- Source archive and package: the same bytes from the same commit ------------------------------------------------

DIST := otb-$(VERSION)

dist:
	$(call say,DIST,$(BUILD)/$(DIST).tar.gz)
	@git rev-parse --verify HEAD >/dev/null && git ls-files --error-unmatch Makefile >/dev/null
	@mkdir -p $(BUILD)
	$(Q)git ls-files -z | LC_ALL=C sort -z | tar --create --file=$(BUILD)/$(DIST).tar --no-recursion --null \
		--format=ustar --transform='s,^,$(DIST)/,' --mtime=@$$(git log -1 --format=%ct) --owner=0 --group=0 \
		--numeric-owner --mode=u+rw,go=u,go-w --files-from=-
	$(Q)gzip -9 -n -f $(BUILD)/$(DIST).tar

deb:
	$(Q)scripts/deb $(BUILD)

clean:
	$(Q)rm -rf $(BUILD)

-include $(wildcard $(BUILD)/bpf/*.d $(BUILD)/tests/target/*.d $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d \
	$(BUILD)/fuzz/*/*/*.d)

# SPDX-License-Identifier: GPL-2.0-only
# One make for the whole tree: each <module>/module.mk says what it has, this file says how it is built.

VERSION := 0.1.0

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
SHELL := /bin/bash

# --- what the user may choose -------------------------------------------------------------------
O ?= build
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
LDFLAGS ?=
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
ifeq ($(origin AR),default)
AR := ar
endif
PKG_CONFIG ?= pkg-config
BPF_CLANG ?= $(firstword $(foreach c,clang-19 clang-20 clang-21 clang,$(if $(shell command -v $(c)),$(c))))
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
FUZZ_CC ?= $(BPF_CLANG)
FUZZ_CXX ?= $(subst clang,clang++,$(FUZZ_CC))
CLANG_TIDY ?= clang-tidy
CLANG_FORMAT ?= clang-format

comma := ,
empty :=
space := $(empty) $(empty)

ifneq ($(SAN),)
# Once only: a make started by this one finds it in O already.
san-suffix := -$(subst $(comma),-,$(SAN))
ifeq ($(filter %$(san-suffix),$(O)),)
override O := $(O)$(san-suffix)
endif
san-flags := -fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

# V=1 shows the commands, otherwise one short line a step.
ifeq ($(V),1)
say =
else
say = @printf '  %-8s%s\n' '$(1)' '$(2)';
endif

# --- flags --------------------------------------------------------------------------------------
cc-is-clang := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))
warnings := -Wall -Wextra -Wshadow -Wundef -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 \
	-Wimplicit-fallthrough
c-warnings := $(warnings) -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
ifeq ($(cc-is-clang),)
c-gcc-warnings := -Wjump-misses-init
endif
ifeq ($(WERROR),1)
werror := -Werror
endif

defines := -D_GNU_SOURCE -DKTSTR_VERSION='"$(VERSION)"'
includes := -I. -I$(O)
c-lang := -std=gnu17 -fno-common $(c-warnings) -include base/banned.h
kt-cflags = $(c-lang) $(c-gcc-warnings) $(werror) $(defines) $(includes) $(CFLAGS)
kt-cxxflags = -std=c++17 -Wall -Wextra $(werror) $(defines) $(includes) $(CXXFLAGS)
kt-asflags = $(defines) $(includes) $(CFLAGS)
deps-flags = -MMD -MP

# --- modules ------------------------------------------------------------------------------------
all-modules := base config scenario kernel-cache guest vmm capture bpf driver
include $(wildcard $(all-modules:%=%/module.mk))
modules := $(foreach m,$(all-modules),$(if $(wildcard $(m)/module.mk),$(m)))

# The module itself and all that it may call, directly or through others.
closure = $(sort $(1) $(foreach d,$($(1)-deps),$(call closure,$(d))))
objects = $(patsubst %,$(1)/%.o,$(basename $(2)))
lib = $(O)/lib/lib$(1).a
libs-of = $(foreach m,$(call closure,$(1)),$(if $($(m)-src),$(call lib,$(m))))
pkgs-of = $(sort $(foreach m,$(call closure,$(1)),$($(m)-pkgs)))
pkg-cflags = $(if $(1),$(shell $(PKG_CONFIG) --cflags $(1)))
pkg-libs = $(if $(1),$(shell $(PKG_CONFIG) --libs $(1)))
ldlibs-of = $(call pkg-libs,$(call pkgs-of,$(1))) $(foreach m,$(call closure,$(1)),$($(m)-libs)) -lm -pthread
linker-of = $(if $(filter %.cc,$(foreach m,$(call closure,$(1)),$($(m)-src))),$(CXX),$(CC))
group = -Wl,--start-group $(1) -Wl,--end-group

bpf-skels := $(bpf-objs:%=$(O)/bpf/%.skel.h)
module-sources := $(foreach m,$(modules),$($(m)-src))
guest-programs := $(if $(guest-init-src),$(O)/guest/init) $(if $(guest-probe-src),$(O)/guest/probe) $(if $(scx_ktstr-src),$(O)/bpf/scx_ktstr)
programs := $(if $(driver-src),$(O)/ktstr-make)

.PHONY: all
all: $(foreach m,$(modules),$(if $($(m)-src),$(call lib,$(m)))) $(guest-programs) $(programs)

# Everything is rebuilt when the tools or their flags change, and only then is this file written.
stamp-text = $(CC) $(CXX) $(AR) $(BPF_CLANG) $(san-flags) $(kt-cflags) $(kt-cxxflags) $(LDFLAGS)
$(O)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(stamp-text))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(stamp-text))' >$@
.PHONY: FORCE
FORCE:

# --- compiling ----------------------------------------------------------------------------------
# Target-specific: pkg-flags. Two sets of objects: obj/ for the host, with the sanitizers asked for, and
# guest-obj/ for what runs inside the virtual machine, never with any.
$(O)/obj/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(kt-cflags) $(pkg-flags) $(san-flags) $(deps-flags) -c $< -o $@
$(O)/obj/%.o: %.cc $(O)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$<)$(CXX) $(kt-cxxflags) $(pkg-flags) $(san-flags) $(deps-flags) -c $< -o $@
$(O)/obj/%.o: %.S $(O)/flags
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(kt-asflags) $(as-defines) $(deps-flags) -c $< -o $@
$(O)/guest-obj/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$< (guest))$(CC) $(kt-cflags) $(pkg-flags) -ffunction-sections $(deps-flags) -c $< -o $@

$(O)/guest-obj/%.o: %.S $(O)/flags
	@mkdir -p $(@D)
	$(call say,AS,$< (guest))$(CC) $(kt-asflags) $(as-defines) $(deps-flags) -c $< -o $@

define archive
@mkdir -p $(@D)
$(call say,AR,$(@:$(O)/%=%))rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)
endef

define module-rules
$(call lib,$(1)): $(call objects,$(O)/obj,$($(1)-src)) $(1)/module.mk
	$$(archive)
$(call objects,$(O)/obj,$($(1)-src)) $(call objects,$(O)/guest-obj,$($(1)-src)): \
	pkg-flags = $$(call pkg-cflags,$$($(1)-pkgs))
endef
$(foreach m,$(modules),$(eval $(call module-rules,$(m))))

# What .incbin reads is not in any .d file.
$(O)/obj/kernel-cache/kconfig/builtin.o $(O)/fuzz/obj/kernel-cache/kconfig/builtin.o: $(wildcard config/*.kconfig)

# --- programs inside the guest --------------------------------------------------------------------
# Stripped, as they travel into every machine; X.debug beside is for debuggers.
guest-lib = $(O)/guest/lib$(1).a
guest-libs-of = $(foreach m,$(call closure,$(1)),$(if $($(m)-src),$(call guest-lib,$(m))))
define guest-lib-rules
$(call guest-lib,$(1)): $(call objects,$(O)/guest-obj,$($(1)-src)) $(1)/module.mk
	$$(archive)
endef
$(foreach m,$(sort $(call closure,guest) $(call closure,bpf)),$(eval $(call guest-lib-rules,$(m))))

guest-init-objs := $(call objects,$(O)/guest-obj,$(guest-init-src))
$(O)/guest/init: $(guest-init-objs) $(call guest-libs-of,guest) $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) -static -Wl,--gc-sections $(filter %.o,$^) \
		$(call group,$(filter %.a,$^)) $(guest-init-libs) -o $@.debug && strip -o $@ $@.debug

# The object as bpftool links it: section sizes and places of variables are in its BTF then, as the kernel wants them.
$(O)/bpf/probe_bp.o: $(O)/bpf/probe.bpf.o
	$(call say,BPFLINK,$(@:$(O)/%=%))$(BPFTOOL) gen object $@ $<
guest-probe-objs := $(call objects,$(O)/guest-obj,$(guest-probe-src))
$(O)/guest-obj/guest/probe_bytes.o: as-defines = -DPROBE_OBJECT_PATH='"$(O)/bpf/probe_bp.o"'
$(O)/guest-obj/guest/probe_bytes.o: $(O)/bpf/probe_bp.o
$(O)/guest/probe: $(guest-probe-objs) $(call guest-libs-of,guest) $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) -static -Wl,--gc-sections $(filter %.o,$^) \
		$(call group,$(filter %.a,$^)) -o $@.debug && strip -o $@ $@.debug

scx_ktstr-objs := $(call objects,$(O)/guest-obj,$(scx_ktstr-src))
scx_ktstr-link ?= -static
$(O)/bpf/scx_ktstr: $(scx_ktstr-objs) $(call guest-libs-of,bpf) $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) $(scx_ktstr-link) -Wl,--gc-sections $(filter %.o,$^) \
		$(call group,$(filter %.a,$^) -l:libbpf.a -lelf -lz) -o $@.debug && strip -o $@ $@.debug

# For those who want the fixture scheduler alone (examples/demo).
.PHONY: scx_ktstr
scx_ktstr: $(O)/bpf/scx_ktstr

# --- BPF ------------------------------------------------------------------------------------------
# Kept apart from the other .c files: another compiler, another target, no banned.h.
bpf-cflags := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -std=gnu17 -Wall -Wextra \
	-idirafter /usr/include/$(shell uname -m)-linux-gnu $(includes)
$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(BPF_CLANG) $(bpf-cflags) $(werror) $(deps-flags) -c $< -o $@
# The map->link line needs libbpf 1.5; nothing here uses a struct_ops map's link through the skeleton.
$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o bpf/module.mk
	$(call say,SKEL,$(@:$(O)/%=%))$(BPFTOOL) gen skeleton $< name $(or $($*-skel-name),$(subst -,_,$*)) | \
		sed '/map->link = /d' >$@; exit $${PIPESTATUS[0]}
# Who includes a skeleton is known only after the first compilation; until then all of bpf/ waits for all.
bpf-users := $(filter bpf/%,$(bpf-src) $(scx_ktstr-src))
$(call objects,$(O)/obj,$(bpf-users)) $(call objects,$(O)/guest-obj,$(bpf-users)): | $(bpf-skels)

# --- ktstr-make -------------------------------------------------------------------------------------
embed-objs := $(call objects,$(O)/obj,$(filter %.S,$(driver-src)))
$(embed-objs): as-defines = -DGUEST_INIT_PATH='"$(O)/guest/init"' -DGUEST_PROBE_PATH='"$(O)/guest/probe"'
$(embed-objs): $(O)/guest/init $(O)/guest/probe
$(O)/ktstr-make: $(call libs-of,driver) $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(call linker-of,driver) $(san-flags) $(LDFLAGS) \
		$(call group,$(filter %.a,$^)) $(call ldlibs-of,driver) -o $@

# --- tests --------------------------------------------------------------------------------------------
# tests/unit/test_<module>_<file>.c, linked with its module and that module's declared dependencies only: a
# call upwards is an undefined symbol.
tests-of = $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(wildcard tests/unit/test_$(subst -,_,$(1))_*.c))
unit-tests := $(foreach m,$(if $(M),$(filter $(M),$(modules)),$(modules)),$(call tests-of,$(m)))
# A test named ..._faults includes tests/unit/faults.h, which makes these calls fail on demand.
wrapped := malloc calloc realloc strdup strndup vasprintf write fsync rename ioctl mmap eventfd timerfd_create \
	memfd_create epoll_create1 epoll_ctl pthread_create
wrap-flags = $(if $(filter %_faults,$(1)),$(addprefix -Wl$(comma)--wrap=,$(wrapped)))
define test-rules
$(call tests-of,$(1)): $(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(call libs-of,$(1)) $(O)/flags
	@mkdir -p $$(@D)
	$$(call say,LINK,$$(@:$(O)/%=%))$(call linker-of,$(1)) $$(san-flags) $$(LDFLAGS) $$(call wrap-flags,$$@) \
		$$(filter %.o,$$^) $$(call group,$$(filter %.a,$$^)) $$(call ldlibs-of,$(1)) -lcmocka -o $$@
$(patsubst $(O)/%,$(O)/obj/%.o,$(call tests-of,$(1))): \
	pkg-flags = $$(call pkg-cflags,$$(call pkgs-of,$(1)))
endef
$(foreach m,$(modules),$(if $(call tests-of,$(m)),$(eval $(call test-rules,$(m)))))
.SECONDARY: $(unit-tests:$(O)/%=$(O)/obj/%.o) $(bpf-objs:%=$(O)/bpf/%.bpf.o)
# Programs that tests use: tests/<dir>/module.mk has their rules and adds them to test-programs.
test-programs :=
include $(wildcard tests/*/module.mk)

cli-tests := $(wildcard tests/cli/*.bats)
vm-tests := $(wildcard tests/vm/*.bats)
kvm-tests := $(wildcard tests/kvm/*.bats)
# The one of these that has the most in it; with all of them CI would take longer than it may.
ci-kvm-tests := tests/kvm/demo.bats
slow-tests := $(wildcard tests/slow/*.bats)
kernel-tests := $(wildcard tests/kernels/*.bats)
tree-tests := scripts/check-layers scripts/check-headers
run-tests = O='$(O)' CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' scripts/run-tests

# Tests of the machine boot a real kernel: the one of the cache. Others need not wait for it.
test-kernel = $(if $(filter %/test_vmm_machine,$(unit-tests)),eval "$$(O='$(O)' scripts/test-kernel)",:)

# What the run below needs is installed and built first, by a make of its own: the flags of packages that were
# just installed are not known to this one. The tests' sum is then the last thing printed: one run for all of them.
install-deps = $(if $(filter 1,$(KTSTR_SKIP_DEPS)),,$(if $(wildcard scripts/install-deps),scripts/install-deps))
build-all = +@$(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) all
.PHONY: deps check check-ci check-all check-unit check-cli check-vm check-slow check-kernels check-kvm check-layers \
	check-headers unit-tests
deps:
	@$(install-deps)
unit-tests: $(unit-tests) $(test-programs)
# check: captures of a kernel built from source as well, where the cache has it.
# check-ci: and all tests on such a kernel, which takes minutes to build where the cache does not have it, and then the nested
# machine, which boots that kernel, too. check-all: and the slow tests, and all of the nested machine.
check: more-tests = $$(O='$(O)' scripts/has-built-kernel && echo tests/kernels/capture.bats)
check-ci: more-tests = $(kernel-tests) $(ci-kvm-tests)
check-all: more-tests = $(kernel-tests) $(kvm-tests) $(slow-tests)
check check-ci check-all: deps
	$(build-all) unit-tests
	@$(test-kernel); $(run-tests) $(tree-tests) $(unit-tests) $(cli-tests) $(vm-tests) $(more-tests)
check-unit: unit-tests
	@$(test-kernel); $(run-tests) $(unit-tests)
check-cli: all $(test-programs)
	@$(run-tests) $(cli-tests)
check-vm: all $(test-programs)
	@$(run-tests) $(vm-tests)
check-slow: all $(test-programs)
	@$(run-tests) $(slow-tests)
check-kernels: all
	@$(run-tests) $(kernel-tests)
check-kvm: all $(test-programs) $(filter %/test_vmm_machine,$(unit-tests)) $(filter $(O)/tests/unit/test_vmm_kvm_%,$(unit-tests))
	@$(run-tests) $(kvm-tests)
check-layers check-headers:
	@$(run-tests) scripts/$@

# --- lint and format ------------------------------------------------------------------------------------
# M=base: only that module's.
c-sources := $(filter $(if $(M),$(M:%=%/%),%).c,$(module-sources) $(guest-init-src) $(guest-probe-src) $(scx_ktstr-src)) \
	$(wildcard tests/unit/test_$(if $(M),$(subst -,_,$(M))_)*.c tests/fuzz/fuzz_$(if $(M),$(subst -,_,$(M))_)*.c) \
	$(if $(M),,$(wildcard $(addprefix tests/,$(addsuffix /*.c,bench data faultd guests kvm vm/progs))))
formatted = $(wildcard $(addsuffix *.[ch],$(sort $(dir $(c-sources)))) bpf/*.c bpf/*.h include/ktstr/*.h)
shell-sources = $(shell grep -lE '^\#!.*(bash|/sh)' scripts/* .ci/* tests/kvm/* 2>/dev/null) $(wildcard tests/*.bash scripts/*.bash)
bats-sources = $(cli-tests) $(vm-tests) $(slow-tests) $(kernel-tests) $(kvm-tests)
# In bats every command that fails ends the test, each test is a subshell, run sets variables, and scripts for inner
# shells are quoted.
bats-off := SC2164,SC2030,SC2031,SC2016,SC2154,SC2314,SC2315
lint-pkg-flags = $(call pkg-cflags,$(sort $(foreach m,$(modules),$($(m)-pkgs))))
lint-flags = $(c-lang) $(defines) $(lint-defines) $(includes) $(lint-pkg-flags)
$(O)/lint/tests/vm/progs/% $(O)/lint/tests/bench/%: lint-defines = -DINNER='""'
.PHONY: lint lint-shell format format-check
# Tests are not for the analyzer: it does not know that cmocka's assertions do not return.
lint: $(c-sources:%=$(O)/lint/%.tidy) $(c-sources:%=$(O)/lint/%.cppcheck) lint-shell \
	$(patsubst %,$(O)/lint/%.analyzed,$(filter-out tests/%,$(c-sources)))
$(O)/lint/%.tidy: % .clang-tidy $(O)/flags | $(bpf-skels)
	@mkdir -p $(@D)
	$(call say,TIDY,$<)$(CLANG_TIDY) --quiet --warnings-as-errors='*' $< -- $(lint-flags) \
		2> >(grep -vE 'warnings? generated|^Suppressed|^Use -header-filter' >&2) && touch $@
# gcc 12 loses a pointer stored at a variable index, so every push on a vector would be a leak; the leak checker
# of SAN=address tells the real ones.
analyzer-off := -Wno-analyzer-malloc-leak
$(O)/lint/%.analyzed: % $(O)/flags | $(bpf-skels)
	@mkdir -p $(@D)
	$(call say,ANALYZE,$<)gcc $(lint-flags) -Werror -O2 -fanalyzer $(analyzer-off) -c $< -o $@
$(O)/lint/%.cppcheck: % scripts/cppcheck-off $(O)/flags
	@mkdir -p $(@D)
	$(call say,CPPCHK,$<)cppcheck --quiet --error-exitcode=1 --std=c11 --language=c \
		--enable=warning,performance,portability --suppressions-list=scripts/cppcheck-off \
		-I. -D__x86_64__ -D_GNU_SOURCE $< && touch $@
lint-shell:
	$(call say,SHELL,scripts)shellcheck -x $(shell-sources)
	$(if $(bats-sources),$(call say,SHELL,tests)shellcheck -x -e $(bats-off) $(bats-sources))
format:
	$(call say,FORMAT,all)$(CLANG_FORMAT) -i $(formatted)
format-check:
	$(call say,FORMAT,check)$(CLANG_FORMAT) --dry-run -Werror $(formatted)

# --- fuzzing ----------------------------------------------------------------------------------------------
# tests/fuzz/fuzz_<module>_<parser>.c; the module's own code is compiled anew, instrumented.
fuzz-san := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
fuzz-of = $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_$(subst -,_,$(1))_*.c))
$(O)/fuzz/obj/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,FUZZCC,$<)$(FUZZ_CC) $(c-lang) $(defines) $(includes) $(pkg-flags) -O1 -g $(fuzz-san) \
		-fsanitize=fuzzer-no-link $(deps-flags) -c $< -o $@
$(O)/fuzz/obj/%.o: %.cc $(O)/flags
	@mkdir -p $(@D)
	$(call say,FUZZCXX,$<)$(FUZZ_CXX) -std=c++17 $(defines) $(includes) $(pkg-flags) -O1 -g $(fuzz-san) \
		-fsanitize=fuzzer-no-link $(deps-flags) -c $< -o $@
$(O)/fuzz/obj/%.o: %.S $(O)/flags
	@mkdir -p $(@D)
	$(call say,AS,$<)$(FUZZ_CC) $(kt-asflags) $(deps-flags) -c $< -o $@
fuzz-src-of = $(foreach m,$(call closure,$(1)),$($(m)-src))
define fuzz-rules
$(call fuzz-of,$(1)): $(O)/fuzz/%: $(O)/fuzz/obj/tests/fuzz/%.o $(call objects,$(O)/fuzz/obj,$(call fuzz-src-of,$(1)))
	$$(call say,LINK,$$(@:$(O)/%=%))$(if $(filter $(CXX),$(call linker-of,$(1))),$(FUZZ_CXX),$(FUZZ_CC)) \
		-fsanitize=fuzzer $(fuzz-san) $$^ $$(call ldlibs-of,$(1)) -o $$@
$(call fuzz-of,$(1)): pkg-flags = $$(call pkg-cflags,$$(call pkgs-of,$(1)))
endef
$(foreach m,$(modules),$(if $(call fuzz-of,$(m)),$(eval $(call fuzz-rules,$(m)))))
fuzz-targets := $(foreach m,$(modules),$(call fuzz-of,$(m)))
.PHONY: fuzz
fuzz: $(fuzz-targets)

# --- the rest ---------------------------------------------------------------------------------------------
.PHONY: bench bench-kernels bench-kvm demo docs install clean help
bench: all $(test-programs)
	@O='$(O)' scripts/bench
bench-kernels: all $(test-programs)
	@O='$(O)' scripts/bench-kernels
bench-kvm: all $(test-programs)
	@O='$(O)' scripts/bench-kvm
demo: deps
	$(build-all)
	@O='$(O)' scripts/demo
docs: all
	@O='$(O)' scripts/gen-docs
install: all
	install -D -m 755 $(O)/ktstr-make $(DESTDIR)$(PREFIX)/bin/ktstr-make
	install -D -m 755 $(O)/bpf/scx_ktstr $(DESTDIR)$(PREFIX)/libexec/ktstr/scx_ktstr
clean:
	rm -rf $(O)
help:
	@sed -n 's/^# help: //p' Makefile

# help: make                       everything, into build/ (O=DIR: elsewhere; V=1: show commands)
# help: make check                 headers, layers, unit, cli and vm tests, and captures of a kernel that was built, where the
# help:                            cache has one; installs what is missing first
# help:                            (KTSTR_SKIP_DEPS=1: does not)
# help: make check-ci              the same, check-kernels and the shorter part of check-kvm
# help: make check-all             the same, all of check-kvm and the slow tests
# help: make check-unit            one part only (M=base: one module's unit tests); also
# help:                            check-cli check-vm check-slow check-layers check-headers
# help: make check-kernels         build a kernel from source (minutes, where the cache does not have it), and test on it
# help: make check-kvm             what needs a KVM that runs stock kernels, in an emulated machine that has it (15 minutes;
# help:                            boots a kernel that check-kernels builds, too)
# help: make demo                  build, then run the example project
# help: make lint                  clang-tidy, gcc -fanalyzer, cppcheck, shellcheck
# help: make format                clang-format over all C files; format-check only looks
# help: make fuzz                  libFuzzer programs into build/fuzz/; scripts/fuzz SECONDS [NAME...] runs them
# help: make bench                 measure, and print the table
# help: make bench-kernels         the same for fetching, building and booting a kernel from source: an hour
# help: make bench-kvm             counts of booting a stock kernel on our machine and on QEMU's, in the nested machine
# help: make docs                  write the generated parts of docs/
# help: make install               into PREFIX (/usr/local), below DESTDIR
# help: make clean                 remove build/ (or O=DIR)
# help: Options: CC=clang CXX=clang++  WERROR=1  SAN=address,undefined (into build-address-undefined/)  SAN=thread

-include $(shell find $(O)/obj $(O)/guest-obj $(O)/bpf $(O)/fuzz/obj -name '*.d' 2>/dev/null)

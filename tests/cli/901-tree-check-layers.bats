#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# scripts/check-layers and scripts/check-headers find what they are there to find.

load ../lib

setup() {
	TREE=$BATS_TEST_TMPDIR/tree
	mkdir -p "$TREE"/{base,config,scenario,kernel-cache,guest,vmm/qemu,capture,bpf,driver,include/ktstr}
}

# source_file PATH: a C file of the tree made of stdin.
source_file() {
	{
		echo '/* SPDX-License-Identifier: GPL-2.0-only */'
		cat
	} >"$TREE/$1"
}

@test "arrows that go down are accepted" {
	source_file vmm/qemu/a.c <<<'#include "base/err.h"
#include "guest/proto.h"
#include "vmm/internal.h"
#include <sys/types.h>
#include <bpf/btf.h>'
	source_file config/a.cc <<<'#include "scenario/scenario.h"'
	source_file driver/a.c <<<'#include "vmm/vmm.h"
#include "capture/capture.h"'
	run "$KTSTR_TOP/scripts/check-layers" "$TREE"
	assert_eq 0 "$status"
	assert_eq "1..10" "${lines[0]}"
	assert_eq 11 "${#lines[@]}"
}

@test "an arrow that goes up is named with its place and the rule" {
	source_file base/a.h <<<'#include "config/config.h"'
	run "$KTSTR_TOP/scripts/check-layers" "$TREE"
	assert_eq 1 "$status"
	assert_contains "$output" '# base/a.h:2: base includes "config/config.h", but may use only: (nothing)'
	assert_contains "$output" "not ok 1 - base includes only what it may use"
}

@test "brackets do not hide an include" {
	source_file capture/a.h <<<''
	source_file vmm/a.c <<<'#include <capture/a.h>'
	run "$KTSTR_TOP/scripts/check-layers" "$TREE"
	assert_eq 1 "$status"
	assert_contains "$output" '# vmm/a.c:2: vmm includes "capture/a.h", but may use only: base guest/proto.h'
}

@test "vmm may use the protocol of guest and nothing else of it" {
	source_file vmm/qemu/a.c <<<'  #  include "guest/guest.h"'
	run "$KTSTR_TOP/scripts/check-layers" "$TREE"
	assert_eq 1 "$status"
	assert_contains "$output" \
		'# vmm/qemu/a.c:2: vmm includes "guest/guest.h", but may use only: base guest/proto.h'
}

@test "another module's internal header is off limits even for the driver" {
	source_file driver/a.c <<<'#include "kernel-cache/internal.h"'
	run "$KTSTR_TOP/scripts/check-layers" "$TREE"
	assert_eq 1 "$status"
	assert_contains "$output" '# driver/a.c:2: driver includes "kernel-cache/internal.h", but internal.h is private to kernel-cache'
}

@test "the public C API uses nothing of ours" {
	source_file include/ktstr/ktstr.h <<<'#include "base/err.h"'
	run "$KTSTR_TOP/scripts/check-layers" "$TREE"
	assert_eq 1 "$status"
	assert_contains "$output" '# include/ktstr/ktstr.h:2: include includes "base/err.h", but may use only: (nothing)'
}

@test "a header that needs another first is found" {
	source_file base/good.h <<<'#include <stdint.h>
uint64_t good(void);'
	source_file base/bad.h <<<'uint64_t bad(void);'
	run "$KTSTR_TOP/scripts/check-headers" "$TREE"
	assert_eq 1 "$status"
	assert_contains "$output" "not ok 1 - base/bad.h compiles on its own"
	assert_contains "$output" "unknown type name"
	assert_contains "$output" "ok 2 - base/good.h compiles on its own"
}

@test "a header without its licence is found, one for the BPF compiler is left out" {
	echo 'int x(void);' >"$TREE/base/x.h"
	echo 'nonsense' >"$TREE/bpf/y.bpf.h"
	run "$KTSTR_TOP/scripts/check-headers" "$TREE"
	assert_eq 1 "$status"
	assert_eq "1..1" "${lines[0]}"
	assert_contains "$output" "# no SPDX line"
}

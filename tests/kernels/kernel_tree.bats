#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A kernel built from Debian's 6.12 source, as examples/kernel-tree asks for it: what it is, and that schedulers run on
# it. In the user's own cache, so that only the first run takes the minutes that a kernel takes.

bats_require_minimum_version 1.5.0
load ../lib
load ../examples

SPEC=debian:bookworm-backports/linux-source-6.12

setup_file() {
	local missing=
	for program in make gcc flex bison bc pahole; do
		command -v "$program" >/dev/null || missing+=" $program"
	done
	[ -z "$missing" ] || require cc "missing:$missing" || return 1
	command -v qemu-system-x86_64 >/dev/null || require tcg "no qemu-system-x86_64" || return 1

	example_copy "$BATS_FILE_TMPDIR" demo kernel-tree
	cd "$BATS_FILE_TMPDIR/examples/kernel-tree" || return 1
	if ! "$KTSTR_MAKE" kernel build >"$BATS_FILE_TMPDIR/built" 2>"$BATS_FILE_TMPDIR/build.err"; then
		cat "$BATS_FILE_TMPDIR/build.err" >&2
		return 1
	fi
}

setup() {
	read -r KEY _ ENTRY <"$BATS_FILE_TMPDIR/built"
	[ -f "$ENTRY/metadata.json" ]
	cd "$BATS_FILE_TMPDIR/examples/kernel-tree" || return 1
}

# run_all PASSED ARGUMENT...: a run of the project here in which so many tests pass, and nothing else happens.
run_all() {
	local passed=$1
	shift
	run "$KTSTR_MAKE" test --accel tcg "$@"
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	assert_contains "$output" "$passed passed, 0 failed, 0 inconclusive, 0 skipped, 0 errors"
}

@test "the entry says what it was made of" {
	local metadata=$ENTRY/metadata.json
	assert_eq "$KEY" "$(basename "$ENTRY")"
	assert_eq "$SPEC" "$(jq -r .source "$metadata")"
	assert_eq minimal "$(jq -r .build.flavour "$metadata")"
	[[ $(jq -r .version "$metadata") == 6.12.* ]]
	[[ $(jq -r .build.toolchain "$metadata") == *gcc* ]]
	[[ $(jq -r .build.pahole "$metadata") == 1.* ]]
	assert_eq true "$(jq .facts.has_sched_ext "$metadata")"
	assert_eq 0 "$(jq .facts.nr_lost_kfuncs "$metadata")"
	for file in image vmlinux config System.map build.log.zst; do
		[ -s "$ENTRY/$file" ]
	done
	run "$KTSTR_MAKE" kernel show "$KEY"
	assert_eq 0 "$status"
	assert_contains "$output" "$KEY"
}

@test "a second kernel build answers from the cache: no make, no compiler, no download" {
	local program
	mkdir "$BATS_TEST_TMPDIR/bin"
	for program in make curl apt-get bison flex; do
		printf '#!/bin/sh\necho "$0 $*" >>"%s/called"\nexit 1\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/$program"
		chmod +x "$BATS_TEST_TMPDIR/bin/$program"
	done
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run --separate-stderr "$KTSTR_MAKE" kernel build --offline
	assert_eq 0 "$status" "$stderr"
	assert_eq "$(cat "$BATS_FILE_TMPDIR/built")" "$output"
	[ ! -e "$BATS_TEST_TMPDIR/called" ] || { cat "$BATS_TEST_TMPDIR/called"; return 1; }
}

@test "its configuration is for sched_ext, and nothing that was asked for is unmet" {
	local option
	for option in SCHED_CLASS_EXT EXT_GROUP_SCHED DEBUG_INFO_BTF BPF_JIT SECCOMP_FILTER CPUSETS DEVMEM; do
		grep -qx "CONFIG_$option=y" "$ENTRY/config" || { echo "CONFIG_$option is not =y"; return 1; }
	done
	grep -qx '# CONFIG_MODULES is not set' "$ENTRY/config"
	run --separate-stderr "$KTSTR_MAKE" kernel config --dry-run --json
	assert_eq 0 "$status" "$stderr"
	assert_eq '[]' "$(jq -c '[.options[] | select(.fate == "unmet")]' <<<"$output")"
	assert_eq 0 "$(jq .totals.unmet <<<"$output")"
	[ "$(jq .totals.set <<<"$output")" -gt 100 ]
}

@test "vmlinux has symbols and BTF, and no DWARF" {
	local sections
	nm "$ENTRY/vmlinux" >"$BATS_TEST_TMPDIR/symbols"
	grep -q ' scx_ops_enable_state_var$' "$BATS_TEST_TMPDIR/symbols"
	grep -q ' runqueues$' "$BATS_TEST_TMPDIR/symbols"
	grep -q ' scx_ops_enable_state_var$' "$ENTRY/System.map"
	sections=$(readelf -SW "$ENTRY/vmlinux")
	assert_contains "$sections" " .BTF "
	assert_contains "$sections" " .symtab "
	[[ $sections != *" .debug_"* ]]
}

@test "the log of the build can be read" {
	zstd -dcq "$ENTRY/build.log.zst" >"$BATS_TEST_TMPDIR/log"
	grep -q 'kernel/sched/build_policy.o' "$BATS_TEST_TMPDIR/log"
	grep -q 'bzImage is ready' "$BATS_TEST_TMPDIR/log"
}

@test "the tests of examples/kernel-tree pass, with schedulers built from the same tree" {
	local s source
	run_all 9
	s=$(sidecar_of qmap_gives_up)
	assert_eq 1025 "$(jq .scheduler_exit.kind "$s")"
	assert_contains "$(jq -r .scheduler_exit.message "$s")" "test triggering error"
	s=$(sidecar_of qmap_forgets_a_task)
	assert_eq 1026 "$(jq .scheduler_exit.kind "$s")"
	for s in simple_shares_two_cpus central_decides_for_four flatcg_between_cgroups; do
		assert_eq 0 "$(jq .scheduler_exit.kind "$(sidecar_of "$s")")" "exit of $s"
	done
	assert_eq '["0-1","2-3"]' "$(jq -c '[.guest_topology.cpus[].core] | unique | .[0:2]' "$(sidecar_of simple_fifo_on_smt)")"

	# The source tree is shared by all who build from it: nothing may have been written there.
	source=$(cat build/*/source)
	[ -f "$source/tools/sched_ext/Makefile" ]
	[ ! -e "$source/tools/sched_ext/build" ]
	assert_eq "" "$(find "$source" -newer "$BATS_FILE_TMPDIR/built" ! -type d)"
}

@test "the expected error fails when the scheduler is not told to give up" {
	sed 's/scheduler-args = \["-e", "200"\]/scheduler-args = []/' "$KTSTR_TOP/examples/kernel-tree/ktstr.toml" >ktstr.toml
	run "$KTSTR_MAKE" test --accel tcg qmap_gives_up
	cp "$KTSTR_TOP/examples/kernel-tree/ktstr.toml" ktstr.toml
	assert_eq 1 "$status" "exit status"
	assert_contains "$output" "but the scheduler lived to the end"
}

@test "the demo passes on it, with no project's word about how to build it" {
	cd ../demo || return 1
	run_all 6 --kernel "$KEY"
	assert_eq "$(jq -r .version "$ENTRY/metadata.json")" "$(jq -r .kernel_version "$(sidecar_of two_cgroups)")"
}

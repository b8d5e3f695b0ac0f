#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Captures of a kernel whose types are nowhere but in its own memory: an image whose vmlinux cannot be unpacked. One that can be is no
# such case: its vmlinux is unpacked when it comes into the cache, as that of the kernel that the other tests run on was.

load ../lib
load ../cells
load ../capture

# image_without_vmlinux FILE: a kernel's image that boots, whose header does not say where its vmlinux is: the length of
# the payload, at 0x24c (Documentation/arch/x86/boot.rst), is of no use to the kernel itself.
image_without_vmlinux() {
	local spec=${KTSTR_TEST_KERNEL_SPEC:-debian:trixie-backports/cloud} dir
	dir=$("$KTSTR_MAKE" kernel fetch "$spec" | awk '{ print $3 }') && cp "$dir/image" "$1" && chmod u+w "$1" &&
		printf '\0\0\0\0' | dd of="$1" bs=1 seek=$((0x24c)) conv=notrunc status=none
}

setup_file() {
	export DIR=$BATS_FILE_TMPDIR
	image_without_vmlinux "$DIR/image" || return 1
	export KTSTR_TEST_KERNEL_SPEC=path:$DIR/image KTSTR_CACHE_DIR=$DIR/cache
	cell_project "$DIR"
	# Without types nobody but the scheduler itself can set its watchdog.
	cat >>"$DIR/ktstr.toml" <<-'TOML'
		[[test]]
		name = "stalls"
		scheduler = "ktstr"
		scheduler-args = ["--stall-after=1", "--timeout-ms=3000"]
		duration = "10s"
		cgroups = [{ name = "load", workers = 4, work = "spin_wait" }]
		expect = { exit = "stall" }
	TOML
	KTSTR_KEEP_IMAGE=1 run_cells "$DIR"
}

@test "the kernel has no vmlinux" {
	assert_eq '[null,false]' "$("$KTSTR_MAKE" kernel list --json | jq -c '.kernels[0] | [.vmlinux, .has_btf]')"
}

@test "a stall is dumped with the scheduler's variables by name, and its arena" {
	assert_dump_has_variables_and_arena "$(dump_of "$DIR" stalls)"
}

@test "a stall is dumped with run queues, dispatch queues and tasks, of the moment of the exit" {
	local dump
	dump=$(dump_of "$DIR" stalls)
	assert_dump_has_kernel_state "$dump" 2
	dump_is "$dump" "the exit is not dealt with yet" '.scx_sched_state | .exit_kind == 1026 and .source == "live"'
	assert_eq null "$(cell_get "$DIR" stalls .captures.not_watched)"
}

@test "a stall is dumped with the probe's counters" {
	assert_dump_has_probe_counters "$(dump_of "$DIR" stalls)"
}

@test "the memory that the dump was made of has the types, too" {
	assert_image_gives_dump "$(dump_of "$DIR" stalls)"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# crash and drgn open the core of a cell: all of its memory, kept at a stall. Both need the DWARF of its kernel, so that is a
# 6.12 built with --keep-debug, into the user's own cache: a quarter of an hour of two CPUs, once. KTSTR_TEST_DEBUG_KERNEL
# names a build tree to take instead, whose vmlinux has DWARF.

bats_require_minimum_version 1.5.0
load ../lib
load ../cells
load ../capture

# A kernel with DWARF: sets KTSTR_TEST_KERNEL_SPEC and VMLINUX. crash 8 takes an exception stack that the kernel has no use
# for, of machine checks, for one of 0 bytes, and gives up; hence CONFIG_X86_MCE.
debug_kernel() {
	local out key dir
	if [ -n "${KTSTR_TEST_DEBUG_KERNEL-}" ]; then
		export KTSTR_TEST_KERNEL_SPEC=path:$KTSTR_TEST_DEBUG_KERNEL VMLINUX=$KTSTR_TEST_DEBUG_KERNEL/vmlinux
		export CONFIG=$KTSTR_TEST_DEBUG_KERNEL/.config
		return
	fi
	cells_on_built_kernel || return 1
	cell_project "$BATS_FILE_TMPDIR/kernel"
	sed -i '/^source = /a kconfig = ["CONFIG_X86_MCE=y"]' "$BATS_FILE_TMPDIR/kernel/ktstr.toml"
	out=$(cd "$BATS_FILE_TMPDIR/kernel" && "$KTSTR_MAKE" --quiet kernel build --keep-debug) || return 1
	read -r key _ dir <<<"$out"
	export KTSTR_TEST_KERNEL_SPEC=$key VMLINUX=$dir/vmlinux CONFIG=$dir/config
}

setup_file() {
	debug_kernel || return 1
	export DIR=$BATS_FILE_TMPDIR/project
	cell_project "$DIR"
	cat >>"$DIR/ktstr.toml" <<-'TOML'
		[[test]]
		name = "stalls"
		scheduler = "ktstr"
		scheduler-args = ["--stall-after=1"]
		watchdog = "3s"
		duration = "10s"
		cgroups = [{ name = "load", workers = 4, work = "spin_wait" }]
		expect = { exit = "stall" }
	TOML
	KTSTR_KEEP_IMAGE=all run_cells "$DIR"
	DUMP=$(dump_of "$DIR" stalls) || return 1
	export DUMP CORE=$BATS_FILE_TMPDIR/core
	"$KTSTR_MAKE" capture --image "${DUMP%.failure-dump.json}.image" --core "$CORE"
}

# ask_crash OPTIONS COMMAND...: what it says to them.
ask_crash() {
	local options=$1
	shift
	# shellcheck disable=SC2086 # options are words
	printf '%s\n' "$@" quit | timeout 300 crash -s $options "$VMLINUX" "$CORE" 2>&1
}

require_crash() {
	command -v crash >/dev/null || require crash "no crash"
}

@test "the image has all of memory, and gives the same dump" {
	ktstr_make capture --image "${DUMP%.failure-dump.json}.image" --json >"$BATS_TEST_TMPDIR/again.json"
	assert_eq "$(jq -c '[.rq_scx_states, .task_enrichments]' "$DUMP")" "$(jq -c '[.rq_scx_states, .task_enrichments]' "$BATS_TEST_TMPDIR/again.json")"
}

@test "the core is as long as the guest's memory, and takes what the guest wrote to" {
	local bytes blocks
	bytes=$(stat -c %s "$CORE") blocks=$(stat -c %b "$CORE")
	[ "$bytes" -gt $((255 << 20)) ]
	[ $((blocks * 512)) -lt $((bytes / 2)) ]
}

@test "drgn reads variables, per-CPU data and the list of tasks" {
	/usr/bin/python3 -c 'import drgn' 2>/dev/null || require drgn "no python3-drgn"
	/usr/bin/python3 - "$CORE" "$VMLINUX" >"$BATS_TEST_TMPDIR/told" <<-'PYTHON'
		import sys, drgn
		from drgn.helpers.linux import for_each_task, per_cpu
		prog = drgn.Program()
		prog.set_core_dump(sys.argv[1])
		prog.load_debug_info([sys.argv[2]])
		print("init_task", prog["init_task"].comm.string_().decode())
		print("exit_kind", prog["scx_exit_kind"].counter.value_())
		for cpu in range(2):
		    print("rq", per_cpu(prog["runqueues"], cpu).curr.comm.string_().decode())
		for task in for_each_task(prog):
		    print("task", task.pid.value_(), task.comm.string_().decode())
	PYTHON
	cat "$BATS_TEST_TMPDIR/told"
	assert_eq 'init_task swapper/0
exit_kind 1026' "$(head -n 2 "$BATS_TEST_TMPDIR/told")"
	assert_eq "$(jq -r '.rq_scx_states[].curr_comm' "$DUMP")" "$(sed -n 's/^rq //p' "$BATS_TEST_TMPDIR/told")"
	assert_eq 4 "$(grep -c '^task [0-9]* kt-load-[0-3]$' "$BATS_TEST_TMPDIR/told")"
}

@test "crash reads memory and the kernel's log, whatever its release" {
	local said
	require_crash || return
	said=$(ask_crash --minimal 'rd -32 scx_exit_kind' log)
	assert_contains "$said" ":  00000402 "
	assert_contains "$said" 'sched_ext: BPF scheduler "ktstr_ops" enabled'
}

@test "crash lists tasks, and walks the stacks of vCPUs from their registers" {
	local version said
	require_crash || return
	version=$(crash --version | awk '/^crash / { print $2; exit }')
	[ "$(printf '%s\n' 8.0.6 "$version" | sort -V | head -n 1)" = 8.0.6 ] ||
		require crash-of-6.12 "crash $version is too old for a kernel 6.12"
	grep -q '^CONFIG_X86_MCE=y' "$CONFIG" || require crash-of-6.12 "the kernel has no CONFIG_X86_MCE"
	said=$(ask_crash '' sys 'p scx_exit_kind' ps 'bt -a')
	echo "$said"
	assert_contains "$said" "CPUS: 2"
	assert_contains "$said" "RELEASE: 6.12"
	assert_contains "$said" "counter = 1026"
	for n in 0 1 2 3; do
		assert_contains "$said" "kt-load-$n"
	done
	# The vCPU that wrote the exit's kind stopped in there.
	assert_contains "$said" "[exception RIP: scx_ops_exit_kind+"
	assert_contains "$said" "] scx_watchdog_workfn at "
}

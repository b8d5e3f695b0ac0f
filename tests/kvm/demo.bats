#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make test --accel kvm on the example project, in the nested machine: the same verdicts as --accel tcg out here.

load ../lib
load ../examples
load ../nested
load ../kvm

# The demo with shorter tests, and with its scheduler built: there is no compiler in the nested machine.
demo_project() {
	local dir=$1
	example_copy "$dir" demo
	make --silent -C "$KTSTR_TOP" O="$dir/examples/demo/build" scx_ktstr || return 1
	sed -i -e '/^build = /d' -e 's/^duration = "3s"/duration = "1s"/' "$dir/examples/demo/ktstr.toml"
}

setup_file() {
	local key
	export DIR=$BATS_FILE_TMPDIR
	nested_begin "$DIR" || return 1
	kvm_kernels "$DIR/kernels" || return 1
	demo_project "$DIR" || return 1

	nested_program "$KTSTR_MAKE" /bin/ktstr-make
	for key in 6 7; do
		key=$(realpath "$DIR/kernels/$key")
		nested_copy "$key" "/root/.cache/ktstr/kernels/${key##*/}"
	done
	nested_copy "$DIR/examples/demo" /demo
	nested_job doctor 60 'ktstr-make doctor --json >/results/doctor.json || true'
	nested_job demo 400 "cd /demo; ktstr-make test --accel kvm --offline --include-ignored -k $(kernel_key 7); exit \$?"
	nested_job save 30 'cp -r /demo/ktstr-out /results/demo-7; rm -rf /demo/ktstr-out'
	nested_job demo6 200 "cd /demo; ktstr-make test --accel kvm --offline -k $(kernel_key 6) two_cgroups stall_is_caught; exit \$?"
	nested_job save6 30 'cp -r /demo/ktstr-out /results/demo-6'
	nested_run 900 || return 1
	(
		cd "$DIR/examples/demo" && "$KTSTR_MAKE" test --accel tcg --offline --include-ignored -k "$(kernel_key 7)"
	) >"$DIR/tcg.log" 2>&1 || true
}

kernel_key() { basename "$(realpath "$DIR/kernels/$1")"; }

# verdicts DIR: of a run, "test verdict how-the-scheduler-ended".
verdicts() {
	cat "$1"/runs/latest/*/*.ktstr.json | jq -r '"\(.test_name) \(.verdict) \(.scheduler_exit.kind)"' | sort
}

@test "doctor says that KVM runs stock kernels in there" {
	assert_job doctor
	assert_eq ok "$(jq -r '.checks[] | select(.name == "kvm") | .health' "$DIR/results/doctor.json")" \
		"$(cat "$DIR/results/doctor.json")"
}

@test "every test of the demo has the verdict that it has under emulation, the red one too" {
	[ -d "$DIR/results/demo-7" ] || assert_job demo
	assert_eq 1 "$(nested_status demo)" "exit status: $(nested_output demo)"
	assert_eq 7 "$(verdicts "$DIR/results/demo-7" | wc -l)" "$(nested_output demo)"
	diff -u <(verdicts "$DIR/examples/demo/ktstr-out") <(verdicts "$DIR/results/demo-7") || {
		nested_output demo
		cat "$DIR/tcg.log"
		return 1
	}
	assert_contains "$(nested_output demo)" "6 passed, 1 failed, 0 inconclusive, 0 skipped, 0 errors"
}

@test "the demo names the accelerator that it used" {
	assert_contains "$(nested_output demo)" "accelerator kvm"
	assert_eq '"kvm"' "$(cat "$DIR"/results/demo-7/runs/latest/*/*.ktstr.json | jq .accel.name | sort -u)"
}

@test "the guests' shapes are those that they have under emulation" {
	local name
	for name in eevdf_baseline two_cgroups smt_siblings two_nodes; do
		# Tables of the firmware take some memory away.
		jq -e '.guest_topology | del(.nodes[].memory_bytes)' "$DIR"/examples/demo/ktstr-out/runs/latest/*/"$name"-*.ktstr.json >"$DIR/tcg.json"
		jq -e '.guest_topology | del(.nodes[].memory_bytes)' "$DIR"/results/demo-7/runs/latest/*/"$name"-*.ktstr.json >"$DIR/kvm.json"
		diff -u "$DIR/tcg.json" "$DIR/kvm.json"
	done
}

@test "the demo passes on the 6.12 that was built here, too" {
	assert_job demo6
	assert_eq 'stall_is_caught pass 1026
two_cgroups pass 0' "$(verdicts "$DIR/results/demo-6")"
}

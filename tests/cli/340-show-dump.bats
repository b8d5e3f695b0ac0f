#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make show: a failure dump, or a part of one. tests/data/failure-dump.json is a real one, cut (failure-dump.py says how).

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	cp "$KTSTR_TOP/tests/data/failure-dump.json" dump.json
}

@test "all of a dump is shown, and as JSON it is what was read" {
	run --separate-stderr ktstr_make show dump.json
	assert_eq 0 "$status"
	assert_eq "" "$stderr"
	assert_contains "$output" "exit ERROR_STALL (1026), scheduler \"ktstr_ops\" of object bpf"
	assert_contains "$output" "map bpf.bss (type=array, value_size=200, max_entries=1)"
	ktstr_make show --json dump.json | cmp - dump.json
}

@test "a screen has the lines that were asked for, and says how to see the rest" {
	run --separate-stderr ktstr_make show -n 10 dump.json
	assert_eq 0 "$status"
	[ "${#lines[@]}" -le 10 ]
	assert_contains "${lines[0]}" "exit ERROR_STALL (1026)"
	[[ ${lines[-1]} =~ ^\([0-9]+\ more\ lines:\ ktstr-make\ show\ dump.json\)$ ]]
}

@test "a path leads to a part, as text and as JSON" {
	run --separate-stderr ktstr_make show dump.json bpf.bss.stall
	assert_eq 0 "$status"
	assert_eq 1 "$output"
	run --separate-stderr ktstr_make show --json dump.json 'ktstr_array_fix[3].magic'
	assert_eq '{"kind": "uint", "bits": 64, "value": 12379813738877118345}' "$output"
	run --separate-stderr ktstr_make show dump.json 'bpf.bss.ktstr_bss_arena_holder.arena_target.value'
	assert_eq 1311768467294899695 "$output"
	run --separate-stderr ktstr_make show dump.json 'ktstr_pcpu_fix[0][1].cpu_echo'
	assert_eq 1 "$output"
}

@test "a wrong path is exit code 3 and names what there is" {
	run --separate-stderr ktstr_make show dump.json bpf.bss.stal
	assert_eq 3 "$status"
	assert_eq "" "$output"
	assert_contains "$stderr" "ktstr-make: error: there is no 'stal' in 'bpf.bss': did you mean 'stall'? There is: "
	run --separate-stderr ktstr_make show dump.json 'rq[2]'
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: there is no [2] in 'rq': it has 2 elements, counted from 0" "$stderr"
	run --separate-stderr ktstr_make show --json dump.json 'rq[2]'
	assert_eq 3 "$status"
	assert_eq usage "$(jq -r .error.kind <<<"$output")"
}

@test "the directory of a run, or a sidecar, stands for the dump in it" {
	mkdir -p run/7.3.4-abc
	cp dump.json run/7.3.4-abc/stall-0123.failure-dump.json
	echo '{}' >run/7.3.4-abc/stall-0123.ktstr.json
	echo '{}' >run/7.3.4-abc/other-0123.ktstr.json
	ln -s run latest
	for file in run latest run/7.3.4-abc run/7.3.4-abc/stall-0123.ktstr.json; do
		run --separate-stderr ktstr_make show "$file" bpf.bss.stall
		assert_eq "0 1" "$status $output" "$file"
	done
	run --separate-stderr ktstr_make show run/7.3.4-abc/other-0123.ktstr.json
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: 'run/7.3.4-abc/other-0123.ktstr.json' has no failure dump beside it" "$stderr"
	cp dump.json run/7.3.4-abc/two-0123.failure-dump.json
	run --separate-stderr ktstr_make show run
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: there are several failure dumps in 'run': give one:
  run/7.3.4-abc/stall-0123.failure-dump.json
  run/7.3.4-abc/two-0123.failure-dump.json" "$stderr"
}

@test "what is no dump is refused with its place" {
	mkdir empty
	run --separate-stderr ktstr_make show empty
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: there is no failure dump in 'empty'" "$stderr"
	run --separate-stderr ktstr_make show nothing.json
	assert_eq 4 "$status"
	assert_eq "ktstr-make: error: open 'nothing.json': No such file or directory" "$stderr"
	head -c 1000 dump.json >cut.json
	run --separate-stderr ktstr_make show cut.json
	assert_eq 3 "$status"
	assert_contains "$stderr" "ktstr-make: error: cut.json:"
	assert_contains "$stderr" ": not JSON: it ends too early"
	echo '{"schema": "single", "maps": [{"name": "m"}]}' >part.json
	run --separate-stderr ktstr_make show part.json
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: part.json: maps[0].map_type should be there" "$stderr"
	run --separate-stderr ktstr_make show
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: which dump? Give its file, the directory of a run, or a sidecar" "$stderr"
}

@test "of a dual dump the late one is meant, and each can be named" {
	jq -c '{schema: "dual", early: {schema: "single", maps: []}, late: {schema: "single", maps: [{name: "m", map_type: 2,
		value_size: 4, max_entries: 1, value: {kind: "int", bits: 32, value: 7}}]}, early_max_age_jiffies: 501,
		early_threshold_jiffies: 500}' <<<null >dual.json
	run --separate-stderr ktstr_make show dual.json m
	assert_eq "0 map m (type=array, value_size=4, max_entries=1)
  7" "$status $output"
	run --separate-stderr ktstr_make show dual.json late.m.map_type
	assert_eq "0 2" "$status $output"
	run --separate-stderr ktstr_make show dual.json early.m
	assert_eq 3 "$status"
	run --separate-stderr ktstr_make show dual.json early
	assert_eq "0 (empty failure dump)" "$status $output"
	run --separate-stderr ktstr_make show dual.json
	assert_contains "$output" "early: taken when a task had waited 501 of 500 jiffies; late: 1 maps"
}

@test "a degraded dump is shown, and has no parts" {
	echo '{"schema": "degraded", "reason": "no rendezvous", "vcpu_regs": [null], "watchpoint_hit": false,
		"bss_latch_state": "not_resolved"}' >degraded.json
	run --separate-stderr ktstr_make show degraded.json
	assert_eq 0 "$status"
	assert_eq "no dump: no rendezvous" "${lines[0]}"
	assert_eq "  vcpu 0: not_parked" "${lines[2]}"
	run --separate-stderr ktstr_make show degraded.json regs
	assert_eq 3 "$status"
}

@test "the examples of docs/failure-dump.md are true" {
	local doc=$KTSTR_TOP/docs/failure-dump.md command expected nr=0
	while IFS= read -r -d $'\1' block; do
		command=${block%%$'\n'*}
		expected=${block#*$'\n'}
		# shellcheck disable=SC2086 # words of a command
		run --separate-stderr ktstr_make $command
		assert_eq "0 ${expected%$'\n'}" "$status $output" "ktstr-make $command"
		nr=$((nr + 1))
	done < <(awk '/^```/ { if (in_block) printf "\1"; in_block = 0; next }
		/^\$ ktstr-make show / { in_block = 1; sub(/^\$ ktstr-make /, "") }
		in_block { print }' "$doc")
	[ "$nr" -ge 5 ]
}

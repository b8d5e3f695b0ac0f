#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Dumps of schedulers that are not ours: those of the kernel's own tools/sched_ext, on the kernel of the same source. Each
# of their maps is told, and what it tells agrees with the rest of the dump.

bats_require_minimum_version 1.5.0
load ../lib
load ../cells
load ../examples
load ../capture

setup_file() {
	local program missing=
	for program in make gcc flex bison bc pahole "${BPF_CLANG:-clang-19}"; do
		command -v "$program" >/dev/null || missing+=" $program"
	done
	[ -z "$missing" ] || require cc "missing:$missing" || return 1
	command -v qemu-system-x86_64 >/dev/null || require tcg "no qemu-system-x86_64" || return 1

	example_copy "$BATS_FILE_TMPDIR" kernel-tree
	export DIR=$BATS_FILE_TMPDIR/examples/kernel-tree
	cat >"$DIR/ktstr.toml" <<-'TOML'
		[project]
		name = "real-schedulers"
		[vm]
		accel = "tcg"
		[kernel.default]
		source = "debian:bookworm-backports/linux-source-6.12"
		flavour = "minimal"
		[scheduler.qmap]
		kernel-source = true
		build = "make --silent scx_qmap"
		binary = "$KTSTR_OUT/scx_qmap"
		[scheduler.flatcg]
		kernel-source = true
		build = "make --silent scx_flatcg"
		binary = "$KTSTR_OUT/scx_flatcg"
		[defaults]
		duration = "3s"
		topology = "1n1l2c1t"

		[[test]]
		name = "qmap_gives_up"
		scheduler = "qmap"
		scheduler-args = ["-e", "200"]
		duration = "6s"
		expect = { exit = "test triggering error" }
		cgroups = [{ name = "load", workers = 6, work = "spin_wait" }]
		[[test]]
		name = "qmap_under_load"
		scheduler = "qmap"
		snapshots = { periodic = 3 }
		cgroups = [{ name = "load", workers = 8, work = "spin_wait" }]
		[[test]]
		name = "flatcg_under_load"
		scheduler = "flatcg"
		snapshots = { periodic = 1 }
		cgroups = [
			{ name = "one", workers = 3, work = "spin_wait" },
			{ name = "two", workers = 3, work = "spin_wait" },
		]
	TOML
	run_cells "$DIR"
}

setup() {
	[ "$(cat "$DIR/run.status")" = 0 ] || { cat "$DIR/run.log"; return 1; }
}

# snapshot TEST N: the file of its periodic capture.
snapshot() {
	local files=("$DIR"/ktstr-out/runs/latest/*/"$1"-*.snapshot.periodic_00"$2".json)
	[ -f "${files[0]}" ] || { echo "no periodic capture $2 of $1" >&2; return 1; }
	printf '%s\n' "${files[0]}"
}

# Hashes, queues and storage may be empty, and have then no list; everything else has contents.
assert_maps_are_told() {
	local contents='.value // .entries // .array_entries // .percpu_entries // .percpu_hash_entries // .arena // .ringbuf // .stack_trace // .fd_array'
	dump_is "$1" "maps were found" '.maps | length > 8' &&
		dump_is "$1" "every map has contents, or may be empty" \
			"[.maps[] | select(($contents // .error) == null and (.map_type | IN(1, 5, 9, 10, 22, 23, 24, 28, 29, 32) | not))] == []" &&
		dump_is "$1" "no map has a problem" '[.maps[] | select(.error) | "\(.name): \(.error)"] == []' &&
		dump_is "$1" "no value is without its type" \
			'[.maps[] | .entries[]?, .array_entries[]? | select(.value == null)] == []' &&
		dump_is "$1" "nothing could not be shown" '[.. | objects | select(.kind == "unsupported") | .reason] == []'
}

# map NAME: jq for the map; the kernel keeps 15 bytes of a name.
map() { echo ".maps[] | select(.name == \"${1:0:15}\")"; }
# var NAME: jq for a variable of .bss.
var() { echo ".maps[] | select(.name | endswith(\".bss\")) | .value.members[] | select(.name == \"$1\") | .value.value"; }

assert_dump_of_qmap() {
	local dump=$1 member='.value.members[] | select(.name == "core_sched_seq") | .value.kind'
	assert_maps_are_told "$dump" &&
		dump_is "$dump" "the active scheduler's object" '.active_obj_name == "scx_qmap"' &&
		dump_is "$dump" "all kinds of maps that qmap has" '[.maps[].map_type] | unique == [2, 6, 12, 22, 26, 29]' &&
		dump_is "$dump" "the array of maps has its five queues" "$(map queue_arr) | .fd_array | .populated == 5 and .indices == [0, 1, 2, 3, 4]" &&
		dump_is "$dump" "each task has a context" \
			"[$(map task_ctx_stor) | .entries[] | .value.type_name] | length > 8 and (unique == [\"task_ctx\"])" &&
		dump_is "$dump" "contexts have their members" "[$(map task_ctx_stor) | .entries[] | $member] | unique == [\"uint\"]" &&
		dump_is "$dump" "each CPU has its context" \
			"[$(map cpu_ctx_stor) | .percpu_entries[0].per_cpu[] | .type_name] == [\"cpu_ctx\", \"cpu_ctx\"]" &&
		dump_is "$dump" "more was queued than dispatched" "($(var nr_enqueued)) > 0 and ($(var nr_enqueued)) >= ($(var nr_dequeued))" &&
		dump_is "$dump" "the operations have their name" \
			"[$(map qmap_ops) | .. | objects | select(.name? == \"name\") | .value.elements[0:4] | map(.value)] == [[113, 109, 97, 112]]"
}

@test "scx_qmap: an error exit is dumped with every map" {
	local dump
	dump=$(dump_of "$DIR" qmap_gives_up)
	assert_dump_of_qmap "$dump"
	dump_is "$dump" "the exit is the scheduler's own" '.scx_sched_state.exit_kind == 1025'
	dump_is "$dump" "it had counted down to it" "($(var test_error_cnt)) == 0"
}

# The kernel takes no types for queues, so their values are bytes: of pids here.
queued_pids='def hex: explode | map(if . >= 97 then . - 87 else . - 48 end) | reduce .[] as $d (0; . * 16 + $d);
	def queued_pids: [.maps[] | select(.map_type == 22 and .name != "dump_store") | .array_entries[]?.value
		| select(.kind == "bytes") | .hex | split(" ") | reverse | join("") | hex];'

@test "scx_qmap: what waits in its queues are tasks of the load" {
	local i dump waiting=0
	for i in 0 1 2; do
		dump=$(snapshot qmap_under_load "$i")
		assert_dump_of_qmap "$dump"
		dump_is "$dump" "every queued number is the pid of a task" \
			"$queued_pids queued_pids - [.task_enrichments[].pid] == []"
		# Each of two CPUs may have been stopped between a queue and the counter.
		dump_is "$dump" "as many wait as were queued and not yet dispatched" \
			"$queued_pids (queued_pids | length) - (($(var nr_enqueued)) - ($(var nr_dispatched))) | . >= -2 and . <= 2"
		waiting=$((waiting + $(jq "$queued_pids queued_pids - (queued_pids - [.task_enrichments[] | select(.comm | startswith(\"kt-load-\")) | .pid]) | length" "$dump")))
	done
	# eight workers on two CPUs
	[ "$waiting" -gt 0 ]
}

@test "scx_flatcg: cgroups, their tree's nodes and its statistics" {
	local dump
	dump=$(snapshot flatcg_under_load 0)
	assert_maps_are_told "$dump"
	dump_is "$dump" "the active scheduler's object" '.active_obj_name == "scx_flatcg"[0:8]'
	dump_is "$dump" "all kinds of maps that flatcg has" '[.maps[].map_type] | unique == [1, 2, 6, 26, 29, 32]'
	dump_is "$dump" "each cgroup has its context, with a weight" \
		"[$(map cgrp_ctx) | .entries[] | .value | select(.type_name == \"fcg_cgrp_ctx\") | .members[] | select(.name == \"weight\") | .value.value] | length >= 3 and all(. > 0)"
	dump_is "$dump" "two cgroups have three runnable workers each" \
		"[$(map cgrp_ctx) | .entries[] | .value.members[] | select(.name == \"nr_runnable\") | .value.value | select(. == 3)] | length == 2"
	dump_is "$dump" "nodes of the tree that nobody uses are stashed by cgroup" \
		"[$(map cgv_node_stash) | .entries[] | .key.value] | length >= 3 and (unique | length) == length and all(. > 0)"
	dump_is "$dump" "each task has its context" \
		"[$(map task_ctx) | .entries[] | .value.type_name] | length > 6 and (unique == [\"fcg_task_ctx\"])"
	dump_is "$dump" "statistics of each CPU" "[$(map stats) | .percpu_entries[] | .per_cpu | length] | unique == [2]"
	dump_is "$dump" "something was counted" "[$(map stats) | .percpu_entries[] | .per_cpu[] | .value] | add > 0"
}

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What failure dumps must hold, whatever kernel and machine they come from: the assertions of the reference's three tests of
# them, and a project whose tests make them.

# capture_project DIR: cell_project's, with tests that end in error exits.
capture_project() {
	cell_project "$1"
	cat >>"$1/ktstr.toml" <<-'TOML'
		[[test]]
		name = "stalls"
		scheduler = "ktstr"
		scheduler-args = ["--stall-after=1"]
		watchdog = "3s"
		duration = "10s"
		cgroups = [{ name = "load", workers = 4, work = "spin_wait" }]
		expect = { exit = "stall" }
		[[test]]
		name = "crashes_at_once"
		scheduler = "ktstr"
		scheduler-args = ["--crash"]
	TOML
}

# asking_project DIR: capture_project's, with tests whose captures are asked for: at fixed times, by a program in the guest,
# and at what follows an error exit: the kernel's writes to its enable state, the last of which leaves no scheduler. The
# variable has one name in 6.12, another since.
asking_project() {
	capture_project "$1"
	build_bad_scheduler "$1"
	cat >>"$1/ktstr.toml" <<-'TOML'
		[[test]]
		name = "lives"
		scheduler = "ktstr"
		duration = "2s"
		snapshots = { periodic = 3 }
		[scheduler.asks]
		binary = "bad_scheduler"
		args = ["ask", "after the/start", "watch scx_watchdog_timestamp", "watch no_such_symbol", "after the/start"]
		[[test]]
		name = "asks"
		scheduler = "asks"
		watchdog = "1s"
		duration = "2s"
		[scheduler.asks_later]
		binary = "bad_scheduler"
		args = ["ask", "--stall-after=1", "watch scx_enable_state_var", "watch scx_ops_enable_state_var"]
		[[test]]
		name = "asks_later"
		scheduler = "asks_later"
		watchdog = "3s"
		duration = "10s"
		cgroups = [{ name = "load", workers = 4, work = "spin_wait" }]
		expect = { exit = "stall" }
	TOML
}

# dump_of DIR TEST: the one failure dump of a test in the last run, below DIR/ktstr-out.
dump_of() {
	local files=("$1"/ktstr-out/runs/latest/*/"$2"-*.failure-dump.json)
	if [ ${#files[@]} -ne 1 ] || [ ! -f "${files[0]}" ]; then
		echo "no failure dump of '$2'" >&2
		[ ! -f "$1/run.log" ] || cat "$1/run.log" >&2
		return 1
	fi
	printf '%s\n' "${files[0]}"
}

# dump_is FILE WHAT JQ-EXPRESSION: which must be true.
dump_is() {
	jq -e "$3" "$1" >/dev/null && return 0
	printf 'not so: %s\n  %s\n  of %s, which has\n' "$2" "$3" "$1" >&2
	jq -c 'map_values(if type == "array" then "\(length) of them" else . end)' "$1" >&2
	return 1
}

# The scheduler's variables by name, as they were, and its arena, with live data in it.
assert_dump_has_variables_and_arena() {
	local bss='.maps[] | select((.name | endswith(".bss")) and (.name | startswith("probe_bp.") or startswith("fentry_p.") | not)) | .value'
	local arena='.maps[] | select(.map_type == 33) | .arena'
	dump_is "$1" "a capture that worked" '.schema == "single"' &&
		dump_is "$1" "the .bss is rendered by its types" "[$bss.kind] | any(. == \"struct\")" &&
		dump_is "$1" "stall and crash have their names" "[$bss.members[].name] | index(\"stall\") and index(\"crash\")" &&
		dump_is "$1" "stall is 1" "[$bss.members[] | select(.name == \"stall\") | .value.value] == [1]" &&
		dump_is "$1" "tasks were allocated" "[$bss.members[] | select(.name == \"ktstr_alloc_count\") | .value.value] | .[0] > 0" &&
		dump_is "$1" "a vCPU has registers" '[.vcpu_regs[] | select(. != null and .instruction_pointer != 0)] | length > 0' &&
		dump_is "$1" "no register that x86 does not have" '[.vcpu_regs[] | select(. != null) | has("user_page_table_root")] | any | not' &&
		dump_is "$1" "there is an arena with pages" "[$arena.pages | length] | .[0] > 0" &&
		dump_is "$1" "not more pages than there are" "[$arena] | .[0] | .declared_pages > 0 and (.pages | length) <= .declared_pages" &&
		# 0xDEADBEEFCAFEBABE, lowest byte first
		dump_is "$1" "a page has the tasks' magic number" \
			"[$arena.pages[].bytes | indices([190, 186, 254, 202, 239, 190, 173, 222]) | length] | add > 0" &&
		assert_dump_has_slots_and_casts "$1" &&
		dump_is "$1" "how often a program ran" '[.prog_runtime_stats[] | select(.name == "ktstr_enqueue") | .cnt > 0 and .nsecs > 0] == [true]'
}

# What BTF does not say: types of the allocator's slots, and numbers that hold pointers.
assert_dump_has_slots_and_casts() {
	local slots='.sdt_allocations[] | select(.allocator_name == "scx_task_allocator") | .entries'
	local payload="[${slots}[].payload | select(.type_name == \"ktstr_arena_ctx\") | .members"
	local holder='.maps[] | select(.name == "bpf.bss") | .value.members[] | select(.name == "ktstr_bss_arena_holder") | .value.members[]'
	dump_is "$1" "every slot has its type" "$slots | length > 0 and all(.payload.type_name == \"ktstr_arena_ctx\")" &&
		dump_is "$1" "a slot has what the scheduler wrote" "${payload}[] | select(.name == \"counter\") | .value.value] | any(. == 42)" &&
		# but for tasks that are just being made
		dump_is "$1" "the map of tasks shows their slots" \
			'.maps[] | select(.name == "scx_task_map") | .entries | (map(select(.payload.type_name == "ktstr_arena_ctx")) | length) > length / 2' &&
		dump_is "$1" "a number in a slot is followed into the arena" "${payload}[] | select(.name == \"stashed_arena_ptr\") | .value |
			.cast_annotation == \"cast→arena\" and .deref.type_name == \"ktstr_cross_target\"] | any" &&
		dump_is "$1" "another one to its task" "${payload}[] | select(.name == \"task_kptr\") | .value |
			.cast_annotation == \"cast→kernel\" and (.deref | .partial // . | .type_name == \"task_struct\")] | any" &&
		dump_is "$1" "a variable is followed into the arena" "[$holder | select(.name == \"arena_target\") | .value |
			.cast_annotation == \"cast→arena\" and .deref.type_name == \"ktstr_cross_target\"] == [true]" &&
		dump_is "$1" "the number beside it is one" "[$holder | select(.name == \"bss_plain_counter\") | .value.kind] == [\"uint\"]" &&
		dump_is "$1" "the static pool is one range" \
			'.scx_static_ranges.ranges | map([.instance_name, .size, .capacity]) == [["ktstr_static_pool", 16, 4096]]'
}

# snapshot_of DIR TEST TAG: the one file of that capture. TAG may be a pattern.
snapshot_of() {
	# shellcheck disable=SC2206 # a pattern
	local files=("$1"/ktstr-out/runs/latest/*/"$2"-*.snapshot.$3.json)
	if [ ${#files[@]} -ne 1 ] || [ ! -f "${files[0]}" ]; then
		echo "no capture '$3' of '$2'" >&2
		[ ! -f "$1/run.log" ] || cat "$1/run.log" >&2
		return 1
	fi
	printf '%s\n' "${files[0]}"
}

# What came of asking_project's tests in the last run, each of DIR.

assert_periodic_captures() {
	local i last=0 enqueued file
	assert_eq pass "$(cell_get "$1" lives .verdict)" "verdict of lives" &&
		assert_eq '3 of 3' "$(cell_get "$1" lives '"\(.periodic_fired) of \(.periodic_target)"')" &&
		assert_eq 3 "$(cell_get "$1" lives '.captures.snapshots | length')" || return 1
	for i in 0 1 2; do
		file=$(snapshot_of "$1" lives "periodic_00$i") && assert_dump_has_kernel_state "$file" 2 || return 1
		enqueued=$(jq '.maps[] | select(.name == "bpf.bss") | .value.members[] | select(.name == "nr_enqueued") | .value.value' "$file")
		[ "$enqueued" -gt "$last" ] || { echo "nr_enqueued of $i is $enqueued, before it was $last"; return 1; }
		last=$enqueued
	done
}

assert_captures_on_request() {
	local log tag
	log=$(cell_logs "$1" asks)/scheduler.log
	assert_eq pass "$(cell_get "$1" asks .verdict)" "$(cat "$log")" &&
		assert_eq 2 "$(grep -cx 'after the/start: ok' "$log")" "$(cat "$log")" &&
		assert_eq 'watch scx_watchdog_timestamp: ok' "$(grep '^watch scx_watchdog' "$log")" &&
		assert_contains "$(cat "$log")" "watch no_such_symbol: error: symbol 'no_such_symbol' not found" || return 1
	for tag in after_the_start scx_watchdog_timestamp; do
		assert_dump_has_kernel_state "$(snapshot_of "$1" asks "$tag")" 2 || return 1
	done
	assert_eq 2 "$(cell_get "$1" asks '.captures.snapshots | length')"
}

# The kernel has forgotten the exit's kind by then: the probe's note of it is shown, beside the dump of the exit itself.
assert_capture_after_exit() {
	local file
	file=$(snapshot_of "$1" asks_later 'scx*_enable_state_var') || return 1
	dump_is "$(dump_of "$1" asks_later)" "the exit itself" '.scx_sched_state | .source == "live" and .exit_kind == 1026' &&
		dump_is "$file" "what the probe noted" '.scx_sched_state | .source == "bss_snapshot" and .exit_kind == 1026' &&
		dump_is "$file" "the probe's hook ran before" '.probe_counters.trigger_count > 0'
}

# assert_dump_has_kernel_state FILE CPUS
assert_dump_has_kernel_state() {
	dump_is "$1" "sched_ext's state was walked" 'has("scx_walker_unavailable") | not' &&
		dump_is "$1" "one run queue a CPU" ".rq_scx_states | length == $2" &&
		dump_is "$1" "one of them is in use" '[.rq_scx_states[] | .nr_running > 0 or .flags != 0] | any' &&
		dump_is "$1" "there are dispatch queues" '.dsq_states | length > 0' &&
		dump_is "$1" "a local one of each CPU" "[.dsq_states[].origin | select(startswith(\"local \"))] == [range($2) | \"local cpu \\(.)\"]" &&
		dump_is "$1" "a global one among them" '[.dsq_states[].origin | startswith("global node ")] | any' &&
		dump_is "$1" "the scheduler's own state" '.scx_sched_state | type == "object"' &&
		dump_is "$1" "tasks were walked" 'has("task_enrichments_unavailable") | not' &&
		dump_is "$1" "there are tasks" '.task_enrichments | length > 0' &&
		dump_is "$1" "real ones" '[.task_enrichments[] | .pid > 0 and .comm != ""] | any' &&
		dump_is "$1" "NUMA rows, or why not" '(.per_node_numa // [] | length > 0) or (.per_node_numa_unavailable | type == "string")'
}

# assert_dump_has_bypass_queues FILE CPUS: of a kernel that has a queue for each CPU while schedulers are bypassed, as 7.x.
assert_dump_has_bypass_queues() {
	dump_is "$1" "a bypass queue of each CPU" "[.dsq_states[].origin | select(startswith(\"bypass \"))] == [range($2) | \"bypass cpu \\(.)\"]"
}

assert_dump_has_probe_counters() {
	dump_is "$1" "the probe was found" '.probe_counters | type == "object"' &&
		dump_is "$1" "its exit hook ran" '.probe_counters.trigger_count > 0' &&
		dump_is "$1" "its kprobe ran" '.probe_counters.probe_count > 0'
}

# assert_image_gives_dump DUMP: the image beside it, told again, is the same. The counters of the probe alone are read later
# than memory, when its hook has run.
assert_image_gives_dump() {
	local again=$BATS_TEST_TMPDIR/again.json counters='^ +"(probe_count|kprobe_returns|trigger_count)": [0-9]+,?$'
	ktstr_make capture --image "${1%.failure-dump.json}.image" --json >"$again" && [ "$(wc -l <"$again")" -gt 1000 ] &&
		diff <(grep -vE "$counters" "$1") <(grep -vE "$counters" "$again")
}

# ---- the map zoo: tests/vm/progs/map_zoo.c ----

map_zoo_project() {
	cell_project "$1"
	cat >>"$1/ktstr.toml" <<-TOML
		[scheduler.zoo]
		binary = "$O/tests/map_zoo"
		[[test]]
		name = "zoo"
		scheduler = "zoo"
		duration = "30s"
	TOML
}

# Numbers of 16 digits and more become strings: jq would round them.
exact_numbers() { sed -E 's/([:[, ])(-?[0-9]{16,})/\1"\2"/g' "$1"; }

# map_zoo_compare DIR: zoo.json is what the guest printed, dump.json what the dump has, compared.json both in one form.
map_zoo_compare() {
	local log
	log=$(cell_logs "$1" zoo) && sed -n 's/^ZOO //p' "$log/scheduler.log" >"$1/zoo.raw" &&
		exact_numbers "$1/zoo.raw" >"$1/zoo.json" && [ -s "$1/zoo.json" ] &&
		exact_numbers "$(dump_of "$1" zoo)" >"$1/dump.json" &&
		jq --slurpfile zoo "$1/zoo.json" -f "$KTSTR_TOP/tests/vm/map_zoo.jq" "$1/dump.json" >"$1/compared.json"
}

# maps_agree DIR MAP...
maps_agree() {
	local dir=$1 map r=0
	shift
	for map; do
		jq -e --arg map "$map" '.[$map] | . != null and .want == .have' "$dir/compared.json" >/dev/null && continue
		printf '%s: the kernel says one thing, the dump another\n' "$map" >&2
		jq -c --arg map "$map" '.[$map] | "kernel: \(.want)", "dump:   \(.have)"' "$dir/compared.json" | cut -c1-2000 >&2
		r=1
	done
	return "$r"
}

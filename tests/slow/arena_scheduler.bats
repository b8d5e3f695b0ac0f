#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A dump of a scheduler with an arena that is not ours: scx_sdt of the kernel's own tools/sched_ext (7.2 and newer), on
# Debian's prebuilt kernel of the same version. Its source comes from Debian's archive, into the user's own cache, so that
# only the first run downloads it.

bats_require_minimum_version 1.5.0
load ../lib
load ../cells
load ../capture

SPEC=debian:trixie-backports
FETCH_SECONDS=600

# fetch SPEC: its key and directory in KEY and ENTRY; or why not in WHY.
fetch() {
	local out
	if ! out=$(timeout "$FETCH_SECONDS" "$KTSTR_MAKE" --quiet kernel fetch "$1" 2>"$BATS_FILE_TMPDIR/fetch.err"); then
		WHY="$1 is not to be had within $FETCH_SECONDS s: $(tail -n 1 "$BATS_FILE_TMPDIR/fetch.err")"
		return 1
	fi
	read -r KEY _ ENTRY <<<"$out"
}

build_sdt() {
	local clang=${BPF_CLANG:-clang-19}
	mkdir -p "$DIR/tree"
	make --silent -j"$(nproc)" -C "$1/tools/sched_ext" O="$DIR/tree" CLANG="$clang" LLVM_STRIP="llvm-strip${clang#clang}" \
		VMLINUX_BTF="$2/vmlinux" scx_sdt >"$DIR/build.log" 2>&1 || { cat "$DIR/build.log" >&2; return 1; }
}

setup_file() {
	local program missing='' kernel version WHY KEY ENTRY
	for program in make gcc pahole "${BPF_CLANG:-clang-19}"; do
		command -v "$program" >/dev/null || missing+=" $program"
	done
	[ -z "$missing" ] || require cc "missing:$missing" || return 1
	command -v qemu-system-x86_64 >/dev/null || require tcg "no qemu-system-x86_64" || return 1

	export DIR=$BATS_FILE_TMPDIR/project
	KTSTR_TEST_KERNEL_SPEC=$SPEC/cloud cell_project "$DIR"
	fetch "$SPEC/cloud" || require debian-archive "$WHY" || return 1
	kernel=$ENTRY version=${KEY%%-x86_64*}
	fetch "$SPEC/linux-source-$(cut -d. -f1-2 <<<"$version")" || require debian-archive "$WHY" || return 1
	[ "${KEY%%-x86_64*}" = "$version" ] || require debian-archive "the kernel is $version, but the source ${KEY%%-x86_64*}" || return 1
	[ -f "$ENTRY/tools/sched_ext/scx_sdt.c" ] || require scx-sdt "$version has no scx_sdt" || return 1
	build_sdt "$ENTRY" "$kernel" || return 1
	cat >>"$DIR/ktstr.toml" <<-TOML
		[scheduler.sdt]
		binary = "$DIR/tree/build/bin/scx_sdt"
		[[test]]
		name = "sdt_under_load"
		scheduler = "sdt"
		duration = "3s"
		snapshots = { periodic = 1 }
		cgroups = [{ name = "load", workers = 6, work = "spin_wait" }]
	TOML
	run_cells "$DIR"
}

setup() {
	[ "$(cat "$DIR/run.status")" = 0 ] || { cat "$DIR/run.log"; return 1; }
	DUMP=$(echo "$DIR"/ktstr-out/runs/latest/*/sdt_under_load-*.snapshot.periodic_000.json)
	[ -f "$DUMP" ]
}

TASK_MAP='.maps[] | select(.name == "scx_task_map") | .entries[]'
# member NAME: of a value, in jq.
member() { echo ".value.members[] | select(.name == \"$1\") | .value"; }

@test "every map of scx_sdt is told" {
	dump_is "$DUMP" "the active scheduler's object" '.active_obj_name == "scx_sdt"'
	dump_is "$DUMP" "all kinds of maps that it has" '[.maps[].map_type] | unique == [2, 26, 29, 33]'
	dump_is "$DUMP" "each has contents" '[.maps[] | select((.value // .entries // .arena) == null) | .name] == []'
	dump_is "$DUMP" "no map has a problem" '[.maps[] | select(.error) | "\(.name): \(.error)"] == []'
	dump_is "$DUMP" "the arena has pages, at their addresses" \
		'[.maps[] | select(.map_type == 33) | .arena] | .[0] | .declared_pages == 1048576 and (.pages | length) > 3 and .user_vm_start == 17592186044416'
}

@test "each task's slot of scx_sdt's allocator is found, by its own types" {
	dump_is "$DUMP" "there is one allocator" '[.sdt_allocations[].allocator_name] == ["scx_task_allocator"]'
	dump_is "$DUMP" "every subtree was read" '.sdt_allocations[0] | .skipped_subtrees == 0 and .truncated != true'
	dump_is "$DUMP" "its slots are those that the tasks' storage names" \
		"([.sdt_allocations[0].entries[].idx] | sort) == ([$TASK_MAP | $(member tid).members[] | select(.name == \"idx\") | .value.value] | sort)"
	dump_is "$DUMP" "and at the addresses that it points to" \
		"([.sdt_allocations[0].entries[].user_addr] | sort) == ([$TASK_MAP | $(member data).value % 4294967296] | sort)"
	# clang writes no struct scx_stats into BTF, for it is only reached through pointers: bytes then, and why.
	dump_is "$DUMP" "what they hold is not told by BTF, and that is said" \
		'.sdt_allocations[0] | .target_type_id == 0 and .payload_type_reason == "the scheduler'\''s BTF has no struct of 48 bytes that slots could hold"'
	dump_is "$DUMP" "each payload is bytes" '[.sdt_allocations[0].entries[].payload | [.kind, (.hex | length)]] | unique == [["bytes", 143]]'
}

# struct scx_stats begins with two ints, the second is a pid.
@test "what is in the slots are the tasks that run" {
	local le='def hex: explode | map(if . >= 97 then . - 87 else . - 48 end) | reduce .[] as $d (0; . * 16 + $d);
		def pids: [.sdt_allocations[0].entries[].payload.hex | split(" ")[4:8] | reverse | join("") | hex];'
	dump_is "$DUMP" "each worker has a slot with its pid" \
		"$le pids as \$pids | [.task_enrichments[] | select(.comm | startswith(\"kt-load-\")) | .pid] | length == 6 and . - \$pids == []"
}

@test "a number that holds a task's address is shown as the task" {
	dump_is "$DUMP" "the cast was found" "[$TASK_MAP | $(member tptr) | [.kind, .cast_annotation]] | unique == [[\"ptr\", \"cast→kernel\"]]"
	dump_is "$DUMP" "it is the task that the storage belongs to" "[$TASK_MAP | .key.value == $(sed 's/^/(/;s/$/)/' <<<"$(member tptr).value")] | all"
	dump_is "$DUMP" "what it points to is rendered, or says why not" \
		"[$TASK_MAP | $(member tptr) | .deref // .deref_skipped_reason] | all(. != null)"
}

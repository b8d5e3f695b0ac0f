#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What a failure dump says of maps is what the kernel itself says of them: a scheduler with a map of every type fills them,
# prints what they hold by the kernel's own lookups, and ends in an error; its dump must have the same, field by field.

load ../lib
load ../cells
load ../capture

setup_file() {
	export DIR=$BATS_FILE_TMPDIR
	map_zoo_project "$DIR"
	run_cells "$DIR"
	map_zoo_compare "$DIR"
}

@test "the scheduler filled its maps and ended in its own error" {
	assert_eq fail "$(cell_get "$DIR" zoo .verdict)"
	assert_contains "$(cell_get "$DIR" zoo '.findings[0].text')" "map zoo: all maps are filled"
	# This kernel has every type that the zoo knows.
	assert_eq 36 "$(jq '.maps | length' "$DIR/zoo.json")"
}

@test "arrays of one value and of many have their values, by their types" { maps_agree "$DIR" zoo_one zoo_many; }

@test "sections of variables have their variables" { maps_agree "$DIR" zoo.bss zoo.data zoo.rodata; }

@test "per-CPU arrays have a value for each CPU" { maps_agree "$DIR" zoo_pcpu; }

@test "hashes have all their entries, with elements allocated before and when needed" { maps_agree "$DIR" zoo_hash zoo_lazy_hash zoo_lru; }

@test "a hash of a thousand entries has a thousand" {
	maps_agree "$DIR" zoo_thousand
	assert_eq 1000 "$(jq '.zoo_thousand.have.entries | length' "$DIR/compared.json")"
}

@test "per-CPU hashes have a value for each key and CPU" { maps_agree "$DIR" zoo_pcpu_hash zoo_lru_pcpu; }

@test "storage of tasks, cgroups, inodes and sockets is there, keyed by its owner" {
	maps_agree "$DIR" zoo_task zoo_cgrp zoo_inode zoo_sk
	# One task's program noted the address of its own task.
	dump_is "$DIR/dump.json" "a key is its owner's address" \
		'[.maps[] | select(.name == "zoo_task") | .entries[] | (.value.members[] | select(.name == "self") | .value.value) as $self |
			select($self != 0) | .key.kind == "ptr" and .key.value == $self] == [true]'
	dump_is "$DIR/dump.json" "each has an owner of its own" \
		'.maps[] | select(.name == "zoo_task") | [.entries[].key.value] | length == (unique | length)'
}

@test "rings have their positions" { maps_agree "$DIR" zoo_ring zoo_user_ring; }

@test "stack traces have their addresses" {
	maps_agree "$DIR" zoo_stacks
	[ "$(jq '.zoo_stacks.have.stack_trace | length' "$DIR/compared.json")" -ge 2 ]
}

@test "queues and stacks are in the order in which they would be popped" { maps_agree "$DIR" zoo_queue zoo_stack; }

@test "maps of programs, maps, events, cgroups, devices and CPUs tell which slots are taken" {
	maps_agree "$DIR" zoo_progs zoo_maps zoo_hash_maps zoo_perf zoo_cgroups zoo_devmap zoo_cpumap zoo_sockmap zoo_reuseport
}

@test "an arena has every page that was touched, and the last one of 8192, byte by byte" {
	maps_agree "$DIR" zoo_arena
	assert_eq 101 "$(jq '.zoo_arena.have.arena.pages | length' "$DIR/compared.json")"
}

@test "the operations are the kernel's" { maps_agree "$DIR" zoo_ops; }

@test "types that cannot be enumerated say so" {
	maps_agree "$DIR" zoo_bloom zoo_trie
	dump_is "$DIR/dump.json" "the reason names the type" \
		'.maps[] | select(.name == "zoo_bloom") | .error | startswith("bloom_filter maps are not enumerable: ")'
}

@test "nothing else than the scheduler's maps is in the dump, and none is there in vain" {
	local names
	names=$(jq -r '[.maps[].name] - ["zoo_inner", ".data.zoo"] | sort | .[]' "$DIR/dump.json")
	assert_eq "$(jq -r '.maps | keys | .[]' "$DIR/zoo.json")" "$names" "maps"
}

@test "the active scheduler is told, and how often its programs ran" {
	assert_eq zoo "$(jq -r .active_obj_name "$DIR/dump.json")"
	dump_is "$DIR/dump.json" "its programs" '[.prog_runtime_stats[].name] | sort == ["zoo_dispatch", "zoo_enqueue", "zoo_init"]'
	dump_is "$DIR/dump.json" "one that ran once, and one that ran" \
		'.prog_runtime_stats | map({ (.name): .cnt }) | add | .zoo_init == 1 and .zoo_enqueue > 0'
}

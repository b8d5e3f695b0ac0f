#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The guest's own sysfs shows the CPU and memory shape that was asked for: small presets and non-uniform nodes.
# Every cell compares them itself (scenario/check_topology.c); here the sidecars are held against known answers too.

load ../lib
load ../topology

setup_file() {
	export BATS_FILE_TMPDIR
	topology_project "$BATS_FILE_TMPDIR" tiny-1llc tiny-2llc odd-3llc smt-2llc smt-3llc numa2-4llc
	cd "$BATS_FILE_TMPDIR" || return 1
	cat >>ktstr.toml <<-'TOML'
		[[test]]
		name = "uneven_llcs"
		topology = { llcs = 3, cores = 2, threads = 1, nodes = [{ llcs = 2, memory = "384M" }, { llcs = 1, memory = "256M" }] }
		[[test]]
		name = "memory_only_node"
		topology = { llcs = 2, cores = 1, threads = 2, nodes = [{ llcs = 2, memory = "384M" }, { llcs = 0, memory = "256M" }], distances = [[10, 40], [40, 10]] }
	TOML
	"$KTSTR_MAKE" test --accel tcg >run.log 2>&1 || echo "status $?" >>run.log
}

@test "every small preset shows its own shape inside the guest" {
	for preset in tiny-1llc tiny-2llc odd-3llc smt-2llc smt-3llc numa2-4llc; do
		assert_shape "$BATS_FILE_TMPDIR" "$preset"
	done
}

@test "nodes with unequal numbers of LLCs are seen as such" {
	local s
	s=$(passed_sidecar "$BATS_FILE_TMPDIR" uneven_llcs)
	assert_eq '[[0,1,2,3],[4,5]]' "$(jq -c '[.guest_topology.cpus | group_by(.node)[] | map(.cpu)]' "$s")"
	assert_eq '["0-1","2-3","4-5"]' "$(jq -c '[.guest_topology.cpus[].llc] | unique' "$s")"
}

@test "a memory-only node has memory, no CPU, and the asked distance" {
	local s
	s=$(passed_sidecar "$BATS_FILE_TMPDIR" memory_only_node)
	assert_eq '""' "$(jq -c '.guest_topology.nodes[1].cpus' "$s")"
	assert_eq '[[10,40],[40,10]]' "$(jq -c '[.guest_topology.nodes[].distances]' "$s")"
	[ "$(jq '.guest_topology.nodes[1].memory_bytes' "$s")" -gt 200000000 ]
	assert_eq '["0-1","2-3"]' "$(jq -c '[.guest_topology.cpus[].core] | unique' "$s")"
}

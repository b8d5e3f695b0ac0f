#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The map zoo on the 6.12 of examples/kernel-tree: what its dump says is what the kernel says, as on 7.x.

load ../lib
load ../cells
load ../capture

setup_file() {
	cells_on_built_kernel || return 1
	export DIR=$BATS_FILE_TMPDIR
	map_zoo_project "$DIR"
	run_cells "$DIR"
	map_zoo_compare "$DIR"
}

@test "every map of the zoo is in the dump as the kernel has it" {
	local -a maps
	mapfile -t maps < <(jq -r '.maps | keys | .[]' "$DIR/zoo.json")
	[ "${#maps[@]}" -ge 34 ]
	maps_agree "$DIR" "${maps[@]}"
}

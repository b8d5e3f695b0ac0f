#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The larger presets, up to 64 CPUs: minutes each under emulation.

load ../lib
load ../topology

presets=(odd-5llc odd-7llc medium-4llc medium-4llc-nosmt numa4-8llc medium-8llc medium-8llc-nosmt)

setup_file() {
	topology_project "$BATS_FILE_TMPDIR" "${presets[@]}"
	cd "$BATS_FILE_TMPDIR" || return 1
	"$KTSTR_MAKE" test --accel tcg >run.log 2>&1 || echo "status $?" >>run.log
}

@test "every preset up to 64 CPUs shows its own shape inside the guest" {
	for preset in "${presets[@]}"; do
		assert_shape "$BATS_FILE_TMPDIR" "$preset"
	done
}

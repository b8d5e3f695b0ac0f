#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make test --list: what would run, exactly, without touching network, kernels or schedulers.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	export KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/cache
	cat >ktstr.toml <<-'END'
		[project]
		name = "listed"
		[kernel.default]
		source = "debian:trixie-backports/cloud"
		[kernel.mine]
		source = "path:no/such/kernel"
		[scheduler.simple]
		binary = "no/such/scheduler"
		[defaults]
		duration = "1s"
		[[test]]
		name = "two_cgroups"
		topology = "1n2l4c1t"
		scheduler = "simple"
		[[test]]
		name = "smt"
		topology = "smt-2llc"
		[[test]]
		name = "red"
		topology = "1n1l1c1t"
		ignore = true
	END
}

# refused TEXT ARGS...
refused() {
	local text=$1
	shift
	run --separate-stderr ktstr_make "$@"
	assert_eq 3 "$status" "exit code of: $*"
	assert_eq "" "$output"
	assert_eq "ktstr-make: error: $text" "$stderr"
}

@test "one line a cell, in columns" {
	run --separate-stderr ktstr_make test --list
	assert_eq 0 "$status"
	assert_eq "" "$stderr"
	assert_eq "two_cgroups  1n2l4c1t  simple  default
smt          1n2l2c2t  eevdf   default" "$output"
}

@test "it works from a directory below and by -C" {
	mkdir -p a/b
	assert_eq "$(ktstr_make test --list)" "$(ktstr_make -C a/b test --list)"
	cd a/b
	assert_eq 2 "$(ktstr_make test --list | wc -l)"
}

@test "kernels multiply the cells, and the same kernel twice does not" {
	run --separate-stderr ktstr_make test --list --kernel mine --kernel=default -k mine smt
	assert_eq 0 "$status"
	assert_eq "smt  1n2l2c2t  eevdf  mine
smt  1n2l2c2t  eevdf  default" "$output"
	run --separate-stderr ktstr_make test --list --kernel path:/some/where smt
	assert_eq "smt  1n2l2c2t  eevdf  path:/some/where" "$output"
}

@test "filters are substrings, and any of several may match" {
	assert_eq "smt          1n2l2c2t  eevdf   default" "$(ktstr_make test --list mt | sed 's/^smt  1n2l2c2t  eevdf  /smt          1n2l2c2t  eevdf   /')"
	assert_eq 2 "$(ktstr_make test --list two sm | wc -l)"
	assert_eq 1 "$(ktstr_make test --list cgroups | wc -l)"
}

@test "ignored tests are listed only when asked for" {
	assert_eq "two_cgroups smt red" "$(ktstr_make test --list --include-ignored | cut -d' ' -f1 | xargs)"
	assert_eq "red" "$(ktstr_make test --list --ignored | cut -d' ' -f1)"
	refused "every matching test is ignored (1): add --include-ignored" test --list red
	refused "no matching test has 'ignore = true', which --ignored asks for" test --list --ignored smt
}

@test "--json is one document with the same cells" {
	run --separate-stderr ktstr_make test --list --json --include-ignored
	assert_eq 0 "$status"
	assert_eq "" "$stderr"
	assert_eq '["listed",3]' "$(jq -c '[.project, (.cells | length)]' <<<"$output")"
	assert_eq '["two_cgroups","1n2l4c1t","simple","default","debian:trixie-backports/cloud",8,false]' \
		"$(jq -c '.cells[0] | [.test, .topology, .scheduler, .kernel, .kernel_source, .vcpus, .ignored]' <<<"$output")"
	assert_eq "true" "$(jq '.cells[2].ignored' <<<"$output")"
	[[ $(jq -r '.cells[0].variant' <<<"$output") =~ ^[0-9a-f]{16}$ ]]
}

@test "nothing matched: exit code 3, and the nearest names" {
	refused "no test matches 'two_cgruops': did you mean 'two_cgroups'?" test --list two_cgruops
	refused "no test matches 'zebra': 'ktstr-make test --list' shows all 3" test --list zebra
	refused "no test matches 'zebra' or 'sTM': 'ktstr-make test --list' shows all 3" test zebra sTM
}

@test "an unknown kernel: exit code 3, and the nearest name" {
	refused "--kernel 'defualt' is neither a kernel of $PWD/ktstr.toml nor a source: did you mean 'default'?" \
		test --list --kernel defualt
}

@test "with --json an error is one document too" {
	run --separate-stderr ktstr_make test --list --json zebra
	assert_eq 3 "$status"
	assert_eq '["usage",3]' "$(jq -c '[.error.kind, .error.exit_code]' <<<"$output")"
	assert_contains "$(jq -r .error.text <<<"$output")" "no test matches 'zebra'"
	assert_contains "$stderr" "ktstr-make: error: no test matches 'zebra'"
}

@test "without a ktstr.toml it says how to make one" {
	mkdir /tmp/ktstr-empty.$$ && cd /tmp/ktstr-empty.$$
	run --separate-stderr ktstr_make test --list
	rmdir /tmp/ktstr-empty.$$
	assert_eq 3 "$status"
	assert_contains "$stderr" "ktstr-make: error: no ktstr.toml in '/tmp/ktstr-empty.$$' or any directory above it"
	assert_contains "$stderr" "'ktstr-make init' writes one"
}

@test "a mistake in ktstr.toml: exit code 3 with file, line, column and caret" {
	sed -i 's/^duration/durration/' ktstr.toml
	run --separate-stderr ktstr_make test --list
	assert_eq 3 "$status"
	assert_contains "$stderr" "ktstr-make: error: $PWD/ktstr.toml:10:1: "
	assert_contains "$stderr" '^^^^^^^^^'
	assert_contains "$stderr" "did you mean 'duration'?"
}

@test "a project with several kernels and no default says what to add" {
	printf '[[test]]\nname = "a"\ntopology = "1n1l1c1t"\n' >ktstr.toml
	assert_eq "a  1n1l1c1t  eevdf  default" "$(ktstr_make test --list)"
	printf '[kernel.one]\nsource = "path:a"\n[kernel.two]\nsource = "path:b"\n' >>ktstr.toml
	refused "$PWD/ktstr.toml has no [kernel.default]: add one, or choose with --kernel from 'one', 'two'" test --list
	sed -i '/two/,$d' ktstr.toml
	assert_eq "a  1n1l1c1t  eevdf  one" "$(ktstr_make test --list)"
}

@test "listing makes nothing: no output directory, no cache, no lock" {
	ktstr_make test --list
	assert_eq "ktstr.toml" "$(ls -A)"
}

@test "a thousand cells are listed at once" {
	{
		printf '[kernel.default]\nsource = "path:x"\n'
		for i in {1..1000}; do
			printf '[[test]]\nname = "test_%04d"\ntopology = "1n2l4c1t"\n' "$i"
			printf 'cgroups = [{ name = "a", workers = 2, work = "spin_wait", cpuset = "llc:0" }]\n'
		done
	} >ktstr.toml
	# 50 ms is the target of make bench; this only notices what grows with the square.
	run --separate-stderr timeout 5 "$KTSTR_MAKE" test --list
	assert_eq 0 "$status"
	assert_eq 1000 "${#lines[@]}"
	assert_eq "test_1000  1n2l4c1t  eevdf  default" "${lines[999]}"
}

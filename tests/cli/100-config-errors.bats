#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Mistakes in ktstr.toml: exit 3, nothing on stdout, and the place with its line, a caret and help.

load ../lib
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	export KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/cache
	FILE=$(pwd -P)/ktstr.toml
}

# refused TEXT: with FILE for the path of ktstr.toml.
refused() {
	run --separate-stderr ktstr_make test --list
	assert_eq 3 "$status" "exit code"
	assert_eq "" "$output" "stdout"
	assert_eq "ktstr-make: error: ${1//FILE/$FILE}" "$stderr" "stderr"
}

@test "an unknown key is shown with the nearest" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		durration = "10s"
	END
	refused "FILE:3:1: unknown key 'durration' in [[test]]
    3 | durration = \"10s\"
      | ^^^^^^^^^
help: did you mean 'duration'?"
}

@test "a key of a later version is not supported yet" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		gauntlet = { presets = ["tiny-*"] }
	END
	refused "FILE:3:1: 'gauntlet' is not supported yet
    3 | gauntlet = { presets = [\"tiny-*\"] }
      | ^^^^^^^^"
}

@test "a wrong type says what was expected and found" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		duration = 10
	END
	refused "FILE:3:12: expected a duration such as \"10s\", found integer 10
    3 | duration = 10
      |            ^^"
}

@test "a topology of no cores" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		topology = "1n2l0c1t"
	END
	refused "FILE:3:12: topology '1n2l0c1t': 0 cores
    3 | topology = \"1n2l0c1t\"
      |            ^^^^^^^^^^"
}

@test "llcs that are not a multiple of the nodes" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		topology = "2n3l1c1t"
	END
	refused "FILE:3:12: topology '2n3l1c1t': llcs (3) is not a multiple of nodes (2)
    3 | topology = \"2n3l1c1t\"
      |            ^^^^^^^^^^"
}

@test "more CPUs than supported" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		topology = "1n1l150c2t"
	END
	refused "FILE:3:12: topology '1n1l150c2t': 300 CPUs, at most 252
    3 | topology = \"1n1l150c2t\"
      |            ^^^^^^^^^^^^"
}

@test "a preset that is nearly one" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		topology = "smt-2lc"
	END
	refused "FILE:3:12: 'smt-2lc' is neither a shape such as \"1n2l4c2t\" nor a preset; did you mean 'smt-2llc'?
    3 | topology = \"smt-2lc\"
      |            ^^^^^^^^^"
}

@test "a scheduler that is not there" {
	cat >ktstr.toml <<-'END'
		[scheduler.simple]
		binary = "x"
		[[test]]
		name = "x"
		scheduler = "simpel"
	END
	refused "FILE:5:13: no [scheduler.simpel] in this file
    5 | scheduler = \"simpel\"
      |             ^^^^^^^^
help: did you mean 'simple'?"
}

@test "workers that do not fill their groups" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		cgroups = [ { name = "a", workers = 3, work = "pipe_io" } ]
	END
	refused "FILE:3:37: workers (3) is not a multiple of 2, the group size of 'pipe_io'
    3 | cgroups = [ { name = \"a\", workers = 3, work = \"pipe_io\" } ]
      |                                     ^"
}

@test "a CPU set that the topology has not" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		topology = "1n2l2c1t"
		cgroups = [ { name = "a", cpuset = "llc:2" } ]
	END
	refused "FILE:4:36: test 'x': on 1n2l2c1t: 'llc:2': the last is llc:1
    4 | cgroups = [ { name = \"a\", cpuset = \"llc:2\" } ]
      |                                    ^^^^^^^"
}

@test "a stall that cannot come within the duration" {
	cat >ktstr.toml <<-'END'
		[scheduler.s]
		binary = "x"
		[[test]]
		name = "x"
		scheduler = "s"
		duration = "4s"
		watchdog = "3s"
		expect = { exit = "stall" }
	END
	refused "FILE:8:10: test 'x' cannot reach the stall it expects: that takes up to 4500ms, its duration is 4s
    8 | expect = { exit = \"stall\" }
      |          ^
help: a stall is seen within 1.5 times the watchdog; shorten 'watchdog' or lengthen 'duration'"
}

@test "two tests of one name" {
	cat >ktstr.toml <<-'END'
		[[test]]
		name = "x"
		[[test]]
		name = "x"
	END
	refused "FILE:4:8: a test 'x' is already at line 1
    4 | name = \"x\"
      |        ^^^"
}

@test "several mistakes are all said, in the order of the file" {
	cat >ktstr.toml <<-'END'
		[vm]
		accel = "kvn"
		[[test]]
		name = "a/b"
	END
	refused "FILE:2:9: no accelerator 'kvn': \"auto\", \"kvm\" or \"tcg\"
    2 | accel = \"kvn\"
      |         ^^^^^
help: did you mean 'kvm'?
FILE:4:8: 'a/b' is no name: 1 to 100 of A-Z a-z 0-9 _ . -, not beginning with . or -
    4 | name = \"a/b\"
      |        ^^^^^"
}

@test "a mistake of TOML itself has its place too" {
	printf '[vm\naccel = "kvm"\n' >ktstr.toml
	refused "FILE:1:4: table header: expected ']', saw '\\n'
    1 | [vm
      |    ^"
}

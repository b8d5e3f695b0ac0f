#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make test, whole runs without a machine: what is printed, where it lands, and each exit code.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
load ../fakes
bats_require_minimum_version 1.5.0

setup() {
	fake_host <<<'echo "no machine today" >&2; exit 1'
	fake_project <<-'END'
		[vm]
		time-scale = 1
		[defaults]
		duration = "1s"
		[[test]]
		name = "one"
		topology = "1n1l2c1t"
		[[test]]
		name = "two"
		topology = "1n2l2c1t"
	END
}

# names DIR: what is in it, in order, on one line.
names() {
	(cd "$1" && echo *)
}

@test "an emulator that breaks is an error, not a failure: exit code 4" {
	run --separate-stderr ktstr_make test --accel tcg
	assert_eq 4 "$status"
	assert_eq 1 "$(grep -cE '^running 2 tests on kernel 6\.99\.0-fake, [12] at a time$' <<<"$output")"
	grep -qE '^       ERROR \[ +[0-9]+\.[0-9]s\] one  1n1l2c1t   eevdf       6\.99\.0-fake$' <<<"$output"
	assert_contains "$output" "QEMU exited with status 1: no machine today"
	grep -qE '^0 passed, 0 failed, 0 inconclusive, 0 skipped, 2 errors  in [0-9.]+ s$' <<<"$output"
	assert_eq 2 "$(grep -cE '^    logs: ktstr-out/runs/[^ ]*/(one|two)-[0-9a-f]{16}\.log$' <<<"$output")"
	assert_eq 2 "$(grep -c 'logs: ' <<<"$output")"
	grep -qE '^results: ktstr-out/runs/20[0-9]{6}T[0-9]{6}Z-[0-9a-f]{6}$' <<<"$output"
}

@test "failures are told when they happen and again at the end" {
	run --separate-stderr ktstr_make test --accel tcg
	assert_eq 4 "$(grep -c '^       ERROR ' <<<"$output")"
	run --separate-stderr ktstr_make test --accel tcg one
	assert_eq 1 "$(grep -c '^       ERROR ' <<<"$output")"
}

@test "one test is not so many at a time" {
	run --separate-stderr ktstr_make test --accel tcg one
	assert_eq "running 1 test on kernel 6.99.0-fake" "${lines[1]}"
	grep -qE ', 0 skipped, 1 error  in [0-9.]+ s$' <<<"$output"
}

@test "results that could not be written are not lost in silence" {
	[ -e /dev/full ] || skip "no /dev/full"
	run --separate-stderr bash -c '"$KTSTR_MAKE" test --accel tcg one >/dev/full'
	assert_eq 4 "$status"
	assert_eq "ktstr-make: error: write to standard output: some of it could not be written" "${stderr_lines[-1]}"
}

@test "after -C paths are whole, since they are read from elsewhere" {
	local project=$PWD
	mkdir elsewhere && cd elsewhere
	run --separate-stderr ktstr_make -C .. test --accel tcg one
	assert_eq 4 "$status"
	assert_contains "$output" "
    logs: $project/ktstr-out/runs/"
	assert_contains "$output" "
results: $project/ktstr-out/runs/"
}

@test "-q leaves out what is not news" {
	run --separate-stderr ktstr_make test --accel tcg -q one
	assert_eq 4 "$status"
	[[ $output != *"running 1 test"* ]]
	assert_contains "$output" "       ERROR "
}

@test "the run directory: sidecars, run.json, latest, out of git" {
	run ktstr_make test --accel tcg
	assert_eq "*" "$(cat ktstr-out/.gitignore)"
	[ -L ktstr-out/runs/latest ]
	assert_eq "6.99.0-fake-unknown run.json" "$(names ktstr-out/runs/latest)"
	local sidecar
	for sidecar in ktstr-out/runs/latest/*/*.ktstr.json; do
		[[ ${sidecar##*/} =~ ^(one|two)-[0-9a-f]{16}\.ktstr\.json$ ]]
		assert_eq '[true,false]' "$(jq -c '[.skipped, .passed]' "$sidecar")"
		[ -d "${sidecar%.ktstr.json}.log" ]
	done
	assert_eq '[2,2,4]' "$(jq -c '[(.cells | length), .totals.error, .exit_code]' ktstr-out/runs/latest/run.json)"
	assert_eq "tcg" "$(jq -r .accelerator.name ktstr-out/runs/latest/run.json)"
	local first
	first=$(readlink ktstr-out/runs/latest)
	run ktstr_make test --accel tcg one
	[ "$(readlink ktstr-out/runs/latest)" != "$first" ]
	[ -e "ktstr-out/runs/$first/run.json" ]
}

@test "the project's commit is in the name, with -dirty when files differ" {
	git init -q . && git add ktstr.toml && git -c user.name=t -c user.email=t@t commit -q -m one
	local commit
	commit=$(git rev-parse --short=7 HEAD)
	run ktstr_make test --accel tcg one
	[ -d "ktstr-out/runs/latest/6.99.0-fake-$commit" ]
	assert_eq "" "$(git status --porcelain ktstr-out)"
	echo "# changed" >>ktstr.toml
	run ktstr_make test --accel tcg one
	[ -d "ktstr-out/runs/latest/6.99.0-fake-$commit-dirty" ]
	assert_eq "\"$commit-dirty\"" "$(jq .project_commit ktstr-out/runs/latest/run.json)"
	git add ktstr.toml
	run ktstr_make test --accel tcg one
	[ -d "ktstr-out/runs/latest/6.99.0-fake-$commit-dirty" ]
}

@test "two kernels of one release do not share files" {
	mkdir other && fake_kernel other/bzImage 6.99.0-fake && printf x >>other/bzImage
	run ktstr_make test --accel tcg --kernel default --kernel path:other/bzImage one
	assert_eq 4 "$status"
	assert_eq "6.99.0-fake-unknown 6.99.0-fake.2-unknown run.json" "$(names ktstr-out/runs/latest)"
	assert_eq 2 "$(find ktstr-out/runs/latest/ -name '*.ktstr.json' | wc -l)"
}

@test "a machine that never comes up ends at its deadline" {
	fake_qemu qemu <<<'exec sleep 60'
	sed -i 's/^duration.*/&\ntimeout = "1s"/' ktstr.toml
	run --separate-stderr ktstr_make test --accel tcg one
	assert_eq 4 "$status"
	assert_contains "$output" "       ERROR [   "
	assert_contains "$output" "1 s of host time"
}

@test "an emulator that is not there: exit code 4 and its name" {
	export KTSTR_QEMU=$PWD/missing
	run --separate-stderr ktstr_make test --accel tcg
	assert_eq 4 "$status"
	assert_eq "" "$output"
	assert_contains "$stderr" "ktstr-make: error: "
	assert_contains "$stderr" "$PWD/missing"
	[ ! -e ktstr-out ]
}

@test "--accel kvm never emulates" {
	run --separate-stderr ktstr_make doctor
	[[ $output != *"ok    kvm"* ]] || skip "KVM runs stock kernels here"
	run --separate-stderr ktstr_make test --accel kvm
	assert_eq 4 "$status"
	assert_eq "" "$output"
	assert_contains "$stderr" "ktstr-make: error: KVM was asked for and cannot be used: "
	[ ! -e ktstr-out ]
}

@test "auto says which accelerator and why: on the screen, in run.json and in every sidecar, as doctor does" {
	local why sidecar
	why=$(ktstr_make doctor | sed -n 's/^ok    accelerator //p')
	[[ $why == tcg:* ]] || skip "KVM runs stock kernels here"
	run --separate-stderr ktstr_make test
	assert_contains "$output" "accelerator $why (QEMU 10.0.2)"
	assert_eq "$why" "$(jq -r .accelerator.why ktstr-out/runs/latest/run.json)"
	for sidecar in ktstr-out/runs/latest/*/*.ktstr.json; do
		assert_eq "$why" "$(jq -r .accel.why "$sidecar")"
	done
}

@test "a kernel that is not to be had: exit code 5" {
	run --separate-stderr ktstr_make test --accel tcg --kernel path:missing
	assert_eq 5 "$status"
	assert_contains "$stderr" "ktstr-make: error: get kernel 'path:missing': there is no kernel at '$PWD/missing'"
}

@test "a run directory that cannot be made: exit code 4 with its path" {
	touch ktstr-out
	run --separate-stderr ktstr_make test --accel tcg
	assert_eq 4 "$status"
	assert_contains "$stderr" "ktstr-make: error: "
	assert_contains "$stderr" "$PWD/ktstr-out"
}

@test "a guest larger than this host is an error that says so" {
	local gib=$(($(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) / 1024 / 1024 + 2))
	sed -i "s/^name = \"one\"/&\nmemory = \"${gib}G\"/" ktstr.toml
	run --separate-stderr ktstr_make test --accel tcg one
	assert_eq 4 "$status"
	assert_contains "$output" "for the guest, and this host has "
}

@test "output goes line by line to a pipe, colours only when asked for" {
	run ktstr_make --color always test --accel tcg one
	[[ $output == *$'\e[1;31m       ERROR\e[0m'* ]]
	run ktstr_make test --accel tcg one
	[[ $output != *$'\e'* ]]
	[[ $output != *$'\r'* ]]
}

@test "an emulator that never stops complaining does not fill the host's memory" {
	fake_qemu qemu <<-END
		yes 'qemu: complaint' | head -c 20000000 >&2
		sleep 1
		stat -Lc %b /proc/self/fd/2 >$BATS_TEST_TMPDIR/blocks
		exit 3
	END
	run --separate-stderr ktstr_make test --accel tcg one
	assert_eq 4 "$status"
	assert_contains "$output" "QEMU exited with status 3: qemu: "
	[ "$(cat blocks)" -le 8192 ]
}

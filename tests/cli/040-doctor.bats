#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make doctor: one line a check, and an exit code that says whether tests can run.

# shellcheck disable=SC2154,SC2016,SC2164,SC2030,SC2031 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
load ../fakes
bats_require_minimum_version 1.5.0

setup() {
	fake_host <<<'exit 1'
}

@test "on a host with an emulator tests can run" {
	run --separate-stderr ktstr_make doctor
	assert_eq 0 "$status"
	assert_eq "" "$stderr"
	assert_contains "$output" "ok    qemu        QEMU 10.0.2, $PWD/qemu"
	assert_contains "$output" "ok    cache       $PWD/cache, "
	assert_eq "tests can run here" "${lines[-1]}"
	assert_eq "accelerator kvm qemu gpgv mirror toolchain cache host project" \
		"$(grep -E '^(ok|warn|fail) ' <<<"$output" | awk '{ print $2 }' | xargs)"
}

@test "why there is no KVM is told without blaming anybody for asking" {
	run --separate-stderr ktstr_make doctor
	local line
	line=$(grep -E '^(ok|warn)  +kvm  ' <<<"$output")
	[[ $line != *"asked for"* ]]
	[[ $line == "ok "* || $line == *"/dev/kvm"*"; nothing to do: machines are emulated, which is slower" ]]
}

# with_kvm FILE COMMAND...: where /dev/kvm is FILE.
with_kvm() {
	unshare -m true 2>/dev/null || require mount "no mount name space to be had"
	[ -e /dev/kvm ] || require kvm-small "no /dev/kvm"
	# shellcheck disable=SC2016
	unshare -m bash -c 'mount --bind "$0" /dev/kvm && exec "$@"' "$@"
}

@test "another device in KVM's place is told from KVM" {
	run --separate-stderr with_kvm /dev/null "$KTSTR_MAKE" doctor
	assert_eq 0 "$status" "$stderr"
	assert_contains "$output" "warn  kvm         ask /dev/kvm for its version: Inappropriate ioctl for device; nothing to do: "
	assert_contains "$output" "ok    accelerator tcg: ask /dev/kvm for its version: Inappropriate ioctl for device"
}

# What a probe found that never was: the opposite, for this host.
turn_answer() {
	jq '.can_run |= not | .missing = (if .can_run then "" else "/dev/kvm cannot run a stock kernel: it lacks wings" end)' \
		cache/kvm-probe.json >other
	mv other cache/kvm-probe.json
}

@test "KVM is probed anew by doctor, and once a boot by test" {
	run --separate-stderr ktstr_make doctor
	[ -e cache/kvm-probe.json ] || require kvm-small "$(grep -E '^warn  kvm' <<<"$output")"
	local truth before=$output
	truth=$(<cache/kvm-probe.json)

	turn_answer
	fake_project <<<'[[test]]
		name = "x"
		topology = "1n1l1c1t"'
	run --separate-stderr ktstr_make test
	case $truth in
	*'"can_run": true'*) assert_contains "$output" "accelerator tcg: /dev/kvm cannot run a stock kernel: it lacks wings" ;;
	*) assert_contains "$output" "accelerator kvm: /dev/kvm runs what a stock kernel needs" ;;
	esac

	rm ktstr.toml
	run --separate-stderr ktstr_make doctor
	# Not all of it: memory and disk of the host are others' as well.
	assert_eq "$(grep -E '^(ok|warn|fail) +(accelerator|kvm) ' <<<"$before")" "$(grep -E '^(ok|warn|fail) +(accelerator|kvm) ' <<<"$output")"
	assert_eq "$truth" "$(<cache/kvm-probe.json)"
}

@test "without any accelerator: fail, what to do, exit code 4" {
	export KTSTR_QEMU=$PWD/missing
	run --separate-stderr ktstr_make doctor
	if [[ $output == *"ok    kvm"* ]]; then
		skip "KVM runs stock kernels here"
	fi
	assert_eq 4 "$status"
	assert_contains "$output" "fail  qemu        "
	assert_contains "$output" "install qemu-system-x86"
	assert_contains "$output" "fail  accelerator "
	assert_eq "tests cannot run here: see 'fail' above" "${lines[-1]}"
}

@test "an emulator that is too old is named with the version wanted" {
	printf '#!/bin/sh\necho "QEMU emulator version 7.2.9"\n' >qemu
	run --separate-stderr ktstr_make doctor
	[[ $output == *"ok    kvm"* ]] || assert_eq 4 "$status"
	grep -E '^(fail|warn)  qemu' <<<"$output" | grep -q '7\.2'
	grep -E '^(fail|warn)  qemu' <<<"$output" | grep -q '10'
}

@test "a pahole that is too old for new kernels is a warning, with what to do" {
	unset LLVM CC
	export PAHOLE=$PWD/pahole
	printf '#!/bin/sh\necho v1.24\n' >pahole
	chmod +x pahole
	run --separate-stderr ktstr_make doctor
	assert_eq 0 "$status" "$stderr"
	line=$(grep -E '^warn  toolchain ' <<<"$output")
	assert_contains "$line" "pahole 1.24, "
	assert_contains "$line" "; kernels from 7.0 on need pahole 1.26 or newer: "
	for version in v1.26 v1.30 v2.0; do
		printf '#!/bin/sh\necho %s\n' $version >pahole
		run --separate-stderr ktstr_make doctor
		line=$(grep -E '^ok    toolchain ' <<<"$output")
		assert_contains "$line" "pahole ${version#v}, "
		[[ $line != *7.0* ]]
	done
}

@test "a cache that cannot be written fails and says what to set" {
	export KTSTR_CACHE_DIR=/proc/nowhere
	run --separate-stderr ktstr_make doctor
	assert_eq 4 "$status"
	grep '^fail  cache' <<<"$output" | grep -q 'set \$KTSTR_CACHE_DIR'
}

@test "a broken project fails with its place" {
	printf '[[test]]\nnaem = "x"\n' >ktstr.toml
	run --separate-stderr ktstr_make doctor
	assert_eq 4 "$status"
	assert_contains "$output" "fail  project     $PWD/ktstr.toml:"
	assert_contains "$output" "correct the file"
}

@test "a project is counted" {
	fake_project <<<'[[test]]
		name = "x"
		topology = "1n1l1c1t"'
	run --separate-stderr ktstr_make doctor
	assert_contains "$output" "ok    project     $PWD/ktstr.toml: 1 test, 0 schedulers, 1 kernel"
}

@test "--json says the same as one document" {
	run --separate-stderr ktstr_make doctor --json
	assert_eq 0 "$status"
	assert_eq '[1,true,9]' "$(jq -c '[.schema_version, .can_run, (.checks | length)]' <<<"$output")"
	assert_eq '"ok"' "$(jq '.checks[] | select(.name == "qemu") | .health' <<<"$output")"
	export KTSTR_CACHE_DIR=/proc/nowhere
	run --separate-stderr ktstr_make doctor --json
	assert_eq 4 "$status"
	assert_eq 'false' "$(jq .can_run <<<"$output")"
}

@test "colours only where they are wanted" {
	[[ $(ktstr_make --color always doctor) == *$'\e[32mok'* ]]
	[[ $(ktstr_make --color never doctor) != *$'\e'* ]]
	[[ $(ktstr_make doctor) != *$'\e'* ]]
}

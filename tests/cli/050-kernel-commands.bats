#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make kernel build, fetch, config, list, show, clean and update: what they print and refuse, with kernels that are
# images already. No network.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
load ../fakes
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	export KTSTR_CACHE_DIR=$PWD/cache
	fake_kernel bzImage 6.99.0-fake
}

@test "kernel list of an empty cache says what to do, on stderr" {
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status"
	assert_eq "" "$output"
	assert_eq "no kernels in '$PWD/cache': 'ktstr-make kernel fetch' gets some" "$stderr"
	assert_eq "[]" "$(ktstr_make kernel list --json | jq -c .kernels)"
}

@test "kernel fetch takes a source, and list shows it" {
	run --separate-stderr ktstr_make kernel fetch path:bzImage
	assert_eq 0 "$status"
	[[ $output =~ ^6\.99\.0-fake-x86_64-[^\ ]+\ \ 6\.99\.0-fake\ \ $PWD/cache/kernels/ ]]
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status"
	assert_eq 2 "${#lines[@]}"
	[[ ${lines[0]} =~ ^KEY\ +VERSION\ +SOURCE\ +FLAVOUR\ +STATE\ +SIZE\ \ AGE\ +LAST\ USED$ ]]
	[[ ${lines[1]} =~ ^6\.99\.0-fake-x86_64-[^\ ]+\ \ 6\.99\.0-fake\ \ path:bzImage\ \ -\ +current\ \ 16\.0\ KiB\ \ [0-9]+\ seconds?\ \ (just\ now|[0-9]+\ seconds?\ ago)$ ]]
	assert_eq "" "$stderr"
	assert_eq '"6.99.0-fake"' "$(ktstr_make kernel list --json | jq '.kernels[0].release')"
}

@test "kernel fetch without operands takes all kernels of the project" {
	fake_kernel other 6.98.0-fake
	fake_project <<<'[kernel.other]
		source = "path:other"'
	run --separate-stderr ktstr_make kernel fetch
	assert_eq 0 "$status"
	assert_eq "6.99.0-fake 6.98.0-fake" "$(awk '{ print $2 }' <<<"$output" | xargs)"
	run --separate-stderr ktstr_make kernel fetch other
	assert_eq "6.98.0-fake" "$(awk '{ print $2 }' <<<"$output")"
}

@test "kernel fetch without operands and without a project says what to name" {
	cd /
	run --separate-stderr ktstr_make kernel fetch
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: no ktstr.toml here or above, so name a source: 'ktstr-make kernel fetch debian:trixie-backports/cloud'" "$stderr"
}

@test "a source that is none is a usage error; one that is not there is exit code 5" {
	run --separate-stderr ktstr_make kernel fetch nonsense
	assert_eq 3 "$status"
	assert_contains "$stderr" "ktstr-make: error: unknown kernel source 'nonsense'"
	fake_project </dev/null
	run --separate-stderr ktstr_make kernel fetch defualt
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: 'defualt' is neither a kernel of $PWD/ktstr.toml nor a source: did you mean 'default'?" "$stderr"
	run --separate-stderr ktstr_make kernel fetch path:missing
	assert_eq 5 "$status"
	assert_contains "$stderr" "ktstr-make: error: get kernel 'path:missing': there is no kernel at "
}

@test "update refuses a kernel that the project has not, with the nearest" {
	fake_project </dev/null
	run --separate-stderr ktstr_make update --kernel defualt
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: $PWD/ktstr.toml has no kernel 'defualt': did you mean 'default'?" "$stderr"
	run --separate-stderr ktstr_make update --kernel default
	assert_eq 0 "$status"
	[[ $output =~ ^default\ \ path:bzImage\ \ 6\.99\.0-fake-x86_64- ]]
}

@test "--names is what --kernel takes" {
	fake_project </dev/null
	ktstr_make kernel fetch
	run --separate-stderr ktstr_make kernel list --names
	assert_eq "default" "${lines[0]}"
	[[ ${lines[1]} == 6.99.0-fake-x86_64-* ]]
	assert_eq 2 "${#lines[@]}"
}

@test "kernel build takes images as well, from operands, --source and ktstr.toml, each once" {
	fake_kernel other 6.98.0-fake
	fake_project </dev/null
	run --separate-stderr ktstr_make kernel build default --source path:other --source path:bzImage
	assert_eq 0 "$status" "$stderr"
	assert_eq "6.99.0-fake 6.98.0-fake" "$(awk '{ print $2 }' <<<"$output" | xargs)"
	run --separate-stderr ktstr_make kernel build --json default path:other
	assert_eq 0 "$status"
	assert_eq '1 ["6.99.0-fake","6.98.0-fake"]' "$(jq -r '"\(.schema_version) \([.kernels[].release] | tostring)"' <<<"$output")"
	assert_eq "$PWD/cache/kernels/$(jq -r '.kernels[0].key' <<<"$output")" "$(jq -r '.kernels[0].dir' <<<"$output")"
	run --separate-stderr ktstr_make kernel fetch --json path:other
	assert_eq '["path:other","path:other","6.98.0-fake"]' "$(jq -c '.fetched[0] | [.name, .source, .release]' <<<"$output")"
}

@test "when one of several kernels is not to be had the others are, and every error is told" {
	fake_kernel other 6.98.0-fake
	run --separate-stderr ktstr_make kernel build path:bzImage path:missing path:other path:gone
	assert_eq 5 "$status"
	assert_eq "6.99.0-fake 6.98.0-fake" "$(awk '{ print $2 }' <<<"$output" | xargs)"
	assert_contains "$stderr" "get kernel 'path:missing': there is no kernel at "
	assert_contains "$stderr" "get kernel 'path:gone': there is no kernel at "
	run --separate-stderr ktstr_make kernel build --json path:bzImage path:missing
	assert_eq 5 "$status"
	assert_eq '["kernel",5]' "$(jq -c '[.error.kind, .error.exit_code]' <<<"$output")"
	# One document with what there is and what went wrong.
	run --separate-stderr ktstr_make kernel build --json path:gone path:bzImage path:missing path:other
	assert_eq 5 "$status"
	assert_eq '["6.99.0-fake","6.98.0-fake"]' "$(jq -c '[.kernels[].release]' <<<"$output")"
	assert_eq '[["path:gone","path:gone","kernel"],["path:missing","path:missing","kernel"]]' \
		"$(jq -c '[.errors[] | [.kernel, .source, .kind]]' <<<"$output")"
	assert_contains "$(jq -r '.errors[1].error' <<<"$output")" "get kernel 'path:missing': there is no kernel at "
	run --separate-stderr ktstr_make kernel fetch --json path:gone path:other
	assert_eq 5 "$status"
	assert_eq '[1,["6.98.0-fake"],["path:gone"],5]' \
		"$(jq -c '[.schema_version, [.fetched[].release], [.errors[].kernel], .error.exit_code]' <<<"$output")"
	run --separate-stderr ktstr_make kernel build --json path:other
	assert_eq '[]null' "$(jq -c .errors,.error <<<"$output" | tr -d '\n')"
}

@test "of several errors the worst decides the exit code" {
	: >not-readable-as-a-kernel
	ln -s loop loop
	mkdir cache
	: >cache/kernels
	run --separate-stderr ktstr_make kernel build path:missing path:bzImage
	assert_eq 4 "$status" "$stderr"
	assert_contains "${stderr_lines[-1]}" "ktstr-make: error: get kernel 'path:bzImage': "
	assert_contains "$stderr" "get kernel 'path:missing': there is no kernel at "
}

@test "--git and --ref are git+URL#REF; --ref alone is refused" {
	run --separate-stderr ktstr_make kernel build --ref v6.12
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: --ref needs --git URL" "$stderr"
	run --separate-stderr ktstr_make kernel build --offline --git "file://$PWD/none" --ref v6.12
	assert_eq 5 "$status"
	assert_contains "$stderr" "ktstr-make: error: get kernel 'git+file://$PWD/none#v6.12': "
}

@test "a source in ktstr.toml that is none is told with its place" {
	fake_project <<<'[kernel.odd]
		source = "nonsense"'
	run --separate-stderr ktstr_make kernel build odd
	assert_eq 3 "$status"
	assert_contains "$stderr" "ktstr-make: error: $PWD/ktstr.toml:5:9: kernel 'odd': unknown kernel source 'nonsense'"
}

@test "kernel show tells all that is known, by the beginning of a key" {
	ktstr_make kernel fetch path:bzImage
	key=$(ktstr_make kernel list --names)
	run --separate-stderr ktstr_make kernel show 6.99
	assert_eq 0 "$status" "$stderr"
	assert_eq "$key" "$(awk '$1 == "key" { print $2 }' <<<"$output")"
	assert_contains "$output" "
source      path:bzImage
"
	assert_contains "$output" "
state       current: as it would be made today
"
	assert_contains "$output" "
size        16.0 KiB
"
	assert_contains "$output" "
directory   $PWD/cache/kernels/$key
"
	run --separate-stderr ktstr_make kernel show --json "$key"
	assert_eq "$key" "$(jq -r .kernel.key <<<"$output")"
	used=$(jq .kernel.last_used <<<"$output")
	touch -d @1000000000 "cache/used/$key"
	ktstr_make kernel show "$key" >/dev/null
	assert_eq 1000000000 "$(stat -c %Y "cache/used/$key")" "last use, was $used"
}

@test "kernel show refuses what is none, several, and a log that is not there" {
	fake_kernel other 6.99.1-fake
	ktstr_make kernel fetch path:bzImage path:other
	run --separate-stderr ktstr_make kernel show
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: which kernel? Give its key or the beginning of one: 'ktstr-make kernel list' shows them" "$stderr"
	run --separate-stderr ktstr_make kernel show 6.99
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: several kernels have a key that begins with '6.99':" "${stderr_lines[0]}"
	assert_eq 3 "${#stderr_lines[@]}"
	run --separate-stderr ktstr_make kernel show 5.4
	assert_eq 5 "$status"
	assert_eq "ktstr-make: error: no kernel in the cache has a key that begins with '5.4': 'ktstr-make kernel list' shows them" "$stderr"
	run --separate-stderr ktstr_make kernel show --log 6.99.1
	assert_eq 5 "$status"
	[[ $stderr =~ ^"ktstr-make: error: kernel '6.99.1-fake-x86_64-"[0-9a-z]+"' was not built here, so it has no build log"$ ]]
	run --separate-stderr ktstr_make kernel show --log --json 6.99.1
	assert_eq 3 "$status"
}

@test "kernel clean wants a limit, and knows what a limit is" {
	run --separate-stderr ktstr_make kernel clean
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: say what is to go: --keep N, --max-size SIZE, --older AGE, --corrupt, --sources or --all; --dry-run only shows it" "$stderr"
	run --separate-stderr ktstr_make kernel clean --dry-run
	assert_eq 3 "$status"
	run --separate-stderr ktstr_make kernel clean --max-size much
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: option --max-size takes a size such as 10G or 500M, not 'much'" "$stderr"
	run --separate-stderr ktstr_make kernel clean --older 30
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: option --older takes an age such as 30d, 2w or 12h, not '30'" "$stderr"
	run --separate-stderr ktstr_make kernel clean --all --keep 1
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: --all leaves nothing for --keep, --max-size or --older to decide" "$stderr"
}

@test "kernel clean removes what was not used for longest, and says so" {
	fake_kernel other 6.98.0-fake
	ktstr_make kernel fetch path:bzImage path:other
	old=$(ktstr_make kernel list --names | grep 6.98)
	new=$(ktstr_make kernel list --names | grep 6.99)
	touch -d "40 days ago" "cache/used/$old"
	run --separate-stderr ktstr_make kernel clean --older 30d --dry-run
	assert_eq 0 "$status" "$stderr"
	[[ ${lines[0]} =~ ^"kernel  $old "\ +[0-9.]+" KiB  "[a-z].*$ ]]
	[[ ${lines[1]} =~ ^"1 would go, "[0-9.]+" KiB would be free"$ ]]
	[ -d "cache/kernels/$old" ]
	run --separate-stderr ktstr_make kernel clean --older 30d --json
	assert_eq 0 "$status"
	assert_eq "[false,\"kernel\",\"$old\",1,0]" \
		"$(jq -c '[.dry_run, .removed[0].kind, .removed[0].key, .totals.removed, .totals.kept_in_use]' <<<"$output")"
	assert_eq "$new" "$(ktstr_make kernel list --names)"
	run --separate-stderr ktstr_make kernel clean --keep 1
	assert_eq 0 "$status"
	assert_eq "nothing to remove" "$output"
	run --separate-stderr ktstr_make kernel clean --all
	[[ ${lines[-1]} =~ ^"1 removed, "[0-9.]+" KiB free again"$ ]]
	assert_eq "" "$(ktstr_make kernel list --names)"
}

@test "kernel list --verify finds what is not as it was recorded, and clean --corrupt removes it" {
	fake_kernel other 6.98.0-fake
	ktstr_make kernel fetch path:bzImage path:other
	bad=$(ktstr_make kernel list --names | grep 6.98)
	run --separate-stderr ktstr_make kernel list --verify
	assert_eq 0 "$status" "$stderr"
	# As long as it was, so that only its content tells.
	printf x | dd of="cache/kernels/$bad/image" bs=1 seek=9000 conv=notrunc status=none
	run --separate-stderr ktstr_make kernel list --verify
	assert_eq 5 "$status"
	assert_contains "$stderr" "cache entry '$bad' is damaged: '$PWD/cache/kernels/$bad/image': expected sha256 "
	assert_eq corrupt "$(awk -v key="$bad" '$1 == key { print $5 }' <<<"$output")"
	run --separate-stderr ktstr_make kernel list --verify --json
	assert_eq "[\"$bad\"]" "$(jq -c .damaged <<<"$output")"
	run --separate-stderr ktstr_make kernel clean --corrupt
	assert_eq 0 "$status"
	[[ ${lines[-1]} =~ ^"1 removed, "[0-9.]+" KiB free again"$ ]]
	[[ $(ktstr_make kernel list --names) == 6.99.0-fake-* ]]
}

@test "kernel config refuses kernels that are built already" {
	run --separate-stderr ktstr_make kernel config path:bzImage
	assert_eq 3 "$status"
	assert_contains "$stderr" "ktstr-make: error: configure kernel 'path:bzImage': kernel 'path:bzImage' is prebuilt: there is no source to configure"
	fake_project <<<'[kernel.other]
		source = "path:other"'
	run --separate-stderr ktstr_make kernel config --source path:bzImage other
	assert_eq 3 "$status"
	assert_contains "$stderr" "that are 2 kernels, from 'path:other' to 'path:bzImage': choose one"
}

@test "a table that is too wide for the terminal keeps its keys whole" {
	fake_kernel "a-kernel-whose-name-nobody-would-like-to-type" 6.98.0-fake-of-a-long-release
	ktstr_make kernel fetch path:a-kernel-whose-name-nobody-would-like-to-type
	key=$(ktstr_make kernel list --names)
	run --separate-stderr ktstr_make kernel list
	assert_contains "${lines[1]}" "path:a-kernel-whose-name-nobody-would-like-to-type  -        current"
	script -qec "stty cols 100; '$KTSTR_MAKE' --color never kernel list" /dev/null >typescript
	assert_contains "$(cat typescript)" "$key  path:a-"
	assert_contains "$(cat typescript)" ">  current"
	[ "$(tr -d '\r' <typescript | wc -L)" -le 100 ]
}

@test "--list takes a range for one kernel, as it asks no network" {
	fake_project <<-'END'
		[kernel.all]
		source = "6.12..6.16"
		[[test]]
		name = "a"
	END
	run --separate-stderr ktstr_make test --list --kernel all --kernel 6.12..6.13
	assert_eq 0 "$status" "$stderr"
	assert_eq "all 6.12..6.13" "$(awk '{ print $4 }' <<<"$output" | xargs)"
	assert_eq '["6.12..6.16"]' "$(ktstr_make test --list --kernel all --json | jq -c '[.cells[].kernel_source]')"
	[ ! -e cache ]
}

@test "a scheduler that needs its kernel's source says so on a kernel that was not built here" {
	fake_host <<<'exit 1'
	fake_project <<-'END'
		[scheduler.s]
		kernel-source = true
		build = "touch built"
		binary = "x"
		[[test]]
		name = "a"
		scheduler = "s"
	END
	run --separate-stderr ktstr_make test --accel tcg
	assert_eq 5 "$status"
	assert_eq "ktstr-make: error: $PWD/ktstr.toml:5:12: scheduler 's' is built from its kernel's source ('kernel-source = true'), and kernel 'default' (path:bzImage) was not built here: take one that is, such as source = \"6.12\"" "${stderr_lines[-1]}"
	[ ! -e built ]
}

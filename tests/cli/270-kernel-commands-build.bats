#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make kernel build, config, fetch, list, show, clean, update and test with kernels that are built from a made-up
# source tree: every option, what is printed, how far it says it is, and what an interrupt leaves.

# shellcheck disable=SC2154,SC2016,SC2164,SC2030,SC2031,SC2034 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
load ../fakes
load ../kernel_tree
load ../kernelorg
bats_require_minimum_version 1.5.0

line=$'\n'

setup() {
	kernelorg_begin
	export KERNEL_TREE_LOG=$BATS_TEST_TMPDIR/runs CCACHE_DIR=$BATS_TEST_TMPDIR/ccache
	unset LLVM CC PAHOLE
}
teardown() { faultd_stop; }

# refused TEXT ARGS...: a usage error whose text contains TEXT.
refused() {
	local text=$1
	shift
	run --separate-stderr ktstr_make "$@"
	assert_eq 3 "$status" "exit code of: $*; stderr: $stderr"
	assert_contains "$stderr" "$text"
}

# built ARGS...: kernel build with them succeeds, and $output is what it printed.
built() {
	run --separate-stderr ktstr_make kernel build "$@"
	assert_eq 0 "$status" "exit code of: kernel build $*; stderr: $stderr"
}

# A mirror with two series.
serve_releases() {
	kernelorg_add 6.12.40
	kernelorg_add 6.14.9
	kernelorg_releases "stable 6.14.9" "longterm 6.12.40"
	kernelorg_sums
	kernelorg_serve "$SITE"
}

@test "a version is built once; its key, release and directory are printed" {
	serve_releases
	built 6.12.40
	[[ $output =~ ^(6\.12\.40-x86_64-[0-9a-z]+)"  6.12.40  $CACHE/kernels/"(.*)$ ]]
	key=${BASH_REMATCH[1]}
	assert_eq "$key" "${BASH_REMATCH[2]}"
	assert_eq 1 "$(kernel_tree_runs)"
	first=$output
	built 6.12.40
	assert_eq "$first" "$output"
	assert_eq "" "$stderr"
	assert_eq 1 "$(kernel_tree_runs)"
	built --offline --json 6.12.40
	assert_eq "$key" "$(jq -r '.kernels[0].key' <<<"$output")"
	built --rebuild 6.12.40
	assert_eq "$first" "$output"
	assert_eq 2 "$(kernel_tree_runs)"
}

@test "without anything outside a project it is the newest stable kernel" {
	serve_releases
	built
	[[ $output == "6.14.9-x86_64-"* ]]
}

@test "plain progress says each step at once, with the kernel's name when there are several" {
	serve_releases
	built 6.12.40
	assert_contains "$stderr" "configure 6.12.40 (minimal)"
	[[ ${stderr_lines[*]} == *"build 6.12.40"* ]]
	[[ $stderr != *$'\r'* && $stderr != *$'\033'* ]]
	built 6.12 6.14
	assert_contains "$stderr" "6.14: configure 6.14.9 (minimal)"
	ktstr_make kernel clean --all >/dev/null
	run --separate-stderr ktstr_make -q kernel build 6.12.40
	assert_eq 0 "$status"
	assert_eq "" "$stderr"
}

@test "a range is one kernel a series, in a project and on the command line" {
	serve_releases
	built 6.12..6.14
	assert_eq "6.12.40 6.14.9" "$(awk '{ print $2 }' <<<"$output" | xargs)"
	cat >ktstr.toml <<-'END'
		[kernel.default]
		source = "6.12..6.14"
	END
	built
	assert_eq "6.12.40 6.14.9" "$(awk '{ print $2 }' <<<"$output" | xargs)"
	run --separate-stderr ktstr_make kernel fetch --json
	assert_eq 0 "$status" "$stderr"
	assert_eq '["default@6.12.40","default@6.14.9"]' "$(jq -c '[.fetched[].name]' <<<"$output")"
	refused "that are 2 kernels, from '6.12.40' to '6.14.9': choose one" kernel config
}

@test "test runs on every kernel of a range, and the reports name each" {
	serve_releases
	export KTSTR_QEMU=$PWD/qemu
	fake_qemu qemu <<<'exit 1'
	cat >ktstr.toml <<-'END'
		[kernel.all]
		source = "6.12..6.14"
		[[test]]
		name = "a"
		duration = "100ms"
	END
	run --separate-stderr ktstr_make test --accel tcg
	assert_eq 4 "$status" "$stderr"
	assert_eq '["all@6.12.40","all@6.14.9"]' "$(jq -c '[.kernels[].name]' ktstr-out/runs/latest/run.json)"
	assert_eq 2 "$(find ktstr-out/runs/latest/ -name '*.ktstr.json' | wc -l)"
	# What the range stands for is pinned: no network is needed any more.
	faultd_stop
	run --separate-stderr ktstr_make test --accel tcg --offline --locked
	assert_eq 4 "$status" "$stderr"
	assert_eq 2 "$(jq '.kernels | length' ktstr-out/runs/latest/run.json)"
}

@test "--locked fails when ktstr.lock would change; update moves it" {
	serve_releases
	cat >ktstr.toml <<-'END'
		[kernel.default]
		source = "6.12"
	END
	refused "--locked" kernel build --locked
	built
	sum=$(sha256sum ktstr.lock)
	built --locked
	assert_eq "$sum" "$(sha256sum ktstr.lock)"
	kernelorg_add 6.12.41
	kernelorg_releases "stable 6.14.9" "longterm 6.12.41"
	kernelorg_sums
	answers_are_old
	built --locked
	assert_contains "$output" "6.12.40"
	run --separate-stderr ktstr_make update
	assert_eq 0 "$status" "$stderr"
	[[ $output =~ ^default\ \ 6\.12\ \ 6\.12\.41-x86_64- ]]
	built --locked
	assert_contains "$output" "6.12.41"
}

@test "update moves a range to what is newest in each of its series, and to series that are new" {
	serve_releases
	cat >ktstr.toml <<-'END'
		[kernel.all]
		source = "6.12..6.15"
	END
	built
	kernelorg_add 6.12.41
	kernelorg_add 6.15.1
	kernelorg_releases "stable 6.15.1" "stable 6.14.9" "longterm 6.12.41"
	kernelorg_sums
	answers_are_old
	built --locked
	assert_eq "6.12.40 6.14.9" "$(awk '{ print $2 }' <<<"$output" | xargs)"
	run --separate-stderr ktstr_make update
	assert_eq 0 "$status" "$stderr"
	assert_eq "all@6.12.41 all@6.14.9 all@6.15.1" "$(awk '{ print $1 }' <<<"$output" | xargs)"
	# Threads of one run wait for each other, too, and nobody has to know.
	[[ $stderr != *"waiting for"* ]]
	built --locked
	assert_eq "6.12.41 6.14.9 6.15.1" "$(awk '{ print $2 }' <<<"$output" | xargs)"
}

@test "an option that the kernel has not is said to be ignored, each on a line of its own" {
	kernel_tree_make tree 6.12.40
	printf 'CONFIG_NOBODY_HAS_THIS=y\nCONFIG_SCHED_CORES=y\n# CONFIG_GONE is not set\n' >extra.kconfig
	built --kconfig extra.kconfig path:tree
	assert_contains "$stderr" "kernel 'path:tree': CONFIG_NOBODY_HAS_THIS=y (extra.kconfig:1) is ignored: this kernel has no such option$line"
	assert_contains "$stderr" "kernel 'path:tree': CONFIG_SCHED_CORES=y (extra.kconfig:2) is ignored: this kernel has no such option; CONFIG_SCHED_CORE has a similar name"
	[[ $stderr != *CONFIG_GONE* ]]
	run --separate-stderr ktstr_make kernel config --dry-run --kconfig extra.kconfig path:tree
	assert_contains "$output" "#   this kernel has no such option; CONFIG_SCHED_CORE has a similar name"
}

@test "kernel fetch gets the source and builds nothing; the build then needs no network" {
	serve_releases
	run --separate-stderr ktstr_make kernel fetch 6.12.40
	assert_eq 0 "$status" "$stderr"
	[[ $output =~ ^[^\ ]+"  6.12.40  $CACHE/sources/"[^\ ]+$ ]]
	[ -f "${output##*  }/Makefile" ]
	[ ! -e "$KERNEL_TREE_LOG" ]
	run --separate-stderr ktstr_make kernel list
	assert_contains "$stderr" "1 source tree, "
	assert_eq 1 "$(ktstr_make kernel list --json | jq .sources.count)"
	faultd_stop
	built --offline 6.12.40
	run --separate-stderr ktstr_make kernel clean --sources
	assert_eq 0 "$status"
	[[ ${lines[0]} == "source  "* ]]
	assert_eq 0 "$(ktstr_make kernel list --json | jq .sources.count)"
}

@test "a path on the command line is of the working directory, one in ktstr.toml of the project" {
	printf '[kernel.default]\nsource = "path:tree"\n' >ktstr.toml
	kernel_tree_make tree 6.12.40
	kernel_tree_make sub/tree 6.13.1
	cd sub
	built path:tree
	assert_contains "$output" "  6.13.1  "
	built default
	assert_contains "$output" "  6.12.40  "
	run --separate-stderr ktstr_make kernel config --json path:nowhere
	assert_eq 5 "$status"
	assert_contains "$(jq -r .error.text <<<"$output")" "there is no kernel at '"
	assert_contains "$output" "/sub/nowhere'"
}

@test "--mirror and [cache] mirror say where kernels come from" {
	serve_releases
	unset KTSTR_KERNEL_MIRROR
	built --mirror "$MIRROR" 6.12.40
	printf '[kernel.default]\nsource = "6.14"\n[cache]\nmirror = "%s"\n' "$MIRROR" >ktstr.toml
	built
	[[ $output == "6.14.9-"* ]]
}

@test "--remote and [cache] remote give what was built to the next host" {
	serve_releases
	mkdir "$BATS_TEST_TMPDIR/shared" # one that is not there may be a disk that is not mounted
	built --remote "$BATS_TEST_TMPDIR/shared" 6.12.40
	first=$output
	ktstr_make kernel clean --all >/dev/null
	built --remote "file://$BATS_TEST_TMPDIR/shared" 6.12.40
	assert_eq "$first" "$output"
	assert_eq 1 "$(kernel_tree_runs)"
	ktstr_make kernel clean --all >/dev/null
	printf '[kernel.default]\nsource = "6.12.40"\n[cache]\nremote = "../shared"\n' >ktstr.toml
	mkdir -p sub
	cd sub
	built
	assert_eq "$first" "$output"
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "options of the configuration reach it, those of the command line last" {
	kernel_tree_make tree 6.12.40
	echo 'CONFIG_NR_CPUS=64' >extra.kconfig
	cat >ktstr.toml <<-'END'
		[kernel.default]
		source = "path:tree"
		kconfig = ["extra.kconfig", "CONFIG_IKCONFIG=n"]
	END
	ktstr_make kernel config >dot-config
	assert_eq "CONFIG_NR_CPUS=64" "$(grep CONFIG_NR_CPUS= dot-config)"
	grep -q '^# CONFIG_IKCONFIG is not set' dot-config
	mkdir sub
	echo 'CONFIG_NR_CPUS=32' >sub/own.kconfig
	cd sub
	ktstr_make kernel config --kconfig own.kconfig --kconfig CONFIG_IKCONFIG=y -o ../dot-config
	assert_eq "CONFIG_NR_CPUS=32" "$(grep CONFIG_NR_CPUS= ../dot-config)"
	grep -q '^CONFIG_IKCONFIG=y' ../dot-config
	run --separate-stderr ktstr_make kernel config --kconfig missing.kconfig
	assert_eq 3 "$status" "$stderr"
	assert_contains "$stderr" "missing.kconfig"
	run --separate-stderr ktstr_make kernel config --dry-run --json --flavour full
	assert_eq 0 "$status" "$stderr"
	assert_eq defconfig "$(jq -r .base <<<"$output")"
	run --separate-stderr ktstr_make kernel config --dry-run --json --base allnoconfig --flavour full
	assert_eq allnoconfig "$(jq -r .base <<<"$output")"
}

@test "kernel config --dry-run is a fragment with a verdict for each option" {
	kernel_tree_make tree 6.12.40 unmet=PSI absent=SCHED_DEBUG
	run --separate-stderr ktstr_make kernel config --dry-run path:tree
	assert_eq 0 "$status" "$stderr"
	assert_eq "# Linux 6.12.40, base allnoconfig" "${lines[0]}"
	[[ $output =~ "$line"CONFIG_SMP=y\ +"# set     ktstr" ]]
	[[ $output =~ "$line"CONFIG_SCHED_DEBUG=y\ +"# absent  ktstr" ]]
	[[ $output =~ "$line"CONFIG_PSI=y\ +"# unmet   ktstr"[a-z.-]+:[0-9]+"$line""#   is n: depends on KTSTR_NEVER" ]]
	nr=$(grep -c '^CONFIG_' <<<"$output")
	assert_eq "# $nr options: $((nr - 2)) as asked, 1 absent in this kernel, 1 unmet" "${lines[-1]}"
	[ "$(wc -L <<<"$output")" -le 80 ]
	run --separate-stderr ktstr_make kernel config --json path:tree
	assert_eq "[true,$nr,1,1]" "$(jq -c '[.can_build, .totals.options, .totals.absent, .totals.unmet]' <<<"$output")"
	assert_eq '["CONFIG_PSI","y","unmet",false]' \
		"$(jq -c '.options[] | select(.fate == "unmet") | [.name, .wanted, .fate, .by_user]' <<<"$output")"
	assert_contains "$(jq -r .config <<<"$output")" "CONFIG_SMP=y"
	# It is what it says: a fragment.
	ktstr_make kernel config --dry-run path:tree >fragment
	ktstr_make kernel config --kconfig fragment --allow-unmet path:tree >/dev/null
}

@test "a kernel that --allow-unmet let pass is not for those who did not say so" {
	kernel_tree_make lacking 6.12.40 unmet=KTSTR_WISH
	kernel_tree_git lacking >/dev/null
	ktstr_make kernel build --kconfig CONFIG_KTSTR_WISH=y --allow-unmet --source "path:$PWD/lacking"
	run --separate-stderr ktstr_make kernel build --kconfig CONFIG_KTSTR_WISH=y --source "path:$PWD/lacking"
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "CONFIG_KTSTR_WISH=y (--kconfig) came out as"
}

@test "an option of the user's that cannot be had: exit 5, unless --allow-unmet" {
	kernel_tree_make tree 6.12.40 unmet=KTSTR_WISH
	run --separate-stderr ktstr_make kernel config --dry-run --kconfig CONFIG_KTSTR_WISH=y path:tree
	assert_eq 5 "$status" "$stderr"
	assert_contains "$output" "CONFIG_KTSTR_WISH=y"
	run --separate-stderr ktstr_make kernel config --kconfig CONFIG_KTSTR_WISH=y path:tree
	assert_eq 5 "$status"
	assert_contains "$stderr" "ktstr: error: driver: CONFIG_KTSTR_WISH=y (--kconfig) is unmet: it is n: depends on KTSTR_NEVER"
	run --separate-stderr ktstr_make kernel build --kconfig CONFIG_KTSTR_WISH=y path:tree
	assert_eq 5 "$status"
	assert_contains "$stderr" "CONFIG_KTSTR_WISH"
	run --separate-stderr ktstr_make kernel config --dry-run --kconfig CONFIG_KTSTR_WISH=y --allow-unmet path:tree
	assert_eq 0 "$status"
	built --kconfig CONFIG_KTSTR_WISH=y --allow-unmet path:tree
	assert_contains "$stderr" "CONFIG_KTSTR_WISH"
}

@test "another Rust compiler is another kernel where there is Rust in it, and only there" {
	kernel_tree_make tree 6.12.40
	kernel_tree_git tree >/dev/null
	mkdir bin
	PATH=$PWD/bin:$PATH
	keys=()
	for version in 1.78.0 1.80.0; do
		printf '#!/bin/sh\necho rustc %s\n' $version >bin/rustc
		chmod +x bin/rustc
		for kconfig in CONFIG_RUST=y CONFIG_RUST=n; do
			built --kconfig $kconfig path:tree
			keys+=("${output%%  *}")
		done
	done
	[ "${keys[0]}" != "${keys[2]}" ]
	assert_eq "${keys[1]}" "${keys[3]}"
}

@test "options of the build reach it" {
	kernel_tree_make tree 6.12.40
	kernel_tree_git tree >/dev/null
	built -j 1 --no-ccache --keep-debug path:tree
	key=${output%%  *}
	readelf -S -W "$CACHE/kernels/$key/vmlinux" | grep -q '\.debug_info'
	assert_eq false "$(ktstr_make kernel show --json "$key" | jq .kernel.dirty)"
	built --cpu-cap 1 path:tree
	[ "$key" != "${output%%  *}" ] # another kernel: without DWARF
	readelf -S -W "$CACHE/kernels/${output%%  *}/vmlinux" >sections
	run ! grep '\.debug_info' sections
	run --separate-stderr ktstr_make kernel build --toolchain no-such-compiler path:tree
	assert_eq 4 "$status" "$stderr"
	assert_contains "$stderr" "no-such-compiler"
	run --separate-stderr ktstr_make kernel build --pahole no-such-pahole path:tree
	assert_eq 4 "$status" "$stderr"
}

@test "show tells how a kernel was built, and --log prints what make said" {
	kernel_tree_make tree 6.12.40
	built path:tree
	run --separate-stderr ktstr_make kernel show 6.12.40
	assert_eq 0 "$status" "$stderr"
	assert_contains "$output" "
flavour     minimal
"
	[[ $output =~ "$line"toolchain\ +.*gcc ]]
	assert_contains "$output" "
state       dirty: "
	run --separate-stderr ktstr_make kernel show --log 6.12.40
	assert_eq 0 "$status" "$stderr"
	assert_contains "$output" "Kernel: arch/x86/boot/bzImage is ready"
}

@test "list and show tell kernels of one source apart by what they were configured with" {
	kernel_tree_make tree 6.12.40
	kernel_tree_git tree >/dev/null
	printf 'CONFIG_NR_CPUS=64\nCONFIG_IKCONFIG=n\n' >two.kconfig
	printf 'CONFIG_64BIT=y\n' >base.config
	built path:tree
	plain=${output%%  *}
	built --kconfig two.kconfig --kconfig CONFIG_NR_CPUS=32 path:tree
	two=${output%%  *}
	built --flavour full --keep-debug path:tree
	full=${output%%  *}
	built --base base.config --kconfig CONFIG_NR_CPUS=16 path:tree
	other=${output%%  *}
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status" "$stderr"
	flavour_of() { awk -v key="$1" '$1 == key { print $4 }' <<<"$output"; }
	assert_eq "minimal minimal+2 full minimal*+1" \
		"$(flavour_of "$plain") $(flavour_of "$two") $(flavour_of "$full") $(flavour_of "$other")"
	assert_eq '["allnoconfig","CONFIG_IKCONFIG=n CONFIG_NR_CPUS=32",false]' \
		"$(ktstr_make kernel list --json | jq -c --arg key "$two" '.kernels[] | select(.key == $key) | [.base, .options, .keep_debug]')"
	run --separate-stderr ktstr_make kernel show "$two"
	assert_contains "$output" "${line}base        allnoconfig${line}options     CONFIG_IKCONFIG=n CONFIG_NR_CPUS=32$line"
	run --separate-stderr ktstr_make kernel show "$plain"
	[[ $output != *"${line}options "* ]]
	assert_eq 'null' "$(ktstr_make kernel show --json "$plain" | jq .kernel.options)"
	run --separate-stderr ktstr_make kernel show "$full"
	assert_contains "$output" "${line}base        defconfig${line}debug info  kept in vmlinux$line"
	# Narrower by less than the column, which goes first; times may be told in a few letters more or less by then.
	room=$(($(ktstr_make kernel list 2>/dev/null | wc -L) - 4))
	script -qec "stty cols $room; '$KTSTR_MAKE' --color never kernel list" /dev/null >typescript
	run ! grep FLAVOUR typescript
	grep -q VERSION typescript
	[ "$(grep -v 'source tree' typescript | tr -d '\r' | wc -L)" -le "$room" ]
}

@test "when one of several does not build the others do, and the worst error comes last" {
	kernel_tree_make good 6.12.40
	kernel_tree_make bad 6.13.1 fail=kernel/fork.c
	run --separate-stderr ktstr_make kernel build path:bad path:good path:missing
	assert_eq 5 "$status" "$stderr"
	[[ $output == "6.12.40-"* ]]
	assert_eq 1 "${#lines[@]}"
	assert_contains "$stderr" "ktstr: error: driver: get kernel 'path:missing': "
	assert_contains "$stderr" "ktstr-make: error: get kernel 'path:bad': "
	assert_contains "$stderr" "no_such_variable"
}

@test "on a terminal each kernel that is built has a line of its own, and none stays" {
	kernel_tree_make one 6.12.40 slow=0.2
	kernel_tree_make two 6.13.1 slow=0.2
	script -qec "stty cols 80; '$KTSTR_MAKE' kernel build path:one path:two" /dev/null >typescript
	tr '\r' '\n' <typescript >shown
	grep -qE 'path:one: build 6\.12\.40 .*[0-9]+/[0-9]+' shown
	grep -qE 'path:two: build 6\.13\.1 .*[0-9]+/[0-9]+' shown
	grep -q $'\033\\[A' typescript # up, to the other line
	# Every line that was shown was cleared before the results came.
	assert_eq 2 "$(grep -cE $'^(\033\\[[KA])*6\\.1[23]\\.[0-9]+-x86_64-' shown)"
	[ "$(sed 's/\x1b\[[KA]//g' shown | wc -L)" -le 79 ] ||
		[ "$(sed 's/\x1b\[[KA]//g' shown | grep -vE 'x86_64|for clangd' | wc -L)" -le 79 ]
}

# Whether a process works in this test's cache; the pattern does not match the one who looks.
is_busy() {
	grep -qs "${CACHE%cache}[c]ache/" /proc/[0-9]*/cmdline
}

@test "Ctrl-C ends the build and all that it started, and leaves nothing half" {
	kernel_tree_make tree 6.12.40 slow=30
	mkfifo keys
	# A shell starts what is in the background with SIGINT ignored, and nobody would see it.
	env --default-signal=INT script -qec "exec '$KTSTR_MAKE' kernel build path:tree" /dev/null <keys >typescript 3>&- &
	script=$!
	exec 4>keys
	for _ in $(seq 200); do
		grep -q 'build 6' typescript && is_busy && break
		sleep 0.05
	done
	is_busy
	printf '\003' >&4
	result=0
	wait "$script" || result=$?
	exec 4>&-
	assert_eq 130 "$result"
	assert_contains "$(cat typescript)" "ktstr-make: error: interrupted"
	for _ in $(seq 200); do
		is_busy || break
		sleep 0.05
	done
	run ! is_busy
	assert_eq "" "$(ktstr_make kernel list --names)"
	[ -z "$(ls -A "$CACHE/damaged" 2>/dev/null)" ]
}

@test "a scheduler with kernel-source gets the tree of its kernel, unpacked again when it is gone" {
	serve_releases
	export KTSTR_QEMU=$PWD/qemu
	fake_qemu qemu <<<'exit 1'
	cat >ktstr.toml <<-'END'
		[kernel.default]
		source = "6.12.40"
		[scheduler.s]
		kernel-source = true
		build = "$KTSTR_MAKE kernel clean --sources >cleaned 2>&1; head -n 4 \"$KTSTR_KERNEL_SOURCE/Makefile\" >seen; cp /bin/true scx_s"
		binary = "scx_s"
		[scheduler.plain]
		build = "echo \"${KTSTR_KERNEL_SOURCE-none}\" >plain; cp /bin/true scx_s"
		binary = "scx_s"
		[defaults]
		duration = "100ms"
		[[test]]
		name = "a"
		scheduler = "s"
		[[test]]
		name = "b"
		scheduler = "plain"
	END
	KTSTR_KERNEL_SOURCE=outer run --separate-stderr ktstr_make test --accel tcg
	assert_eq 4 "$status" "$stderr"
	# While it is built from, the tree is not cleaned away.
	assert_contains "$(cat cleaned)" "in use"
	assert_contains "$(cat seen)" "SUBLEVEL = 40"
	assert_eq none "$(cat plain)"
	ktstr_make kernel clean --sources >/dev/null
	rm seen
	run --separate-stderr ktstr_make test --accel tcg a
	assert_contains "$(cat seen)" "SUBLEVEL = 40"
}

@test "--source, --git and --ref name kernels as operands do" {
	kernel_tree_make tree 6.12.40
	kernel_tree_git tree >/dev/null
	git -C tree tag v-here
	built --git "file://$PWD/tree" --ref v-here
	first=${output%%  *}
	built "git+file://$PWD/tree#v-here"
	assert_eq "$first" "${output%%  *}"
	built --source "git+file://$PWD/tree#v-here"
	assert_eq "$first" "${output%%  *}"
	built "$first"
	assert_eq "$first" "${output%%  *}"
	assert_eq 1 "$(kernel_tree_runs)"
	refused "unknown kernel source 'nonsense'" kernel build --source nonsense
}

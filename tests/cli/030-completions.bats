#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Completion scripts: they parse, and they complete.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR"
	mkdir bin
	ln -s "$KTSTR_MAKE" bin/ktstr-make
	export PATH=$PWD/bin:$PATH KTSTR_CACHE_DIR=$PWD/cache
	printf '[kernel.default]\nsource = "path:x"\n[kernel.lts]\nsource = "path:y"\n' >ktstr.toml
	printf '[[test]]\nname = "%s"\ntopology = "1n1l1c1t"\n' alpha beta >>ktstr.toml
}

# completed WORDS...: what bash offers for the last word.
completed() {
	ktstr_make completions bash >script
	bash -c 'source ./script
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_ktstr_make
		echo "${COMPREPLY[*]}"' bash "$@"
}

@test "the bash script parses" {
	ktstr_make completions bash >script
	bash -n script
	shellcheck -s bash -S error script || [ ! -x "$(command -v shellcheck)" ]
}

@test "the zsh script parses" {
	[ -x "$(command -v zsh)" ] || require zsh "no zsh"
	ktstr_make completions zsh >script
	zsh -n script
}

@test "the fish script parses" {
	[ -x "$(command -v fish)" ] || require fish "no fish"
	ktstr_make completions fish >script
	fish -n script
}

@test "bash completes commands, options and their values" {
	assert_eq "test kernel update capture show init doctor completions help" \
		"$(completed ktstr-make "" | sed 's/ --help.*//')"
	assert_eq "doctor" "$(completed ktstr-make d)"
	assert_eq "build fetch config list show clean" "$(completed ktstr-make kernel "")"
	assert_eq "--include-ignored --ignored" "$(completed ktstr-make test --i | xargs -n1 | grep ignored | xargs)"
	assert_eq "auto kvm tcg" "$(completed ktstr-make test --accel "")"
	assert_eq "always" "$(completed ktstr-make --color al)"
	assert_eq "always" "$(completed ktstr-make test --color al)"
	assert_eq "bash zsh fish" "$(completed ktstr-make completions "")"
	assert_eq "--accel" "$(completed ktstr-make -C .. --color never test --ac)"
	assert_eq "test" "$(completed ktstr-make -C test te)"
}

@test "bash completes names of tests and kernels" {
	assert_eq "alpha beta" "$(completed ktstr-make test "")"
	assert_eq "beta" "$(completed ktstr-make test --offline b)"
	assert_eq "default lts" "$(completed ktstr-make test --kernel "")"
	assert_eq "lts" "$(completed ktstr-make update -k l)"
}

@test "what is not supported is not completed" {
	for word in she ver rep exp lock stat buil; do
		assert_eq "" "$(completed ktstr-make $word)"
	done
}

@test "another shell is refused" {
	run --separate-stderr ktstr_make completions tcsh
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: no completions for 'tcsh': there are bash, zsh and fish" "$stderr"
	run --separate-stderr ktstr_make completions
	assert_eq 3 "$status"
	assert_eq "ktstr-make: error: which shell? Give bash, zsh or fish" "$stderr"
}

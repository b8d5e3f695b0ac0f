#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Help, version, unknown words: what a wrong command line gets.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
bats_require_minimum_version 1.5.0

# refused TEXT ARGS...: exit code 3, nothing on stdout, exactly that error on stderr.
refused() {
	local text=$1
	shift
	run --separate-stderr ktstr_make "$@"
	assert_eq 3 "$status" "exit code of: $*"
	assert_eq "" "$output" "stdout of: $*"
	assert_eq "ktstr-make: error: $text" "$stderr" "stderr of: $*"
}

@test "--version says name and version" {
	run --separate-stderr ktstr_make --version
	assert_eq 0 "$status"
	[[ $output =~ ^ktstr-make\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	assert_eq "$output" "$(ktstr_make -V)"
}

@test "--help lists every command and every exit code" {
	run --separate-stderr ktstr_make --help
	assert_eq 0 "$status"
	assert_eq "" "$stderr"
	for word in test "kernel fetch" "kernel list" update init doctor completions help; do
		grep -q "^  $word  " <<<"$output" || assert_contains "$output" "  $word  "
	done
	for code in 0 1 2 3 4 5 70 130; do
		grep -qE "^ +$code  [A-Z]" <<<"$output" || assert_contains "$output" "$code  "
	done
	# What does not work yet is not offered.
	run ! grep -qE '^  (shell|verifier|replay|export|report|locks|stats|build) ' <<<"$output"
}

@test "help COMMAND, COMMAND --help and --help before it are the same" {
	run --separate-stderr ktstr_make help test
	assert_eq 0 "$status"
	assert_contains "$output" "Usage: ktstr-make test [OPTIONS] [FILTER...]"
	assert_contains "$output" "-j, --jobs N"
	assert_eq "$output" "$(ktstr_make test --help)"
	assert_eq "$output" "$(ktstr_make --help test)"
	assert_eq "$(ktstr_make help kernel list)" "$(ktstr_make kernel list -h)"
}

@test "help of a word that several commands begin with lists them" {
	run --separate-stderr ktstr_make help kernel
	assert_eq 0 "$status"
	assert_eq "Usage: ktstr-make kernel COMMAND [ARGUMENTS]" "${lines[0]}"
	assert_contains "$output" "
  kernel build    get kernels ready to boot, building what is not in the cache
  kernel fetch    get kernels, or the source of those that have to be built, into the cache
  kernel config   show what a kernel would be configured with, and what of it cannot be had
  kernel list     list the kernels in the cache, last used first
  kernel show     show all that is known of a kernel in the cache
  kernel clean    remove kernels from the cache, least recently used first
"
	assert_eq "$output" "$(ktstr_make kernel --help)"
	assert_eq "$output" "$(ktstr_make kernel -h)"
	assert_eq "$output" "$(ktstr_make --help kernel)"
	refused "unknown command 'frobnicate': see 'ktstr-make --help'" frobnicate --help
}

@test "a command is needed" {
	refused "no command given: see 'ktstr-make --help'"
}

@test "an unknown command names the nearest" {
	refused "unknown command 'tset': did you mean 'test'?" tset
	refused "unknown command 'doctro': did you mean 'doctor'?" doctro
	refused "unknown command 'frobnicate': see 'ktstr-make --help'" frobnicate
	refused "unknown command 'kernel fech': did you mean 'kernel fetch'?" kernel fech
	refused "command 'kernel' needs a second word: there is 'kernel build', 'kernel fetch', 'kernel config', 'kernel list', 'kernel show', 'kernel clean'" kernel
}

@test "a command of the design that is not there yet says so" {
	for command in build verifier shell replay export report locks stats; do
		# shellcheck disable=SC2086 # words
		refused "command '$command' is not supported yet" $command
	done
}

@test "an unknown option names the nearest" {
	refused "unknown option '--lsit': did you mean '--list'?" test --lsit
	refused "unknown option '--kernal': did you mean '--kernel'?" test --kernal=x
	refused "unknown option '--frobnicate': see 'ktstr-make test --help'" test --frobnicate
	refused "unknown option '-z': see 'ktstr-make test --help'" test -z
	refused "unknown option '--vresion': did you mean '--version'?" --vresion
}

@test "with --json what is refused is a document, too, wherever it stands" {
	# tells TEXT ARGS...
	tells() {
		local text=$1
		shift
		run --separate-stderr ktstr_make "$@"
		assert_eq 3 "$status" "$*"
		assert_eq "ktstr-make: error: $text" "$stderr"
		assert_eq "[\"usage\",3,\"$text\"]" "$(jq -c '.error | [.kind, .exit_code, .text]' <<<"$output")" "$*"
	}
	for command in "kernel build" "kernel fetch" "kernel config" "kernel list" "kernel show" "kernel clean" doctor "test --list"; do
		# shellcheck disable=SC2086 # words
		tells "unknown option '--frob': see 'ktstr-make ${command% --list} --help'" $command --frob --json
		# shellcheck disable=SC2086 # words
		tells "unknown option '--frob': see 'ktstr-make ${command% --list} --help'" $command --json --frob
	done
	tells "'doctor' takes no 'please': see 'ktstr-make doctor --help'" doctor --json please
	tells "unknown command 'kernel fech': did you mean 'kernel fetch'?" kernel fech --json
	tells "cannot go to directory '/nonexistent/x': No such file or directory" -C /nonexistent/x kernel list --json
	tells "--json goes with --list; a run reports by --message-format json" test --json
	tells "unknown option '--frob': see 'ktstr-make test --help'" test --message-format json --frob
	assert_eq '"error"' "$(jq .event <<<"$output")"
	tells "unknown option '--frob': see 'ktstr-make test --help'" test --frob --message-format=json
	refused "unknown option '--frob': see 'ktstr-make doctor --help'" doctor --frob -- --json
	assert_eq "" "$output"
}

@test "values of options are checked" {
	refused "option --accel takes auto, kvm or tcg, not 'xen'" test --accel xen
	refused "option --color takes auto, always or never, not 'maybe'" --color=maybe test
	refused "option -j takes a number from 1, not 'many'" test -j many
	refused "option --jobs takes a number from 1, not '0'" test --jobs=0
	refused "option --kernel needs a value: NAME|SPEC" test --kernel
	refused "option --list takes no value" test --list=yes
}

@test "options that do not go together are refused" {
	refused "--ignored and --include-ignored exclude each other" test --ignored --include-ignored
}

@test "operands that a command does not take are refused" {
	refused "'init' takes no 'here': see 'ktstr-make init --help'" init here
	refused "'doctor' takes no 'please': see 'ktstr-make doctor --help'" doctor please
}

@test "-C that leads nowhere is refused" {
	refused "cannot go to directory '/nonexistent/x': No such file or directory" -C /nonexistent/x test
}

@test "a wrong KTSTR_LOG is refused and named" {
	KTSTR_LOG=nonsense run --separate-stderr ktstr_make test --list
	assert_eq 3 "$status"
	assert_contains "$stderr" 'read $KTSTR_LOG: '
}

@test "control bytes of an argument do not reach the terminal" {
	run --separate-stderr ktstr_make $'\e[31mred'
	assert_eq 3 "$status"
	[[ $stderr != *$'\e'* ]]
}

@test "a full disk under stdout is an error" {
	[ -e /dev/full ] || skip "no /dev/full"
	run --separate-stderr bash -c '"$KTSTR_MAKE" --help >/dev/full'
	assert_eq 4 "$status"
	assert_eq "ktstr-make: error: write to standard output: No space left on device" "$stderr"
}

@test "pages of docs come from the same tables" {
	run --separate-stderr ktstr_make help --markdown exit-codes
	assert_eq 0 "$status"
	assert_contains "$output" "| 130 | Interrupted by the user. |"
	run --separate-stderr ktstr_make help --markdown commands
	assert_contains "$output" "## ktstr-make kernel fetch"
	assert_contains "$output" '| `-j`, `--jobs N` | '
	run --separate-stderr ktstr_make help --markdown config
	assert_contains "$output" '## `[[test]]`'
	assert_contains "$output" '| `tiny-1llc` | `1n1l4c1t` |'
	assert_contains "$output" '| `spin_wait` | '
}

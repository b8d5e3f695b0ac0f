# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What every bats file loads: load ../lib

# The program under test.
O=${O:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build}
KTSTR_MAKE=${KTSTR_MAKE:-$O/ktstr-make}
KTSTR_TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export O KTSTR_MAKE KTSTR_TOP

ktstr_make() {
	"$KTSTR_MAKE" "$@"
}

# require CAPABILITY REASON: this test cannot run here. A failure when KTSTR_TEST_REQUIRE lists CAPABILITY, else a
# skip that says why. Call it once the lack is known: [ -c /dev/kvm ] || require kvm-small "no /dev/kvm".
require() {
	local capability=$1 reason=$2
	case ",${KTSTR_TEST_REQUIRE:-}," in
	*",$capability,"*)
		echo "required: $capability: $reason" >&2
		return 1
		;;
	esac
	skip "$capability: $reason"
}

# assert_eq EXPECTED ACTUAL [WHAT]
assert_eq() {
	[ "$1" = "$2" ] && return 0
	printf '%s\n  expected: %q\n  actual:   %q\n' "${3:-values differ}" "$1" "$2" >&2
	return 1
}

# assert_contains TEXT PART
assert_contains() {
	[[ $1 == *"$2"* ]] && return 0
	printf 'this text:\n%s\ndoes not contain:\n%s\n' "$1" "$2" >&2
	return 1
}

# wait_for COMMAND...: until it succeeds, at most half a minute.
wait_for() {
	local i
	for ((i = 0; i < 600; i++)); do
		"$@" && return 0
		sleep 0.05
	done
	echo "never happened: $*" >&2
	return 1
}

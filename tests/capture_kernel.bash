# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What failure dumps tell of the kernel, against what the guest itself says: its dump of the same exit, and /proc and /sys shortly
# before and after (tests/vm/progs/witness.c). Needs cells and capture to be loaded.

# witness_project DIR: two nodes, six workers of two kinds that a scheduler stalls under the eyes of the witness.
witness_project() {
	cell_project "$1"
	"${CC:-cc}" -std=gnu17 -O2 -Wall -Wextra -Werror -static -D_GNU_SOURCE -DINNER="\"$O/bpf/scx_ktstr\"" \
		-o "$1/witness" "$KTSTR_TOP/tests/vm/progs/witness.c"
	cat >>"$1/ktstr.toml" <<-'TOML'
		[scheduler.witness]
		binary = "witness"
		[[test]]
		name = "witnessed"
		scheduler = "witness"
		scheduler-args = ["--verbose", "--stall-after=1"]
		topology = "2n2l2c1t"
		watchdog = "3s"
		duration = "10s"
		cgroups = [
			{ name = "load", workers = 3, work = "spin_wait" },
			{ name = "nice", workers = 3, work = "spin_wait", nice = 5 },
		]
		expect = { exit = "stall" }
	TOML
}

# compare_with_guest DIR: into DIR/truth.json, how much was compared and what differs.
compare_with_guest() {
	local dump log
	dump=$(dump_of "$1" witnessed) && log=$(cell_logs "$1" witnessed)/scheduler.log &&
		jq --rawfile log "$log" -f "$KTSTR_TOP/tests/vm/truth.jq" "$dump" >"$1/truth.json"
}

# assert_agree DIR LEAST GROUP...: at least so many values of each group were compared, and they agree.
assert_agree() {
	local dir=$1 least=$2 group wrong
	shift 2
	for group; do
		[ "$(jq --arg g "$group" '.compared[$g]' "$dir/truth.json")" -ge "$least" ] ||
			{ jq .compared "$dir/truth.json"; return 1; }
		wrong=$(jq -r --arg g "$group" '.wrong[$g][]' "$dir/truth.json")
		assert_eq "" "$wrong" "what differs of $group"
	done
}

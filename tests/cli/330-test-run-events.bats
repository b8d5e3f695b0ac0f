#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# ktstr-make test --message-format json: one object an event on stdout, text on stderr.

# shellcheck disable=SC2154,SC2016,SC2164 # bats sets stderr; literal $ is meant; set -e is on
load ../lib
load ../fakes
bats_require_minimum_version 1.5.0

setup() {
	fake_host <<<'echo "no machine today" >&2; exit 1'
	fake_project <<-'END'
		[defaults]
		duration = "1s"
		topology = "1n1l2c1t"
		[[test]]
		name = "one"
		[[test]]
		name = "two"
	END
}

@test "every line of stdout is an object with its event" {
	run --separate-stderr ktstr_make test --accel tcg --message-format json
	assert_eq 4 "$status"
	local line
	for line in "${lines[@]}"; do
		jq -e '.event | type == "string"' <<<"$line" >/dev/null
	done
	assert_eq "run-started" "$(jq -r .event <<<"${lines[0]}")"
	assert_eq "run-finished" "$(jq -r .event <<<"${lines[-1]}")"
	assert_eq 2 "$(jq -r .event <<<"$output" | grep -cx cell-started)"
	assert_eq 2 "$(jq -r .event <<<"$output" | grep -cx cell-finished)"
	assert_contains "$stderr" "0 passed, 0 failed, 0 inconclusive, 0 skipped, 2 errors"
}

@test "events carry what they are about" {
	run --separate-stderr ktstr_make test --accel tcg --message-format json one
	assert_eq '["tcg",1]' "$(jq -c 'select(.event == "run-started") | [.accelerator.name, .cells]' <<<"$output")"
	assert_eq '[0,"one","1n1l2c1t","eevdf","default","error"]' "$(jq -c 'select(.event == "cell-finished")
		| [.cell, .test, .topology, .scheduler, .kernel, .verdict]' <<<"$output")"
	assert_contains "$(jq -r 'select(.event == "cell-finished") | .failure_text' <<<"$output")" "no machine today"
	[ -f "$(jq -r 'select(.event == "cell-finished") | .sidecar' <<<"$output")" ]
	assert_eq '[1,4]' "$(jq -c 'select(.event == "run-finished") | [.totals.error, .exit_code]' <<<"$output")"
}

@test "an error before the run is an event as well" {
	run --separate-stderr ktstr_make test --message-format json zebra
	assert_eq 3 "$status"
	assert_eq '["error","usage",3]' "$(jq -c '[.event, .error.kind, .error.exit_code]' <<<"$output")"
	assert_contains "$stderr" "ktstr-make: error: no test matches 'zebra'"
}

@test "what machines do without is an event of each cell, and is said once" {
	run --separate-stderr ktstr_make test --accel tcg --performance --message-format json
	assert_eq 2 "$(jq -c 'select(.event == "cell-note") | [.cell, .text]' <<<"$output" |
		grep -cE '^\[[01],"performance mode needs KVM: machines are emulated as ever"\]$')"
	assert_eq 1 "$(grep -cx 'note: performance mode needs KVM: machines are emulated as ever' <<<"$stderr")"
	local sidecar
	for sidecar in $(jq -r 'select(.event == "cell-finished") | .sidecar' <<<"$output"); do
		assert_eq '[true,["performance mode needs KVM: machines are emulated as ever"]]' \
			"$(jq -c '[.performance, .vm_notes]' "$sidecar")"
	done
	run --separate-stderr ktstr_make test --accel tcg --quiet --performance one
	[[ "$output$stderr" != *note:* ]]
}

@test "performance mode can be asked for by one test, or in [defaults]" {
	fake_project <<-'END'
		[defaults]
		performance = true
		[[test]]
		name = "one"
		[[test]]
		name = "two"
		performance = false
	END
	run --separate-stderr ktstr_make test --accel tcg --message-format json
	assert_eq '[0]' "$(jq -c 'select(.event == "cell-note") | [.cell]' <<<"$output")"
	assert_eq '[false,[]]' "$(jq -c '[.performance, .vm_notes]' \
		"$(jq -r 'select(.event == "cell-finished" and .test == "two") | .sidecar' <<<"$output")")"
}

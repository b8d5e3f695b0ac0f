# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Who loads this uses these variables, and bats sets others:
# shellcheck disable=SC2034,SC2154
# The misbehaving HTTP server of the tests (tests/faultd), one at a time, and what is said of fetching from it.
#
#   faultd_start DIR [RULE...]   serves DIR; sets FAULTD_URL; requests are logged in $REQUESTS where that is set
#   faultd_stop                  the network is gone; also for teardown, started or not

FAULTD_PID=

faultd_start() {
	local port=
	faultd_stop
	: >"$BATS_TEST_TMPDIR/port"
	"$O/tests/faultd" ${REQUESTS:+--log "$REQUESTS"} "$@" >"$BATS_TEST_TMPDIR/port" 3>&- &
	FAULTD_PID=$!
	for _ in $(seq 250); do
		port=$(cat "$BATS_TEST_TMPDIR/port")
		[ -z "$port" ] || break
		sleep 0.02
	done
	[ -n "$port" ] || { echo "faultd does not say its port" >&2; return 1; }
	FAULTD_URL=http://127.0.0.1:$port
}

faultd_stop() {
	[ -z "$FAULTD_PID" ] || { kill "$FAULTD_PID" && wait "$FAULTD_PID"; } 2>/dev/null || true
	FAULTD_PID=
}

# What servers answered is older than an hour now.
answers_are_old() {
	sed -i 's/"fetched": [0-9]*/"fetched": 1/' "$CACHE"/index/index-*.json
}

# requests_of PART [STATUS]: how many requests there were for paths that contain it.
requests_of() {
	awk -v part="$1" -v status="${2:-}" 'index($2, part) && (status == "" || $4 == status)' "$REQUESTS" | wc -l
}

# fails STATUS MESSAGE ARG...: the last line of stderr is that error, and nothing is on stdout.
fails() {
	local want=$1 message=$2
	shift 2
	run --separate-stderr ktstr_make "$@"
	assert_eq "$want" "$status" "exit status; stderr: $stderr"
	assert_eq "ktstr-make: error: $message" "${stderr_lines[-1]}"
	assert_eq "" "$output" "stdout"
}

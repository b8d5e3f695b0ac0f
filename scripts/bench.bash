# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Who loads this uses these variables:
# shellcheck disable=SC2034
# What the benches share: bench_begin once, then rows of medians.

# bench_begin: sets root, the programs, runs and work, a directory that goes when the bench ends.
bench_begin() {
	local out=${O-build}
	root=$PWD
	case $out in /*) ;; *) out=$root/$out ;; esac
	program=$out/ktstr-make
	faultd=$out/tests/faultd
	vmm_bench=$out/tests/vmm-bench
	capture_bench=$out/tests/capture-bench
	scx_full=$out/tests/scx_full
	guest=$out/tests/guests/guest.elf
	runs=${KTSTR_BENCH_RUNS-5}
	work=$(mktemp -d -p "${KTSTR_BENCH_DIR-${TMPDIR-/tmp}}" ktstr-bench.XXXXXX)
	trap bench_end EXIT
	printf 'host: %s CPUs, %s, %s\n' "$(nproc)" "$(uname -r)" "$(qemu-system-x86_64 --version | head -n1)"
	printf '%-60s %10s %10s %10s  %-5s %s\n' what median least greatest unit target
}

bench_end() {
	[ -z "${faultd_pid-}" ] || kill "$faultd_pid" || true
	rm -rf "$work"
}

now_us() { printf '%s' "${EPOCHREALTIME/./}"; }

# timed FILE COMMAND...: adds the command's wall time in ms to FILE; its output goes to FILE.out and FILE.err.
timed() {
	local to=$1 begin
	shift
	begin=$(now_us)
	"$@" >"$to.out" 2>"$to.err" </dev/null || {
		tail -n 50 "$to.out" "$to.err" >&2
		return 1
	}
	awk -v us="$(($(now_us) - begin))" 'BEGIN { print us / 1000 }' >>"$to"
}

# pair A B FILE: adds the quotient of the last numbers of files A and B to FILE.
pair() { awk -v a="$(tail -n 1 "$1")" -v b="$(tail -n 1 "$2")" 'BEGIN { print a / b }' >>"$3"; }

# Median, least and greatest of the numbers on stdin, one a line.
spread() {
	sort -n | awk '{ v[NR] = $1 } END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf "%s %s %s", m, v[1], v[NR] }'
}

row() { # what, unit, target, file of numbers
	local s
	s=$(spread <"$4")
	# shellcheck disable=SC2086 # three words
	printf '%-60s %10.2f %10.2f %10.2f  %-5s %s\n' "$1" $s "$2" "$3"
}

progress() { printf 'bench: %s\n' "$*" >&2; }

# serve DIR: sets mirror to the URL of a server of it on this host.
serve() {
	local port=
	: >"$work/port"
	"$faultd" "$1" >"$work/port" 2>/dev/null &
	faultd_pid=$!
	for ((i = 0; i < 250; i++)); do
		port=$(cat "$work/port")
		[ -z "$port" ] || break
		sleep 0.02
	done
	[ -n "$port" ]
	mirror=http://127.0.0.1:$port
}

# named DIR COMMAND...: it prints lines "NAME NUMBER"; adds each number to DIR/NAME.
named() {
	local dir=$1
	shift
	mkdir -p "$dir"
	"$@" 2>"$dir.err" </dev/null | awk -v dir="$dir" '{ print $2 >>(dir "/" $1) }' || {
		tail -n 50 "$dir.err" >&2
		return 1
	}
}

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Kernel source in git, and a server of it on 127.0.0.1: load ../kernel_tree before this.
#
#   git_begin                  $WORK, $ORIGIN (a made-up kernel with one commit on master), $KTSTR_CACHE_DIR
#   git_serve                  sets $URL; git daemon
#   git_unserve                ends it
#   in_origin ARG...           git in $ORIGIN
#   git_edit TEXT              one more commit there, whose kernel differs; prints it

in_origin() {
	git -C "$ORIGIN" -c user.name=t -c user.email=t@example.invalid "$@"
}

git_begin() {
	WORK=$BATS_TEST_TMPDIR
	ORIGIN=$WORK/served/linux
	export KTSTR_CACHE_DIR=$WORK/cache GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null HOME=$WORK
	export KERNEL_TREE_LOG=$WORK/runs
	kernel_tree_make "$ORIGIN" 6.12.40
	kernel_tree_git "$ORIGIN" >/dev/null
	mkdir -p "$WORK/project"
	cd "$WORK/project" || return 1
}

git_edit() {
	sed -i '/^const char edit/d' "$ORIGIN/lib/string.c"
	echo "const char edit[] = \"$1\";" >>"$ORIGIN/lib/string.c"
	in_origin commit --quiet --all --message "$1"
	in_origin rev-parse HEAD
}

# git daemon takes no port 0: one that was free a moment ago is tried, until one still is.
git_serve() {
	local port tries i
	for ((tries = 0; tries < 20; tries++)); do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 40000))
		"$(git --exec-path)/git-daemon" --listen=127.0.0.1 --port="$port" --base-path="$WORK/served" \
			--export-all --reuseaddr >>"$WORK/daemon.log" 2>&1 3>&- &
		GIT_DAEMON=$!
		for ((i = 0; i < 200; i++)); do
			kill -0 "$GIT_DAEMON" 2>/dev/null || break
			if (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
				# shellcheck disable=SC2034 # for the tests
				URL=git://127.0.0.1:$port/linux
				return 0
			fi
			sleep 0.05
		done
		git_unserve
	done
	echo "git daemon does not start" >&2
	return 1
}

git_unserve() {
	[ -n "${GIT_DAEMON:-}" ] || return 0
	kill "$GIT_DAEMON" 2>/dev/null || true
	wait "$GIT_DAEMON" 2>/dev/null || true
	GIT_DAEMON=''
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A kernel cache that is shared: a directory, a real web server that wants a token, and a server that misbehaves.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, stderr_lines: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_tree
load ../faultd

TOKEN=s3cret-token

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export KERNEL_TREE_LOG=$BATS_TEST_TMPDIR/make.log KTSTR_NET_TIMEOUT=1
	unset KTSTR_CACHE_TOKEN KTSTR_CACHE_TOKEN_INSECURE
	SERVER_PID=
	kernel_tree_make "$PWD/tree" 6.12.40
	kernel_tree_tar "$PWD/tree" "$PWD/linux-6.12.40.tar.gz"
	mkdir shared
}
teardown() {
	faultd_stop
	[ -z "$SERVER_PID" ] || { kill "$SERVER_PID" && wait "$SERVER_PID"; } 2>/dev/null || true
}

# build MACHINE REMOTE: on a machine with a cache of its own.
build() {
	KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/$1 run --separate-stderr ktstr_make kernel build --remote "$2" \
		"$PWD/linux-6.12.40.tar.gz"
	assert_eq 0 "$status" "$stderr"
	[[ $stderr != *"$TOKEN"* ]]
	KEY=${output%% *}
	[ -s "$BATS_TEST_TMPDIR/$1/kernels/$KEY/image" ]
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/$1/tmp")" ]
}

# warned TEXT: one line about the shared cache, which has that text.
warned() {
	assert_eq 1 "$(grep -c 'going on without it' <<<"$stderr")" "$stderr"
	assert_contains "$stderr" "$1"
	assert_contains "$stderr" "; going on without it"
}

# free_port: one that nobody listens at.
free_port() {
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

# web_start [private]: nginx over shared/, where anybody (private: who has the token) reads and who has the token
# writes; sets URL.
web_start() {
	local i port may="GET .*|[A-Z]+ Bearer $TOKEN"
	[ "${1-}" != private ] || may="[A-Z]+ Bearer $TOKEN"
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || require nginx "no nginx"
	mkdir -p web
	chmod 755 . web
	for ((i = 0; i < 5; i++)); do
		port=$(free_port)
		cat >web/nginx.conf <<-EOF
			daemon off;
			master_process off;
			pid $PWD/web/pid;
			error_log $PWD/web/error.log;
			events {}
			http {
				access_log $PWD/web/access.log;
				client_body_temp_path $PWD/web/body;
				proxy_temp_path $PWD/web/proxy;
				fastcgi_temp_path $PWD/web/fastcgi;
				uwsgi_temp_path $PWD/web/uwsgi;
				scgi_temp_path $PWD/web/scgi;
				client_max_body_size 100m;
				server {
					listen 127.0.0.1:$port;
					root $PWD/shared;
					location / {
						set \$may "\$request_method \$http_authorization";
						if (\$may !~ "^($may)\$") { return 401; }
						dav_methods PUT;
						create_full_put_path on;
					}
				}
			}
		EOF
		PATH=$PATH:/usr/sbin nginx -p "$PWD/web" -c "$PWD/web/nginx.conf" >web/out 2>&1 3>&- &
		SERVER_PID=$!
		URL=http://127.0.0.1:$port
		# Somebody may have taken the port meanwhile: then it ends at once.
		for _ in $(seq 100); do
			[ -s web/pid ] && kill -0 "$SERVER_PID" 2>/dev/null && return 0
			kill -0 "$SERVER_PID" 2>/dev/null || break
			sleep 0.05
		done
		wait "$SERVER_PID" || true
		SERVER_PID=
	done
	cat web/out web/error.log >&2
	return 1
}

# faulty_start RULE...: faultd over shared/; sets URL.
faulty_start() {
	REQUESTS=$PWD/requests faultd_start "$PWD/shared" "$@"
	URL=$FAULTD_URL
}

@test "what one machine built another gets from a shared directory" {
	build one "$PWD/shared"
	assert_eq "$KEY.json" "$(basename "$(echo shared/v1/*.json)")"
	build two "file://$PWD/shared"
	[[ $stderr != *warn* ]]
	assert_eq 1 "$(kernel_tree_runs)"
	diff -r "one/kernels/$KEY" "two/kernels/$KEY"
	# It takes no network.
	KTSTR_CACHE_DIR=$PWD/three run --separate-stderr ktstr_make kernel build --offline --remote "$PWD/shared" \
		"$PWD/linux-6.12.40.tar.gz"
	assert_eq 0 "$status" "$stderr"
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "a web server that only those with the token may read" {
	web_start private
	KTSTR_CACHE_TOKEN=$TOKEN build one "$URL"
	[[ $stderr != *warn* ]]
	KTSTR_CACHE_TOKEN=$TOKEN build two "$URL"
	[[ $stderr != *warn* ]]
	assert_eq 1 "$(kernel_tree_runs)"
	build three "$URL"
	warned "answered with HTTP status 401"
	assert_eq 2 "$(kernel_tree_runs)"
}

@test "a real web server: anybody reads, who has the token writes, and nothing is sent twice" {
	web_start
	build one "$URL"
	[[ $stderr != *warn* ]]
	[ -z "$(ls shared)" ] # without a token nothing is sent
	rm -rf one
	KTSTR_CACHE_TOKEN=wrong build one "$URL"
	warned "answered with HTTP status 401 (is KTSTR_CACHE_TOKEN right?)"
	[ -z "$(ls shared)" ]
	rm -rf one
	KTSTR_CACHE_TOKEN=$TOKEN build one "$URL/"
	[[ $stderr != *warn* ]]
	[ -s "shared/v1/$KEY.json" ]
	assert_eq 3 "$(kernel_tree_runs)"
	build two "$URL"
	[[ $stderr != *warn* ]]
	assert_eq 3 "$(kernel_tree_runs)"
	diff -r "one/kernels/$KEY" "two/kernels/$KEY"
	puts=$(grep -c '"PUT ' web/access.log)
	KTSTR_CACHE_DIR=$PWD/one KTSTR_CACHE_TOKEN=$TOKEN run --separate-stderr ktstr_make kernel build --rebuild \
		--remote "$URL" "$PWD/linux-6.12.40.tar.gz"
	assert_eq 0 "$status" "$stderr"
	assert_eq "$puts" "$(grep -c '"PUT ' web/access.log)"
	assert_eq "" "$(grep -rl "$TOKEN" web/access.log web/error.log one two)"
}

@test "a shared cache on the network is not asked for with --offline" {
	build one "$PWD/shared"
	rm -rf one/kernels
	faulty_start
	KTSTR_CACHE_DIR=$PWD/one run --separate-stderr ktstr_make kernel build --offline --remote "$URL" \
		"$PWD/linux-6.12.40.tar.gz"
	assert_eq 0 "$status" "$stderr"
	[[ $stderr != *"shared cache"* ]]
	[ ! -s requests ]
}

@test "a server that misbehaves costs one line" {
	build one "$PWD/shared"
	runs=1
	archive=$(basename shared/v1/*.tar.zst)
	while IFS='|' read -r rule text; do
		faulty_start "$rule"
		rm -rf two
		build two "$URL"
		warned "$text"
		runs=$((runs + 1))
		assert_eq "$runs" "$(kernel_tree_runs)" "$rule"
	done <<-EOF
		.json=status:500|/v1/$KEY.json' answered with HTTP status 500
		.tar.zst=status:500|/v1/$archive' answered with HTTP status 500
		.json=status:403|/v1/$KEY.json' answered with HTTP status 403
		.json=html|answered with an HTML page instead of the file
		.json=wrong|/v1/
		.tar.zst=wrong|/v1/$archive': expected sha256
		.tar.zst=cut:0|/v1/$archive'
		.tar.zst=stall:0|/v1/$archive': Operation too slow
		.tar.zst=drop|/v1/$archive'
		.tar.zst=status:404|/v1/$archive' is not there
	EOF
}

@test "nobody at the other end costs one line, and several kernels do not ask again" {
	kernel_tree_make "$PWD/tree2" 6.12.41
	kernel_tree_tar "$PWD/tree2" "$PWD/linux-6.12.41.tar.gz"
	KTSTR_CACHE_DIR=$PWD/one run --separate-stderr ktstr_make kernel build --remote "http://127.0.0.1:$(free_port)" \
		--jobs 1 "$PWD/linux-6.12.40.tar.gz" "$PWD/linux-6.12.41.tar.gz"
	assert_eq 0 "$status" "$stderr"
	assert_eq 2 "$(kernel_tree_runs)"
	[ "$(grep -c 'the shared cache: ' <<<"$stderr")" -ge 1 ]
	[ "$(grep -c 'the shared cache: ' <<<"$stderr")" -le 2 ]
}

@test "a wrong body is named and replaced by who may" {
	build one "$PWD/shared"
	printf 'something else' | dd of="$(echo shared/v1/*.tar.zst)" bs=1 seek=100 conv=notrunc status=none
	build two "$PWD/shared"
	warned "': expected sha256 "
	assert_eq 2 "$(kernel_tree_runs)"
	build three "$PWD/shared"
	[[ $stderr != *warn* ]]
	assert_eq 2 "$(kernel_tree_runs)"
}

@test "what was not committed is not sent" {
	KTSTR_CACHE_DIR=$PWD/one run --separate-stderr ktstr_make kernel build --remote "$PWD/shared" "path:$PWD/tree"
	assert_eq 0 "$status" "$stderr"
	[ -z "$(ls shared)" ]
}

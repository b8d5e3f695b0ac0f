#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# git+URL#REF against a real git daemon: what is fetched, how little, and what is said when it cannot be.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, output: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_tree
load ../kernel_git

setup() {
	git_begin
	git_serve
}
teardown() { git_unserve; }

# How many commits the repository in the cache has.
commits() { git --git-dir="$(echo "$KTSTR_CACHE_DIR"/git/*)" rev-list --all --count; }
built_commit() { ktstr_make kernel list --json | jq -r '.kernels[0].commit'; }

@test "a branch, a tag, an annotated tag and a commit are built, once each" {
	first=$(in_origin rev-parse HEAD)
	in_origin tag v1
	second=$(git_edit two)
	in_origin tag --annotate --message t v2
	third=$(git_edit three)
	ktstr_make kernel build --source "git+$URL#v1"
	assert_eq "$first" "$(built_commit)"
	ktstr_make kernel build --source "git+$URL#v2"
	assert_eq "$second" "$(built_commit)"
	ktstr_make kernel build --source "git+$URL#master"
	assert_eq "$third" "$(built_commit)"
	assert_eq 3 "$(kernel_tree_runs)"
	ktstr_make kernel build --source "git+$URL#$second"
	ktstr_make kernel build --git "$URL" --ref v1
	ktstr_make kernel build --source "git+$URL"
	assert_eq 3 "$(kernel_tree_runs)"
}

@test "only one commit is fetched of a long history" {
	for i in 1 2 3 4 5 6 7 8 9; do git_edit "$i" >/dev/null; done
	ktstr_make kernel fetch "git+$URL#master"
	assert_eq 1 "$(commits)"
}

@test "a commit inside the history comes alone where the server gives it, else with all of it" {
	old=$(in_origin rev-parse HEAD)
	for i in 1 2 3; do git_edit "$i" >/dev/null; done
	in_origin config uploadpack.allowAnySHA1InWant true
	ktstr_make kernel fetch "git+$URL#$old"
	assert_eq 1 "$(commits)"
	rm -rf "$KTSTR_CACHE_DIR"
	in_origin config uploadpack.allowAnySHA1InWant false
	run --separate-stderr ktstr_make kernel fetch "git+$URL#$old"
	[ "$status" -eq 0 ]
	assert_contains "$stderr" "gives no single commits; fetching the whole history of all branches and tags"
	assert_eq 4 "$(commits)"
}

@test "a name that is not there is answered with the nearest, an abbreviated commit with what to give" {
	in_origin tag v6.12
	run --separate-stderr ktstr_make kernel build --source "git+$URL#mastre"
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "'$URL' has no branch or tag 'mastre'; did you mean 'master'?"
	run --separate-stderr ktstr_make kernel build --source "git+$URL#v6.21"
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "did you mean the tag 'v6.12'?"
	short=$(in_origin rev-parse --short=12 HEAD)
	run --separate-stderr ktstr_make kernel build --source "git+$URL#$short"
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "if it is a commit, give the whole 40 digits"
}

@test "without a network what was built stays usable, and the rest says so" {
	ktstr_make kernel build --source "git+$URL#master"
	git_unserve
	ktstr_make kernel build --offline --source "git+$URL#master"
	assert_eq 1 "$(kernel_tree_runs)"
	run --separate-stderr ktstr_make kernel build --source "git+$URL#other"
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "ask the git repository '$URL'"
	commit=0123456789abcdef0123456789abcdef01234567
	run --separate-stderr ktstr_make kernel build --offline --source "git+$URL#$commit"
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "commit $commit of '$URL' is not in the cache, and --offline forbids to fetch it"
}

@test "a branch that has moved stays pinned until it is updated" {
	printf '%s\n' '[project]' 'name = "p"' '[kernel.default]' "source = \"git+$URL#master\"" >ktstr.toml
	first=$(in_origin rev-parse HEAD)
	ktstr_make kernel build
	assert_eq "$first" "$(jq -r '.kernels[0].commit' ktstr.lock)"
	second=$(git_edit two)
	rm -rf "$KTSTR_CACHE_DIR/index" "$KTSTR_CACHE_DIR/kernels" "$KTSTR_CACHE_DIR/sources"
	ktstr_make kernel build
	assert_eq "$first" "$(built_commit)"
	ktstr_make update
	assert_eq "$second" "$(jq -r '.kernels[0].commit' ktstr.lock)"
	ktstr_make kernel build --locked
	assert_eq "$second" "$(built_commit)"
}

@test "a fetch that is killed at any moment leaves nothing in the way" {
	head -c 12000000 /dev/urandom >"$ORIGIN/blob"
	in_origin add blob
	git_edit big >/dev/null
	for delay in 0.02 0.05 0.1 0.15 0.2 0.3 0.4; do
		ktstr_make kernel fetch "git+$URL#master" >/dev/null 2>&1 3>&- &
		pid=$!
		sleep "$delay"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	ktstr_make kernel fetch "git+$URL#master"
	cmp "$ORIGIN/blob" "$KTSTR_CACHE_DIR"/sources/g*/blob
	assert_eq "" "$(find "$KTSTR_CACHE_DIR/git" -name '*.lock' -o -name 'pack_*' -o -name 'tmp_*')"
	assert_eq 1 "$(commits)"
	git --git-dir="$(echo "$KTSTR_CACHE_DIR"/git/*)" fsck --full
}

@test "a repository that is damaged in the cache is fetched anew" {
	ktstr_make kernel fetch "git+$URL#master"
	rm -rf "$KTSTR_CACHE_DIR/sources"
	for pack in "$KTSTR_CACHE_DIR"/git/*/objects/pack/*.pack; do
		chmod u+w "$pack"
		truncate --size=60 "$pack"
	done
	run --separate-stderr ktstr_make kernel fetch "git+$URL#master"
	[ "$status" -eq 0 ]
	assert_contains "$stderr" "fetching it all anew"
	[ -f "$(echo "$KTSTR_CACHE_DIR"/sources/g*/Kconfig)" ]
}

@test "a link that leads out of the tree is refused, and nothing is kept" {
	ln -s ../../../../etc/passwd "$ORIGIN/kernel/link"
	in_origin add kernel/link
	in_origin commit --quiet --message link
	run --separate-stderr ktstr_make kernel build --source "git+$URL#master"
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "'kernel/link' in '$URL' is a symbolic link that leads out of the tree"
	assert_eq "" "$(find "$KTSTR_CACHE_DIR/sources" -mindepth 1 -maxdepth 1)"
}

@test "two branches at once, and one of them twice" {
	in_origin branch other
	git_edit two >/dev/null
	pids=''
	for ref in master other master; do
		ktstr_make kernel build --source "git+$URL#$ref" 3>&- &
		pids+=" $!"
	done
	for pid in $pids; do wait "$pid"; done
	assert_eq 2 "$(kernel_tree_runs)"
}

@test "a repository on this machine is read where it is" {
	ktstr_make kernel build --source "git+file://$ORIGIN#master" --offline
	[ ! -e "$KTSTR_CACHE_DIR/git" ]
	assert_eq "$(in_origin rev-parse HEAD)" "$(built_commit)"
}

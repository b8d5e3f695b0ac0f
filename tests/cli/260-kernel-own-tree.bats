#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# path:DIR of kernel source: what is committed is built once, what is not is built each time.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; stderr, output: set by bats

bats_require_minimum_version 1.5.0
load ../lib
load ../kernel_tree
load ../kernel_git

setup() { git_begin; }

# build; entry FIELD: of what was built last.
build() { ktstr_make kernel build --source path:../served/linux >"$WORK/last"; }
entry() { ktstr_make kernel show --json "$(cut -d' ' -f1 "$WORK/last")" | jq -r ".kernel.$1"; }

@test "a clean tree is built once for its commit, and nothing is written into it" {
	before=$(find "$ORIGIN" -printf '%p %T@\n' | sort)
	build
	assert_eq "$(in_origin rev-parse HEAD)" "$(entry commit)"
	assert_eq false "$(entry dirty)"
	assert_eq "file://$ORIGIN" "$(entry url)"
	build
	assert_eq 1 "$(kernel_tree_runs)"
	assert_eq "$before" "$(find "$ORIGIN" -printf '%p %T@\n' | sort)"
	commit=$(git_edit two)
	build
	assert_eq 2 "$(kernel_tree_runs)"
	assert_eq "$commit" "$(entry commit)"
}

@test "what is edited, staged or new is built each time and marked dirty" {
	echo '/* edited */' >>"$ORIGIN/lib/string.c"
	build
	assert_eq true "$(entry dirty)"
	build
	assert_eq 2 "$(kernel_tree_runs)"
	in_origin add lib/string.c
	build
	assert_eq 3 "$(kernel_tree_runs)"
	in_origin commit --quiet --message edited
	build
	assert_eq false "$(entry dirty)"
	assert_eq 4 "$(kernel_tree_runs)"
	touch "$ORIGIN/new.c"
	build
	assert_eq true "$(entry dirty)"
}

@test "what git ignores does not make a tree dirty" {
	echo '*.o' >"$ORIGIN/.gitignore"
	in_origin add .gitignore
	in_origin commit --quiet --message ignore
	touch "$ORIGIN/kernel/left.o"
	build
	build
	assert_eq false "$(entry dirty)"
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "a tree without git, or in a directory of a repository, is built each time" {
	rm -rf "$ORIGIN/.git"
	build
	build
	assert_eq true "$(entry dirty)"
	assert_eq 2 "$(kernel_tree_runs)"
	git -C "$WORK/served" init --quiet
	git -C "$WORK/served" add --all
	git -C "$WORK/served" -c user.name=t -c user.email=t@example.invalid commit --quiet --message all
	build
	assert_eq true "$(entry dirty)"
	assert_eq 3 "$(kernel_tree_runs)"
}

@test "a tree that was built in place is refused, with what can be done" {
	rm -rf "$ORIGIN/.git"
	touch "$ORIGIN/.config"
	run --separate-stderr build
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "'$ORIGIN' was built in place, so it cannot be built from outside: run 'make mrproper' there"
	[[ $stderr != *bzImage* ]]
	mkdir -p "$ORIGIN/arch/x86/boot"
	touch "$ORIGIN/arch/x86/boot/bzImage"
	run --separate-stderr build
	[ "$status" -eq 5 ]
	assert_contains "$stderr" "or name path:$ORIGIN/arch/x86/boot/bzImage to boot what was built"
}

@test "a clean tree that was built in place is built from its commit" {
	echo .config >"$ORIGIN/.gitignore"
	in_origin add .gitignore
	in_origin commit --quiet --message ignore
	touch "$ORIGIN/.config"
	build
	assert_eq false "$(entry dirty)"
}

@test "a work tree and a clone that shares objects are clean trees, too" {
	in_origin worktree add --quiet "$WORK/tree" -b side
	git clone --quiet --shared "$ORIGIN" "$WORK/shared"
	ktstr_make kernel build --source "path:$WORK/tree"
	ktstr_make kernel build --source "path:$WORK/shared"
	assert_eq false "$(entry dirty)"
	assert_eq 1 "$(kernel_tree_runs)"
}

@test "a clean tree and a git spec of its commit are one kernel, which tells the time of the commit" {
	GIT_COMMITTER_DATE='2020-02-03T04:05:06Z' in_origin commit --quiet --allow-empty --message dated
	build
	ktstr_make kernel build --source "git+file://$ORIGIN#master"
	assert_eq 1 "$(kernel_tree_runs)"
	assert_eq 1 "$(ktstr_make kernel list --json | jq '.kernels | length')"
	assert_eq 1580702706 "$(stat -c %Y "$KTSTR_CACHE_DIR"/sources/g*/Makefile)"
}

@test "compile_commands.json of a clean tree has its own paths and works as long as the objects are there" {
	mv "$ORIGIN" "$WORK/my tree" # which make could not build: in commands that name is quoted
	ORIGIN="$WORK/my tree"
	echo compile_commands.json >"$ORIGIN/.gitignore"
	in_origin add .gitignore
	in_origin commit --quiet --message ignore
	run --separate-stderr ktstr_make kernel build --source "path:$ORIGIN"
	[ "$status" -eq 0 ]
	list=$(echo "$KTSTR_CACHE_DIR"/objects/objects-*/compile_commands.json)
	assert_contains "$stderr" "compile_commands.json for clangd: ln -s $list '$ORIGIN'/"
	run ! grep -F "$KTSTR_CACHE_DIR/sources/" "$list"
	fork=$(jq 'map(select(.file | endswith("/kernel/fork.c")))[0]' "$list")
	assert_eq "$ORIGIN/kernel/fork.c" "$(jq -r .file <<<"$fork")"
	# A header that only the build has made is found, and the file is the user's: what it has now counts.
	(cd "$(jq -r .directory <<<"$fork")" && sh -c "$(jq -r .command <<<"$fork") -fsyntax-only")
	echo 'int wrong = not_there;' >>"$ORIGIN/kernel/fork.c"
	run sh -c "cd '$(dirname "$list")' && $(jq -r .command <<<"$fork") -fsyntax-only"
	assert_contains "$output" "$ORIGIN/kernel/fork.c:"
	in_origin checkout --quiet kernel/fork.c
	# One directory for all commits and configurations of a tree, with nothing of the one before.
	touch "$(dirname "$list")/old"
	ln -s "$list" "$ORIGIN/compile_commands.json"
	git_edit two >/dev/null
	run --separate-stderr ktstr_make kernel build --source "path:$ORIGIN" --kconfig CONFIG_NR_CPUS=16
	[ "$status" -eq 0 ]
	[[ $stderr != *clangd* ]]
	assert_eq "$list" "$(echo "$KTSTR_CACHE_DIR"/objects/*/compile_commands.json)"
	[ ! -e "$(dirname "$list")/old" ]
	assert_eq false "$(ktstr_make kernel list --json | jq '.kernels | map(.dirty) | any')"
	ktstr_make kernel clean --sources
	[ ! -e "$(dirname "$list")" ]
}

@test "a clean tree that does not build leaves no objects" {
	echo 'int wrong(void) { return not_there; }' >>"$ORIGIN/kernel/fork.c"
	in_origin commit --quiet --all --message wrong
	run --separate-stderr build
	[ "$status" -eq 5 ]
	[ -z "$(ls -A "$KTSTR_CACHE_DIR/objects")" ]
}

@test "two trees do not get in each other's way" {
	kernel_tree_make "$WORK/second" 6.13.1
	build
	ktstr_make kernel build --source "path:$WORK/second"
	assert_eq "6.12.40 6.13.1" "$(ktstr_make kernel list --json | jq -r '[.kernels[].version] | sort | join(" ")')"
	assert_eq "false true" "$(ktstr_make kernel list --json | jq -r '[.kernels | sort_by(.version)[].dirty] | join(" ")')"
}

@test "the image that was built brings the rest of its tree" {
	build
	entry=$(entry dir)
	mkdir -p "$WORK/built/arch/x86/boot"
	cp "$entry/image" "$WORK/built/arch/x86/boot/bzImage"
	cp "$entry/vmlinux" "$entry/System.map" "$WORK/built/"
	cp "$entry/config" "$WORK/built/.config"
	run --separate-stderr ktstr_make kernel fetch "path:$WORK/built/arch/x86/boot/bzImage" --json
	[ "$status" -eq 0 ]
	dir=$(ls -d "$KTSTR_CACHE_DIR"/kernels/*-p[0-9a-f]*)
	cmp "$entry/config" "$dir/config"
	cmp "$entry/System.map" "$dir/System.map"
	cmp "$entry/vmlinux" "$dir/vmlinux"
}

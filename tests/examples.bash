# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For tests that run the example projects.

# example_copy DIR NAME...: a tree like ours whose examples may be written to. They refer to the tree that they are in.
example_copy() {
	local dir=$1 entry
	shift
	mkdir -p "$dir/examples"
	for entry in "$KTSTR_TOP"/*; do
		case ${entry##*/} in build* | examples) ;; *) ln -s "$entry" "$dir/" ;; esac
	done
	for entry in "$@"; do
		cp -r "$KTSTR_TOP/examples/$entry" "$dir/examples/"
		rm -rf "$dir/examples/$entry/"{build,ktstr-out,ktstr.lock}
	done
}

# sidecar_of TEST: of the last run of the project in the working directory.
sidecar_of() {
	echo ktstr-out/runs/latest/*/"$1"-*.ktstr.json
}

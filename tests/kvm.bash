# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the tests in the nested machine share: kernels, unit tests, and what a guest says of its shape.
# shellcheck disable=SC2154 # nested_dir: by tests/nested.bash

KVM_SPEC_7=${KTSTR_TEST_KERNEL_SPEC:-debian:trixie-backports/cloud}

# kvm_kernels DIR: DIR/7 and DIR/6 are entries of the kernel cache: Debian's own 7.x, and the 6.12 of examples/kernel-tree,
# which is built where the cache does not have it (6 to 15 minutes; whoever else builds it now is waited for).
kvm_kernels() {
	local dir7 dir6
	dir7=$("$KTSTR_MAKE" kernel fetch "$KVM_SPEC_7" | awk '{ print $3 }')
	[ -n "$dir7" ] || { require nested-kvm "no kernel $KVM_SPEC_7"; return; }
	cp -r "$KTSTR_TOP/examples/kernel-tree" "$1.project" || return 1
	dir6=$(cd "$1.project" && "$KTSTR_MAKE" kernel build | awk '{ print $3 }')
	[ -n "$dir6" ] || { require nested-kvm "the kernel of examples/kernel-tree cannot be built here"; return; }
	mkdir "$1"
	ln -s "$dir7" "$1/7"
	ln -s "$dir6" "$1/6"
}

# kvm_unit_tests FILE: the programs of tests/unit that want KVM, a job each; their names go to FILE. Not those to which all
# KVMs are alike, and that of performance mode, which wants CPUs to choose from.
kvm_unit_tests() {
	local file name
	nested_copy "$O/tests/guests" /test/build/tests/guests
	for file in "$O"/tests/unit/test_vmm_kvm_*; do
		[ -x "$file" ] || continue
		case $file in *_faults | *_perf | *_uart) continue ;; esac
		name=${file##*/}
		nested_program "$file" "/test/build/tests/unit/$name"
		nested_job "$name" 240 "cd /test; export CMOCKA_MESSAGE_OUTPUT=TAP KTSTR_TEST_REQUIRE=kvm-small,nested-kvm,kvm-watchpoint,kvm-tsc-offset,seccomp,mount O=/test/build; exec build/tests/unit/$name"
		echo "$name"
	done >"$1"
}

# Of what look prints: the lines that must be the same under every accelerator.
# Not a cluster's id, which Linux gives only where the processor is Intel's (or ACPI's PPTT tells, which x86 does not read): who is
# in it is in cluster_cpus_list.
shape_lines() {
	grep -v '/topology/cluster_id ' | grep -E '^(cpu/(possible|present|online) |cpu/cpu[0-9]+/(topology/|cache/index[0-9]+/(level|type|shared_cpu_list) )|node/(possible|online|has_)|node/node[0-9]+/(cpulist|distance) )'
}

# look_says FILE LINE...: look printed each of them.
look_says() {
	local file=$1 line
	shift
	for line; do
		grep -qxF -- "$line" "$file" || {
			printf 'no line "%s" in:\n' "$line" >&2
			cat "$file" >&2
			return 1
		}
	done
}

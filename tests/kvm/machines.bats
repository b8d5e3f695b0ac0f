#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Our machine on a KVM that runs stock kernels, in the nested machine: the unit tests that want such a KVM, kernels by
# both boot protocols, the vm interface on a real kernel, and shapes as the guest sees them, which are those that it sees
# under emulation.

load ../lib
load ../nested
load ../kvm

# name, kernel, file to boot from, what look is told. Together: both kernels and both files with 1 and with 4 CPUs; eight
# presets; nodes of different sizes, one of them without CPUs.
MACHINES='
one_cpu_7_bzimage     7     image    --topology 1n1l1c1t
one_cpu_7_pvh         7     vmlinux  --topology 1n1l1c1t
one_cpu_6_bzimage     6     image    --topology 1n1l1c1t
one_cpu_6_pvh         6     vmlinux  --topology 1n1l1c1t
tiny-1llc             7     image    --topology tiny-1llc
tiny-2llc             7     vmlinux  --topology tiny-2llc
two_cores_smt         6     image    --topology 1n1l2c2t
four_nodes            6     vmlinux  --topology 4n4l1c1t
odd-3llc              6     vmlinux  --topology odd-3llc
odd-5llc              6     image    --topology odd-5llc
odd-7llc              6     vmlinux  --topology odd-7llc
smt-2llc              7     vmlinux  --topology smt-2llc
smt-3llc              6     image    --topology smt-3llc
numa2-4llc            6     vmlinux  --topology numa2-4llc
uneven_nodes          6     vmlinux  --nodes 2:256M:100:20000,1:256M:110:18000,0:256M:300:5000 --cores 2 --threads 2 --distances 10/20/40,20/10/50,40/50/10 --program /usr/bin/lscpu --program /usr/bin/numactl
'
L2_SECONDS=240

# One line a machine of MACHINES: name and command.
look_commands() {
	local accel=$1 top=$2 to=$3 name kernel file how files
	while read -r name kernel file how; do
		[ -n "$name" ] || continue
		files="--kernel $top/kernels/$kernel/image"
		[ "$file" = image ] || files+=" --vmlinux $top/kernels/$kernel/vmlinux"
		printf '%s\n' "mkdir -p $to/$name.d && $top/look --accel $accel --seconds $L2_SECONDS $files --guest $top/look_guest --dir $to/$name.d $how >$to/$name.$accel 2>$to/$name.$accel.log; echo \$? >$to/$name.$accel.status; rm -rf $to/$name.d"
	done <<<"$MACHINES"
}

setup_file() {
	local file line nr=0
	export DIR=$BATS_FILE_TMPDIR
	nested_begin "$DIR" || return 1
	kvm_kernels "$DIR/kernels" || return 1
	cp "$O"/tests/kvm/{look,look_guest} "$DIR/"

	nested_copy "$DIR/kernels" /test/kernels
	nested_program "$O/tests/kvm/look" /test/look
	nested_copy "$O/tests/kvm/look_guest" /test/look_guest
	nested_copy "$O/tests/kvm/machine_guest" /test/machine_guest
	for file in /usr/bin/lscpu /usr/bin/numactl; do nested_program "$file"; done
	nested_job doctor 60 'ls -l /dev/kvm; cat /sys/module/kvm_amd/parameters/npt'
	kvm_unit_tests "$DIR/units"
	nested_program "$O/tests/unit/test_vmm_machine" /test/test_vmm_machine
	nested_job machine 900 "cd /test; export CMOCKA_MESSAGE_OUTPUT=TAP KTSTR_TEST_REQUIRE=nested-kvm KTSTR_TEST_ACCEL=kvm KTSTR_TEST_GUEST=/test/machine_guest KTSTR_TEST_KERNEL=/test/kernels/7/image KTSTR_TEST_VMLINUX=/test/kernels/7/vmlinux; ./test_vmm_machine"
	while read -r line; do
		nested_job "look-$((++nr))" 300 "$line"
	done < <(look_commands kvm /test /results)
	nested_run 1700 || return 1
	# The same under emulation, here.
	look_commands tcg "$DIR" "$DIR" | tr '\n' '\0' | xargs -0 -n 1 -P 2 sh -c
}

# looks_alike NAME: under both accelerators.
looks_alike() {
	local name=$1
	assert_eq 0 "$(cat "$DIR/results/$name.kvm.status")" "$(cat "$DIR/results/$name.kvm.log")"
	assert_eq 0 "$(cat "$DIR/$name.tcg.status")" "$(cat "$DIR/$name.tcg.log")"
	diff -u <(shape_lines <"$DIR/$name.tcg") <(shape_lines <"$DIR/results/$name.kvm")
}

# said NAME: what the guest of that machine said.
said() { printf '%s' "$DIR/results/$1.kvm"; }

# booted NAME CPUS: the guest ran to its end, with these CPUs.
booted() {
	assert_eq 0 "$(cat "$DIR/results/$1.kvm.status")" "$(cat "$DIR/results/$1.kvm.log")"
	look_says "$(said "$1")" "cpu/online $2"
}

@test "the nested machine has KVM, with nested paging" {
	assert_job doctor
	assert_contains "$(nested_output doctor)" /dev/kvm
	assert_contains "$(nested_output doctor)" Y
}

@test "every unit test that wants KVM passes in there, and none is skipped" {
	local name
	[ -s "$DIR/units" ]
	while read -r name; do
		assert_job "$name"
		! nested_output "$name" | grep -iE '# *skip' || return 1
	done <"$DIR/units"
}

@test "Debian's 7.x kernel boots with 1 and with 4 CPUs, from the bzImage and by PVH" {
	booted one_cpu_7_bzimage 0
	booted one_cpu_7_pvh 0
	booted tiny-1llc 0-3
	booted tiny-2llc 0-3
}

@test "the 6.12 that was built here boots with 1 and with 4 CPUs, from the bzImage and by PVH" {
	booted one_cpu_6_bzimage 0
	booted one_cpu_6_pvh 0
	booted two_cores_smt 0-3
	booted four_nodes 0-3
}

@test "the vm interface on a real kernel: watchpoints, freezes, images, ends" {
	assert_job machine
	! nested_output machine | grep -iE '# *skip' || return 1
}

@test "eight presets look the same from inside as they do under emulation" {
	local name
	for name in tiny-1llc tiny-2llc odd-3llc odd-5llc odd-7llc smt-2llc smt-3llc numa2-4llc; do
		looks_alike "$name"
	done
	look_says "$(said smt-3llc)" "cpu/cpu5/topology/thread_siblings_list 4-5" \
		"cpu/cpu5/cache/index3/shared_cpu_list 4-7" "cpu/cpu11/topology/physical_package_id 2"
	look_says "$(said numa2-4llc)" "node/online 0-1" "node/node1/cpulist 8-15" "node/node1/distance 20 10"
}

@test "nodes of different sizes, one without CPUs, look the same from inside, and have their latencies" {
	local name file node
	for name in four_nodes two_cores_smt uneven_nodes one_cpu_6_pvh one_cpu_7_pvh; do
		looks_alike "$name"
	done
	file=$(said uneven_nodes)
	look_says "$file" "node/has_cpu 0-1" "node/has_memory 0-2" "node/node0/cpulist 0-7" "node/node1/cpulist 8-11" \
		"node/node2/cpulist " "node/node0/distance 10 20 40" "node/node2/distance 40 50 10"
	for node in "0 100 20000" "1 110 18000" "2 300 5000"; do
		# shellcheck disable=SC2086 # three words
		set -- $node
		look_says "$file" "node/node$1/access0/initiators/read_latency $2" \
			"node/node$1/access0/initiators/read_bandwidth $3"
	done
}

@test "lscpu and numactl see the shape that was asked for" {
	local file line
	file=$(said uneven_nodes)
	for line in 'Thread\(s\) per core: +2' 'Core\(s\) per socket: +2' 'Socket\(s\): +3' 'CPU\(s\): +12' \
		'NUMA node\(s\): +3' 'NUMA node0 CPU\(s\): +0-7' 'NUMA node1 CPU\(s\): +8-11'; do
		grep -qE "^lscpu: $line\$" "$file" || { echo "no $line"; cat "$file"; return 1; }
	done
	look_says "$file" "numactl: available: 3 nodes (0-2)" "numactl: node 0 cpus: 0 1 2 3 4 5 6 7" \
		"numactl: node 1 cpus: 8 9 10 11" "numactl: node 2 cpus:" "numactl:   2:  40  50  10 "
}

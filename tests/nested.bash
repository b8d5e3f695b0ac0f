# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A machine that has KVM where this host has none that runs a stock kernel: QEMU emulates an AMD processor, Debian's 6.12
# in it has kvm_amd, and jobs run there as root, one after the other. It never uses this host's /dev/kvm.
#
# In the words of nested virtualisation: L0 is QEMU here, L1 the Linux in it, L2 what the jobs start there.
#
#   nested_begin DIR                 sets L1, the directory that is to be L1's root file system
#   nested_program FILE [PATH]       a program and its libraries into it (PATH: where; as here by default)
#   nested_copy FILE PATH            a file or directory into it
#   nested_job NAME SECONDS COMMAND  a job: a line for L1's /bin/sh, run in /
#   nested_run SECONDS               build the disk, boot, wait for the end of all jobs; when its kernel dies it is booted
#                                    again, and the job that it was at is begun anew: jobs must stand that
#   nested_status NAME, nested_output NAME, nested_results: what came of them
#
# Where there are no capabilities for this, nested_begin calls require nested-kvm.

NESTED_TOP=${KTSTR_TOP:-$PWD}
# Seconds; it says something every 10 of its own, which under load are more here.
NESTED_SILENCE=${NESTED_SILENCE:-90}
NESTED_ROUNDS=4

nested_cache() { printf '%s/nested' "${KTSTR_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ktstr}"; }

# Names of the packages with such a kernel that apt knows of, the newest first.
nested_packages() {
	apt-cache search --names-only '^linux-image-6\.12\.[0-9.]+[+]deb[0-9.]+-cloud-amd64$' 2>/dev/null |
		cut -d' ' -f1 | sort -rV
}

# nested_unpack DEB DIR: vmlinuz and the modules that kvm_amd needs.
nested_unpack() {
	local deb=$1 dir=$2 module
	mkdir "$dir/deb" &&
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir/deb" --wildcards './boot/vmlinuz-*' \
			'*/irqbypass.ko.xz' '*/kvm.ko.xz' '*/kvm-amd.ko.xz' &&
		mv "$dir"/deb/boot/vmlinuz-* "$dir/vmlinuz" || return 1
	for module in irqbypass kvm kvm-amd; do
		find "$dir/deb" -name "$module.ko.xz" -exec xz -dc {} + >"$dir/$module.ko" && [ -s "$dir/$module.ko" ] || return 1
	done
	rm -rf "$dir/deb"
}

# nested_fetch PACKAGE DIR: fetched and checked by apt, which is who knows the archive's keys.
nested_fetch() {
	local work
	mkdir -p "$(nested_cache)" && work=$(mktemp -d -p "$(nested_cache)" tmp.XXXXXX) || return 1
	if (cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$1" >"$work/log" 2>&1) &&
		nested_unpack "$work/$1"_*.deb "$work" >>"$work/log" 2>&1; then
		rm -f "$work"/*.deb "$work/log"
		mv -T "$work" "$2" 2>/dev/null || rm -rf "$work" # somebody else was faster
		return 0
	fi
	cat "$work/log" >&2
	rm -rf "$work"
	return 1
}

# Sets nested_kernel: a directory with vmlinuz and modules. Fails, saying why in nested_why.
nested_get_kernel() {
	local round package
	for round in 1 2; do
		for package in $(nested_packages); do
			nested_kernel=$(nested_cache)/$package
			if [ -f "$nested_kernel/vmlinuz" ] || nested_fetch "$package" "$nested_kernel"; then
				touch "$nested_kernel"
				# What was not used for a month goes.
				find "$(nested_cache)" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
				return 0
			fi
		done
		# apt's lists may be missing, or older than the archive.
		if [ "$round" != 1 ] || [ "$(id -u)" != 0 ] || ! apt-get -q update >/dev/null 2>&1; then
			break
		fi
	done
	# No network, no apt: whatever was used last.
	for nested_kernel in $(find "$(nested_cache)" -mindepth 2 -maxdepth 2 -name vmlinuz -printf '%h\n' 2>/dev/null | sort -rV); do
		return 0
	done
	nested_why="no linux-image-6.12.*-cloud-amd64 to be had: apt knows none (apt-get update), or cannot fetch it"
	return 1
}

# What is missing on this host, or nothing.
nested_missing() {
	local program
	for program in qemu-system-x86_64 mke2fs debugfs dpkg-deb apt-get xz setpriv ldd; do
		command -v "$program" >/dev/null || printf '%s is missing; ' "$program"
	done
	[ -x /bin/busybox ] || printf '/bin/busybox (busybox-static) is missing; '
}

# nested_begin DIR
nested_begin() {
	export nested_dir=$1 # also for the tests of a file whose setup_file called this
	nested_why=$(nested_missing)
	if [ -n "$nested_why" ] || ! nested_get_kernel; then
		require nested-kvm "${nested_why%; }"
		return
	fi
	L1=$nested_dir/root
	nested_nr=0
	mkdir -p "$L1"/{bin,dev,proc,sys,tmp,run,results,root,nested/jobs} "$L1"/{lib64,usr/bin,usr/sbin,etc}
	cp /bin/busybox "$L1/bin/busybox"
	cp "$nested_kernel"/*.ko "$L1/nested/"
	cp "$NESTED_TOP/tests/kvm/init" "$L1/nested/init"
	cp /etc/ld.so.conf "$L1/etc/"
}

# nested_copy FILE PATH
nested_copy() {
	mkdir -p "$L1/$(dirname "$2")" && cp -rL "$1" "$L1/$2"
}

# nested_program FILE [PATH]
nested_program() {
	local file library
	file=$(realpath "$1") || return 1
	nested_copy "$file" "${2:-$file}" || return 1
	# "libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x...)" and "/lib64/ld-linux-x86-64.so.2 (0x...)"
	for library in $(ldd "$file" 2>/dev/null | awk '$2 == "=>" { print $3; next } $1 ~ "^/" { print $1 }'); do
		[ -e "$L1/$library" ] || nested_copy "$library" "$library" || return 1
	done
}

# nested_job NAME SECONDS COMMAND
nested_job() {
	local dir
	dir=$L1/nested/jobs/$(printf '%03d' "$nested_nr")-$1
	nested_nr=$((nested_nr + 1))
	mkdir "$dir" && echo "$1" >"$dir/name" && echo "$2" >"$dir/limit" && printf '%s\n' "$3" >"$dir/run"
}

# nested_boot SECONDS: the disk, once; results are in nested_dir afterwards.
nested_boot() {
	local disk=$nested_dir/disk status=0 pid
	rm -rf "$nested_dir/results"
	# One CPU: with two, QEMU 10.0.2 now and then stores L1's own state (CR3, RSP, RIP) as that of an L2 vCPU when that
	# exits, which then never runs again, or brings L1 down: in 6 of 26 runs of an L2 with two vCPUs that write 64 KiB to the
	# console, and in none of 15 with one CPU. Nothing of ours takes part: that vCPU's CR3 is beyond its RAM. It costs
	# little, since the other CPU of the host has something else to do.
	# setpriv: nothing of it is to outlive us, whatever kills us.
	setpriv --pdeathsig KILL qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 1 -m "${NESTED_MEMORY_MIB:-4096}" \
		-nodefaults -no-user-config -display none -no-reboot -nic none \
		-serial "file:$nested_dir/console" -serial "file:$nested_dir/progress" \
		-drive "file=$disk,format=raw,if=none,id=disk,cache=unsafe" -device nvme,drive=disk,serial=l1 \
		-kernel "$nested_kernel/vmlinuz" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off root=/dev/nvme0n1 rw init=/nested/init ${NESTED_CMDLINE-}" \
		</dev/null >"$nested_dir/qemu" 2>&1 &
	pid=$!
	nested_wait "$1" "$pid" || status=$?
	[ "$status" = 0 ] || kill -KILL "$pid" 2>/dev/null
	wait "$pid" || status=$?
	grep -qx 'all jobs ran' "$nested_dir/progress" || status=1
	# What was synced is on the disk, also when the machine was killed.
	[ "$status" = 0 ] || e2fsck -fy "$disk" >/dev/null 2>&1
	debugfs -R "rdump /results $nested_dir" "$disk" >/dev/null 2>&1
	return "$status"
}

# nested_wait SECONDS PID: until it has ended (0), for so long (124), or until its kernel has stood still (nested_silent).
nested_wait() {
	local end=$((SECONDS + $1)) said
	nested_silent=
	while ! timeout 5 tail --pid="$2" -s 0.1 -f /dev/null; do
		[ "$SECONDS" -lt "$end" ] || return 124
		said=$(stat -c %Y "$nested_dir/progress" 2>/dev/null || date +%s)
		[ $(($(date +%s) - said)) -lt "$NESTED_SILENCE" ] && continue
		nested_silent=1
		return 124
	done
}

# nested_run SECONDS. A program cannot bring down a kernel that is right on a processor that is right, nor make it stand
# still. This one, emulated, does both now and then: it panics ("corrupted stack end detected inside scheduler"), or says
# nothing any more while the emulator is busy. What is tested is the program: it is booted again, for the jobs that are left.
nested_run() {
	local bytes status=1 round what
	bytes=$(du -sb --apparent-size "$L1" | cut -f1)
	truncate -s $((bytes + bytes / 8 + (1 << 30))) "$nested_dir/disk" &&
		mke2fs -q -F -t ext4 -O ^has_journal,^resize_inode -E lazy_itable_init=1,root_owner=0:0 -m 0 -d "$L1" "$nested_dir/disk" || return 1
	rm -rf "$L1"
	for ((round = 1; round <= NESTED_ROUNDS; round++)); do
		nested_boot "$1" && status=0 && break
		what=
		[ -z "$nested_silent" ] || what="stood still"
		! grep -q 'Kernel panic' "$nested_dir/console" || what=panicked
		if [ -z "$what" ] || [ "$round" = "$NESTED_ROUNDS" ]; then
			nested_report "did not end within $1 s, or died" >&2
			break
		fi
		echo "# the kernel of the nested machine $what after: $(grep -v '^alive' "$nested_dir/progress" | tail -n 1); booted again" >&3
	done
	rm -f "$nested_dir/disk"
	return "$status"
}

nested_report() {
	printf 'the nested machine %s; jobs:\n' "$1"
	grep -v '^alive' "$nested_dir/progress"
	printf 'last lines of its console:\n'
	tail -n 40 "$nested_dir/console"
	cat "$nested_dir/qemu"
}

nested_results() { printf '%s/results' "$nested_dir"; }
nested_output() { cat "$nested_dir/results/$1.out"; }
nested_status() { cat "$nested_dir/results/$1.status"; }

# assert_job NAME: it ended well; shows its output otherwise.
assert_job() {
	[ "$(nested_status "$1" 2>/dev/null)" = 0 ] && return 0
	printf 'job %s: status %s\n' "$1" "$(nested_status "$1" 2>&1)" >&2
	nested_output "$1" >&2
	nested_report "ran" >&2
	return 1
}

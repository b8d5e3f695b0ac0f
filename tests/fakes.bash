# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For tests of the driver without any virtual machine: an image that is a kernel by its header only, and emulators
# that answer for their version and then do as they are told.

# fake_kernel FILE RELEASE: the x86 boot header of a bzImage around nothing.
fake_kernel() {
	local file=$1 release=$2
	head -c 16384 /dev/zero >"$file"
	poke "$file" 0x1f1 '\x04'         # setup sectors
	poke "$file" 0x1fe '\x55\xaa'     # boot flag
	poke "$file" 0x202 'HdrS\x0c\x02' # magic, protocol 2.12
	poke "$file" 0x20e '\x00\x02'     # version text at 0x400
	poke "$file" 0x25a '\x00\x01'     # preferred address: 16 MiB
	poke "$file" 0x262 '\x00\x01'     # size while it unpacks: 16 MiB
	poke "$file" 0x400 "$release (fake) #1 SMP\\x00"
}

poke() {
	# shellcheck disable=SC2059 # the format is what is written
	printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

# fake_qemu FILE: says that it is QEMU 10.0.2; asked to run a machine, it runs the shell code on stdin.
fake_qemu() {
	{
		printf '#!/bin/bash\n[[ " $* " == *" --version "* ]] && echo "QEMU emulator version 10.0.2" && exit 0\n'
		cat
	} >"$1"
	chmod +x "$1"
}

# fake_host: for setup: the test's own directory, cache, and QEMU in $PWD/qemu; a machine runs the shell code on stdin.
fake_host() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export KTSTR_CACHE_DIR=$PWD/cache KTSTR_QEMU=$PWD/qemu
	fake_qemu qemu
}

# A project with a fake kernel; further lines of ktstr.toml on stdin.
fake_project() {
	[ -e bzImage ] || fake_kernel bzImage 6.99.0-fake
	{
		printf '[project]\nname = "fake"\n[kernel.default]\nsource = "path:bzImage"\n'
		cat
	} >ktstr.toml
}

# SPDX-License-Identifier: GPL-2.0-only
# Virtual machines and the initramfs that they boot.
vmm-src := vmm/accel.c vmm/cpio.c vmm/elf_deps.c vmm/initramfs.c vmm/kernel_image.c vmm/layout.c vmm/ram.c \
	vmm/vmm.c vmm/qemu/command.c vmm/qemu/events.c vmm/qemu/freeze.c vmm/qemu/gdb.c vmm/qemu/mtree.c \
	vmm/qemu/qemu.c vmm/qemu/qmp.c vmm/qemu/script.c
vmm-deps := base guest
vmm-pkgs := libarchive libcjson libelf nettle

# SPDX-License-Identifier: GPL-2.0-only
# Virtual machines and the initramfs that they boot: kvm/ runs them itself, x86_64/ knows what such a machine is, qemu/
# has QEMU's emulator run them.
vmm-src := \
	vmm/accel.c \
	vmm/cpio.c \
	vmm/elf_deps.c \
	vmm/frames.c \
	vmm/image.c \
	vmm/image_file.c \
	vmm/image_fork.c \
	vmm/image_record.c \
	vmm/image_whole.c \
	vmm/initramfs.c \
	vmm/kernel_image.c \
	vmm/kvm/bus.c \
	vmm/kvm/caps.c \
	vmm/kvm/clock.c \
	vmm/kvm/console.c \
	vmm/kvm/describe.c \
	vmm/kvm/events.c \
	vmm/kvm/exits.c \
	vmm/kvm/freeze.c \
	vmm/kvm/lacks.c \
	vmm/kvm/machine.c \
	vmm/kvm/perf.c \
	vmm/kvm/perf_host.c \
	vmm/kvm/perf_place.c \
	vmm/kvm/probe.c \
	vmm/kvm/probe_cache.c \
	vmm/kvm/probe_guest.S \
	vmm/kvm/ram_check.c \
	vmm/kvm/sandbox.c \
	vmm/kvm/sandbox_process.c \
	vmm/kvm/uart.c \
	vmm/kvm/vcpu.c \
	vmm/kvm/vcpu_setup.c \
	vmm/kvm/watch.c \
	vmm/layout.c \
	vmm/qemu/command.c \
	vmm/qemu/events.c \
	vmm/qemu/freeze.c \
	vmm/qemu/gdb.c \
	vmm/qemu/mtree.c \
	vmm/qemu/qemu.c \
	vmm/qemu/qmp.c \
	vmm/qemu/script.c \
	vmm/ram.c \
	vmm/ram_load.c \
	vmm/vmm.c \
	vmm/x86_64/acpi.c \
	vmm/x86_64/acpi_dsdt.c \
	vmm/x86_64/acpi_hmat.c \
	vmm/x86_64/acpi_madt.c \
	vmm/x86_64/acpi_numa.c \
	vmm/x86_64/aml.c \
	vmm/x86_64/apic_id.c \
	vmm/x86_64/boot.c \
	vmm/x86_64/boot_bzimage.c \
	vmm/x86_64/boot_pvh.c \
	vmm/x86_64/cpuid.c \
	vmm/x86_64/e820.c
vmm-deps := base guest
vmm-pkgs := libarchive libcjson libelf libseccomp nettle

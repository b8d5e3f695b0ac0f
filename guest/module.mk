# SPDX-License-Identifier: GPL-2.0-only
# The frame ring, for both sides, what of init runs anywhere, and the program that is PID 1 inside the machine.
guest-src := guest/channel.c guest/names.c guest/proto.c guest/snapshot.c guest/text.c guest/wake.c
guest-deps := base scenario
guest-libs := -lz
guest-init-src := \
	guest/cgroup.c \
	guest/init.c \
	guest/kaddr.c \
	guest/kmsg.c \
	guest/loop.c \
	guest/periodic.c \
	guest/prober.c \
	guest/sched.c \
	guest/symbols.c \
	guest/sysfs.c \
	guest/system.c \
	guest/watchdog.c \
	guest/work.c \
	guest/worker.c
guest-init-libs := -lz -lm
# The probe: its BPF object, and the program that puts it into the kernel, which carries it.
guest-probe-src := \
	guest/probe.c \
	guest/probe_bytes.S \
	guest/probe_hooks.c \
	guest/probe_load.c \
	guest/probe_object.c

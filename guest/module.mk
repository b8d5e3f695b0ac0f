# SPDX-License-Identifier: GPL-2.0-only
# The frame ring, for both sides, what of init runs anywhere, and the program that is PID 1 inside the machine.
guest-src := guest/proto.c guest/text.c guest/wake.c
guest-deps := base scenario
guest-libs := -lz
guest-init-src := guest/init.c guest/system.c guest/channel.c guest/loop.c guest/kmsg.c guest/sysfs.c \
	guest/kaddr.c guest/sched.c guest/watchdog.c guest/cgroup.c guest/worker.c guest/work.c
guest-init-libs := -lz -lm

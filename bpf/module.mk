# SPDX-License-Identifier: GPL-2.0-only
# BPF programs and the programs that load them.
bpf-objs := scx_ktstr
scx_ktstr-src := bpf/scx_ktstr.c
# The kernel names a section's map after the object: bpf.bss, bpf.rodata.
scx_ktstr-skel-name := bpf

# SPDX-License-Identifier: GPL-2.0-only
# BPF objects that are only read, never loaded: known answers for the finder of casts.
test-programs += $(O)/tests/objects/casts.bpf.o
$(O)/tests/objects/%.bpf.o: tests/objects/%.bpf.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(BPF_CLANG) $(bpf-cflags) $(werror) $(deps-flags) -c $< -o $@
# And the fixture scheduler, whose answers are known, too: the object, and the program that has it inside.
test-programs += $(O)/bpf/scx_ktstr.bpf.o $(O)/bpf/scx_ktstr

# SPDX-License-Identifier: GPL-2.0-only
# Programs that scripts/bench runs: each prints lines "NAME NUMBER".
vmm-bench-objs := $(O)/obj/tests/bench/vmm_bench.o $(O)/obj/tests/bench/vmm_bench_image.o \
	$(O)/obj/tests/bench/vmm_bench_start.o
test-programs += $(O)/tests/vmm-bench
$(vmm-bench-objs): pkg-flags = $(call pkg-cflags,$(call pkgs-of,vmm))
$(O)/tests/vmm-bench: $(vmm-bench-objs) $(call libs-of,vmm) $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) $(san-flags) $(LDFLAGS) $(filter %.o,$^) \
		$(call group,$(filter %.a,$^)) $(call ldlibs-of,vmm) -o $@

capture-bench-objs := $(O)/obj/tests/bench/capture_bench.o
test-programs += $(O)/tests/capture-bench
$(capture-bench-objs): pkg-flags = $(call pkg-cflags,$(call pkgs-of,driver))
$(O)/tests/capture-bench: $(capture-bench-objs) $(call libs-of,driver) $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(call linker-of,driver) $(san-flags) $(LDFLAGS) $(filter %.o,$^) \
		$(call group,$(filter %.a,$^)) $(call ldlibs-of,driver) -o $@

# The scheduler that capture-bench's image is of: BPF object and loader in one static program for the guest.
test-programs += $(O)/tests/scx_full
$(O)/tests/scx_full.bpf.o: tests/bench/bpf/scx_full.bpf.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(BPF_CLANG) $(bpf-cflags) $(werror) $(deps-flags) -c $< -o $@
$(O)/guest-obj/tests/bench/scx_full.o: $(O)/tests/scx_full.bpf.o
$(O)/guest-obj/tests/bench/scx_full.o: pkg-flags = $(call pkg-cflags,libbpf) -DINNER='"$(O)/tests/scx_full.bpf.o"'
$(O)/tests/scx_full: $(O)/guest-obj/tests/bench/scx_full.o $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) -static $(filter %.o,$^) -l:libbpf.a -lelf -lz -o $@

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

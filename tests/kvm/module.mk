# SPDX-License-Identifier: GPL-2.0-only
# What the tests in the nested machine need: a program that boots a machine and prints what its guest sees, and that
# guest; and the guest of tests/unit/test_vmm_machine.c, as there is no compiler in there.
test-programs += $(O)/tests/kvm/look $(O)/tests/kvm/look_guest $(O)/tests/kvm/machine_guest $(O)/tests/kvm/bench_init
nested-guest-objs := $(O)/guest-obj/guest/proto.o
$(O)/tests/kvm/look: $(O)/obj/tests/kvm/look.o $(call libs-of,vmm) $(call libs-of,config) $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(call linker-of,config) $(san-flags) $(LDFLAGS) $(filter %.o,$^) \
		$(call group,$(filter %.a,$^)) $(call ldlibs-of,vmm) $(call ldlibs-of,config) -o $@
$(O)/tests/kvm/look_guest: $(O)/guest-obj/tests/kvm/look_guest.o $(nested-guest-objs)
$(O)/tests/kvm/machine_guest: $(O)/guest-obj/tests/data/machine_guest.o $(nested-guest-objs)
$(O)/tests/kvm/bench_init: $(O)/guest-obj/tests/kvm/bench_init.o
$(O)/tests/kvm/look_guest $(O)/tests/kvm/machine_guest $(O)/tests/kvm/bench_init: $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) -static $(filter %.o,$^) -lz -o $@

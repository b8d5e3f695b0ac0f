# SPDX-License-Identifier: GPL-2.0-only
# Guests of our own for tests of machines: freestanding, so compiled with flags of their own. guest/proto.c is the tree's.
guests-src := apic bus busy bzimage channel cpus end initrd lib main tables
guests-objs := $(guests-src:%=$(O)/obj/tests/guests/%.o) $(O)/obj/tests/guests/entry.o \
	$(O)/obj/tests/guests/entry64.o $(O)/obj/tests/guests/proto.o
# Only what KVM emulates in software, too: no vectors, no calls into a library, no stack protector's TLS.
guests-cflags := -std=gnu17 -ffreestanding -mgeneral-regs-only -fno-tree-vectorize -O1 -g -fno-pic -fno-pie \
	-mno-red-zone -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	$(warnings) -Wstrict-prototypes -Wmissing-prototypes $(werror) -I. -include base/banned.h
$(guests-src:%=$(O)/obj/tests/guests/%.o): $(O)/obj/tests/guests/%.o: tests/guests/%.c $(O)/flags tests/guests/module.mk
	@mkdir -p $(@D)
	$(call say,CC,$< (test guest))$(CC) $(guests-cflags) $(deps-flags) -c $< -o $@
$(O)/obj/tests/guests/proto.o: guest/proto.c $(O)/flags tests/guests/module.mk
	@mkdir -p $(@D)
	$(call say,CC,$< (test guest))$(CC) $(guests-cflags) $(deps-flags) -c $< -o $@

test-programs += $(O)/tests/guests/guest.elf
$(O)/tests/guests/guest.elf: $(guests-objs) tests/guests/guest.lds
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -Wl,-T,tests/guests/guest.lds $(filter %.o,$^) -o $@

# The same guest as a bzImage: all that is loaded of it, from 1 MiB on, behind a setup header.
test-programs += $(O)/tests/guests/guest.bzimage
$(O)/obj/tests/guests/guest.bin: $(O)/tests/guests/guest.elf
	$(call say,OBJCOPY,$(@:$(O)/%=%))objcopy -O binary $< $@
$(O)/obj/tests/guests/header.o: tests/guests/bzimage.S $(O)/obj/tests/guests/guest.bin
	$(call say,AS,$<)$(CC) -DGUEST_BIN='"$(O)/obj/tests/guests/guest.bin"' -c $< -o $@
$(O)/tests/guests/guest.bzimage: $(O)/obj/tests/guests/header.o
	$(call say,OBJCOPY,$(@:$(O)/%=%))objcopy -O binary -j .data $< $@

# SPDX-License-Identifier: GPL-2.0-only
# What the tests of the kernel cache need: an HTTP server with faults, and made-up kernel images.
faultd-pkgs := libarchive libbpf
test-programs += $(O)/tests/faultd $(O)/tests/mkbzimage
$(O)/tests/faultd $(O)/tests/mkbzimage: $(O)/tests/%: $(O)/obj/tests/faultd/%.o $(call libs-of,base) $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) $(san-flags) $(LDFLAGS) $(filter %.o,$^) \
		$(call group,$(filter %.a,$^)) $(call ldlibs-of,base) $(call pkg-libs,$(faultd-pkgs)) -o $@
$(O)/obj/tests/faultd/mkbzimage.o: pkg-flags = $(call pkg-cflags,$(faultd-pkgs))

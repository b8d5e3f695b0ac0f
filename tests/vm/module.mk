# SPDX-License-Identifier: GPL-2.0-only
# Programs that tests of the capture run in the guest, static: a scheduler with its BPF object, one that reads the probe's maps.
zoo-pkgs := libbpf
test-programs += $(O)/tests/map_zoo
$(O)/tests/map_zoo.bpf.o: tests/vm/bpf/map_zoo.bpf.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(BPF_CLANG) $(bpf-cflags) $(werror) $(deps-flags) -c $< -o $@
$(O)/guest-obj/tests/vm/progs/map_zoo.o: $(O)/tests/map_zoo.bpf.o
$(O)/guest-obj/tests/vm/progs/map_zoo.o: pkg-flags = $(call pkg-cflags,$(zoo-pkgs)) \
	-DINNER='"$(O)/tests/map_zoo.bpf.o"'
$(O)/tests/map_zoo: $(O)/guest-obj/tests/vm/progs/map_zoo.o $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) -static $(filter %.o,$^) -l:libbpf.a -lelf -lz -o $@

test-programs += $(O)/tests/probe_watch
$(O)/guest-obj/tests/vm/progs/probe_watch.o: $(O)/bpf/scx_ktstr
$(O)/guest-obj/tests/vm/progs/probe_watch.o: pkg-flags = $(call pkg-cflags,$(zoo-pkgs)) -DINNER='"$(O)/bpf/scx_ktstr"'
$(O)/tests/probe_watch: $(O)/guest-obj/tests/vm/progs/probe_watch.o $(O)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$(@:$(O)/%=%))$(CC) -static $(filter %.o,$^) -l:libbpf.a -lelf -lz -o $@

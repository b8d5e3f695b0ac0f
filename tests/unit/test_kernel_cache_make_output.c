/* SPDX-License-Identifier: GPL-2.0-only */
/* What make prints: objects are counted, and the first error is found with what is around it. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel-cache/build/internal.h"

static void feed(struct kc_output *o, const char *text)
{
	kc_output_feed(o, text, strlen(text));
	kc_output_end(o);
}

/* The error that is found in @text is @expected, a line each. */
static void assert_error(const char *text, const char *expected)
{
	struct kc_output o = { 0 };
	kt_auto(buf) struct kt_buf found = { 0 };

	feed(&o, text);
	kc_output_format(&o, &found);
	assert_string_equal(kt_buf_str(&found), expected);
	kc_output_done(&o);
}

static void objects_are_counted_and_nothing_else_is(void **state)
{
	struct kc_output o = { 0 };

	(void)state;
	feed(&o, "make: Entering directory '/src'\n"
		 "  HOSTCC  scripts/basic/fixdep\n"
		 "  UPD     include/generated/utsrelease.h\n"
		 "  AS      arch/x86/entry/entry.o\n"
		 "  CC      kernel/fork.o\n"
		 "  CC [M]  fs/btrfs/super.o\n"
		 "  AR      kernel/built-in.a\n"
		 "  CCX\n"
		 "CC      not/indented.o\n"
		 "  LD      vmlinux");
	assert_int_equal(o.objects, 4);
	assert_int_equal(o.error.nr, 0);
	kc_output_done(&o);
}

static void lines_may_come_in_pieces(void **state)
{
	static const char text[] = "  CC      a.o\r\n  CC      b.o\n";
	struct kc_output o = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		kc_output_feed(&o, text + i, 1);
	assert_int_equal(o.objects, 2);
	kc_output_done(&o);
}

static void an_error_comes_with_the_lines_around_it(void **state)
{
	(void)state;
	assert_error("  CC      kernel/exit.o\n"
		     "../kernel/exit.c:1:1: warning: unused [-Wunused]\n"
		     "  CC      kernel/fork.o\n"
		     "../kernel/fork.c: In function 'f':\n"
		     "../kernel/fork.c:10:32: error: 'x' undeclared\n"
		     "   10 | return x;\n"
		     "      |        ^\n"
		     "  CC      kernel/sched/core.o\n"
		     "../kernel/other.c:1:1: error: a later one\n"
		     "make[3]: *** [scripts/Makefile.build:229: kernel/fork.o] Error 1\n"
		     "make[2]: *** [scripts/Makefile.build:478: kernel] Error 2\n",
		     "\n    ../kernel/fork.c: In function 'f':"
		     "\n    ../kernel/fork.c:10:32: error: 'x' undeclared"
		     "\n       10 | return x;"
		     "\n          |        ^"
		     "\n    make[3]: *** [scripts/Makefile.build:229: kernel/fork.o] Error 1");
}

static void each_way_to_fail_is_known(void **state)
{
	(void)state;
	assert_error("ld: init/main.o: in function `start_kernel':\n"
		     "main.c:7: undefined reference to `fork_lost'\n"
		     "make[1]: *** [Makefile:1: vmlinux] Error 1\n",
		     "\n    ld: init/main.o: in function `start_kernel':"
		     "\n    main.c:7: undefined reference to `fork_lost'"
		     "\n    make[1]: *** [Makefile:1: vmlinux] Error 1");
	assert_error(
		"  CC      a.o\nmake[1]: *** No rule to make target 'x.c', needed by 'x.o'.  Stop.\n"
		"make: *** [Makefile:24: sub-make] Error 2\n",
		"\n    make[1]: *** No rule to make target 'x.c', needed by 'x.o'.  Stop.");
	assert_error(
		"/bin/sh: 1: bc: not found\nmake[1]: *** [Kbuild:24: timeconst.h] Error 127\n",
		"\n    /bin/sh: 1: bc: not found\n    make[1]: *** [Kbuild:24: timeconst.h] Error 127");
	/* Nothing that is known: make's own word, with what came before it. */
	assert_error(
		"  BTF     vmlinux\nsomething odd\nmake[1]: *** [Makefile:1: vmlinux] Error 1\n",
		"\n    something odd\n    make[1]: *** [Makefile:1: vmlinux] Error 1");
	assert_error("make[1]: Entering directory '/x'\nall is well\n", "");
}

static void a_doubtful_line_gives_way_to_a_clear_one(void **state)
{
	(void)state;
	assert_error("cat: .version: No such file or directory\n"
		     "  CC      a.o\n"
		     "a.c:1:10: fatal error: gelf.h: No such file or directory\n"
		     "make[1]: *** [Makefile:1: a.o] Error 1\n",
		     "\n    a.c:1:10: fatal error: gelf.h: No such file or directory"
		     "\n    make[1]: *** [Makefile:1: a.o] Error 1");
}

/* Each as a real build printed it, but for paths; what went wrong is the first line. */
static void failures_of_real_kernels_are_named_by_their_cause(void **state)
{
	static const struct {
		const char *text, *first;
	} rows[] = {
		{ "  OBJTOOL vmlinux.o\n"
		  "vmlinux.o: warning: objtool: f+0x1: unreachable instruction\n"
		  "vmlinux.o: error: objtool: f+0x12: unannotated intra-function call\n"
		  "make[3]: *** [../scripts/Makefile.vmlinux_o:72: vmlinux.o] Error 1\n",
		  "\n    vmlinux.o: warning: objtool: f+0x1: unreachable instruction"
		  "\n    vmlinux.o: error: objtool: f+0x12: unannotated intra-function call" },
		{ "  LD      .tmp_vmlinux1\n"
		  "ld.lld: error: undefined symbol: lost\n"
		  ">>> referenced by fork.c\n",
		  "\n    ld.lld: error: undefined symbol: lost\n    >>> referenced by fork.c" },
		{ "  LD      vmlinux.o\nld: kernel/fork.o: file format not recognized\n",
		  "\n    ld: kernel/fork.o: file format not recognized" },
		{ "  BTF     .tmp_vmlinux1\n"
		  "[222] INT long int Error emitting BTF type\n"
		  "Encountered error while encoding BTF.\n"
		  "  BTFIDS  vmlinux\n"
		  "FAILED: load BTF from vmlinux: Invalid argument\n"
		  "make[2]: *** [../scripts/Makefile.vmlinux:34: vmlinux] Error 255\n",
		  "\n    [222] INT long int Error emitting BTF type"
		  "\n    Encountered error while encoding BTF." },
		{ "cat: .scmversion: No such file or directory\n"
		  "  BTFIDS  vmlinux\n"
		  "FAILED: load BTF from vmlinux: Invalid argument\n"
		  "make[2]: *** [../scripts/Makefile.vmlinux:34: vmlinux] Error 255\n",
		  "\n    FAILED: load BTF from vmlinux: Invalid argument" },
		{ "  MODPOST Module.symvers\n"
		  "ERROR: modpost: \"lost\" [fs/btrfs/btrfs.ko] undefined!\n"
		  "make[2]: *** [../scripts/Makefile.modpost:145: Module.symvers] Error 1\n",
		  "\n    ERROR: modpost: \"lost\" [fs/btrfs/btrfs.ko] undefined!" },
		{ "  CC      kernel/fork.o\n"
		  "cc1: out of memory allocating 65536 bytes after a total of 1048576 bytes\n"
		  "make[3]: *** [../scripts/Makefile.build:229: kernel/fork.o] Error 1\n",
		  "\n    cc1: out of memory allocating 65536 bytes after a total of 1048576 bytes" },
		{ "{standard input}: Assembler messages:\n"
		  "{standard input}:12: Error: no such instruction: `nothing'\n",
		  "\n    {standard input}: Assembler messages:"
		  "\n    {standard input}:12: Error: no such instruction: `nothing'" },
		{ "***\n*** The source tree is not clean, please run 'make ARCH=x86_64 mrproper'\n"
		  "*** in /src\n***\n"
		  "make[1]: *** [/src/Makefile:577: outputmakefile] Error 1\n",
		  "\n    ***"
		  "\n    *** The source tree is not clean, please run 'make ARCH=x86_64 mrproper'" },
		{ "Makefile:1020: *** \"Cannot generate ORC metadata, please install libelf-dev\".  "
		  "Stop.\n",
		  "\n    Makefile:1020: *** \"Cannot generate ORC metadata, please install "
		  "libelf-dev\".  Stop." },
		{ "init/Kconfig:17: Sorry, this compiler is not supported.\n"
		  "make[2]: *** [../scripts/kconfig/Makefile:95: olddefconfig] Error 1\n",
		  "\n    init/Kconfig:17: Sorry, this compiler is not supported." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kc_output o = { 0 };
		kt_auto(buf) struct kt_buf found = { 0 };

		feed(&o, rows[i].text);
		kc_output_format(&o, &found);
		if (!kt_starts_with(kt_buf_str(&found), rows[i].first))
			fail_msg("row %zu: found%s", i, kt_buf_str(&found));
		assert_false(o.killed);
		kc_output_done(&o);
	}
}

static void what_a_shell_says_of_the_killed_is_understood(void **state)
{
	static const char *const lines[] = {
		"Killed\n",
		"scripts/link-vmlinux.sh: line 113: 4711 Killed                  pahole -J vmlinux\n",
	};
	struct kc_output o = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		o = (struct kc_output){ 0 };
		feed(&o, lines[i]);
		feed(&o, "FAILED: load BTF from vmlinux: Invalid argument\n");
		assert_true(o.killed);
		assert_int_equal(strncmp(o.error.v[0], lines[i], strlen(lines[i]) - 1), 0);
		kc_output_done(&o);
	}
	o = (struct kc_output){ 0 };
	feed(&o, "kill.c:1:1: error: Killed by a comment\n");
	assert_false(o.killed);
	kc_output_done(&o);
}

static void bytes_that_are_no_text_do_no_harm(void **state)
{
	struct kc_output o = { 0 };
	kt_auto(buf) struct kt_buf found = { 0 };

	(void)state;
	kc_output_feed(&o, "\0\0\n\xff\xfe: error: \xc3\n", 18);
	kc_output_end(&o);
	kc_output_format(&o, &found);
	assert_non_null(strstr(kt_buf_str(&found), ": error: "));
	for (size_t i = 0; i < found.len; i++)
		assert_true(found.data[i] == '\n' ||
			    (found.data[i] >= 0x20 && found.data[i] < 0x7f));
	kc_output_done(&o);
}

static void what_the_host_lacks_is_told_apart(void **state)
{
	struct kc_output o = { 0 };

	(void)state;
	feed(&o, "make[1]: *** [Makefile:102: kernel/fork.o] Killed\n");
	assert_true(o.killed);
	assert_false(o.disk_full);
	kc_output_done(&o);
	o = (struct kc_output){ 0 };
	feed(&o, "gcc: fatal error: Killed signal terminated program cc1\n");
	assert_true(o.killed);
	kc_output_done(&o);
	o = (struct kc_output){ 0 };
	feed(&o, "ld: final link failed: No space left on device\n");
	assert_true(o.disk_full);
	assert_false(o.killed);
	kc_output_done(&o);
}

static void output_without_end_is_bounded(void **state)
{
	struct kc_output o = { 0 };
	kt_auto(buf) struct kt_buf found = { 0 };

	(void)state;
	feed(&o, "a.c:1:1: error: x\n");
	for (int i = 0; i < 1000; i++)
		feed(&o, "and more of it\n");
	for (int i = 0; i < 10000; i++)
		kc_output_feed(&o, "xxxxxxxxxxxxxxxxxxxx", 20);
	kc_output_end(&o);
	feed(&o, "make[1]: *** [Makefile:1: a.o] Error 1\n");
	assert_int_equal(o.error.nr, KC_OUTPUT_ERROR_LINES);
	assert_string_equal(o.error.v[KC_OUTPUT_ERROR_LINES - 1],
			    "make[1]: *** [Makefile:1: a.o] Error 1");
	assert_true(o.before.nr <= KC_OUTPUT_BEFORE);
	kc_output_format(&o, &found);
	assert_true(found.len < KT_ERR_TEXT_BYTES);
	kc_output_done(&o);
}

static void control_bytes_do_not_reach_the_terminal(void **state)
{
	(void)state;
	assert_error("a.c:1:1: error: \033[31mred\n", "\n    a.c:1:1: error: \\x1b[31mred");
}

static void the_log_is_whole_or_not_there(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/build.log.zst", (char *)*state);
	kt_auto(kc_log) struct kc_log *l = NULL;
	kt_auto(buf) struct kt_buf data = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(kc_log_open(path, &l, NULL), 0);
	assert_int_equal(kc_log_write(l, "text\n", 5, NULL), 0);
	assert_int_equal(kt_file_read(path, 1000, &data, NULL), -ENOENT);
	kc_log_free(l);
	l = NULL;
	assert_int_equal(unit_nr_entries(*state), 0);
	assert_int_equal(kc_log_open(path, &l, NULL), 0);
	assert_int_equal(kc_log_write(l, "text\n", 5, NULL), 0);
	assert_int_equal(kc_log_commit(l, NULL), 0);
	assert_int_equal(kt_file_read(path, 1000, &data, NULL), 0);
	assert_memory_equal(data.data, "\x28\xb5\x2f\xfd", 4);
	assert_int_equal(unit_nr_entries(*state), 1);
	kc_log_free(kt_take(l));
	assert_int_equal(unit_nr_entries(*state), 1);
	assert_int_equal(kc_log_open("/no/such/dir/log", &l, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e),
			    "create '/no/such/dir/log.part': No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_counted_and_nothing_else_is),
		cmocka_unit_test(lines_may_come_in_pieces),
		cmocka_unit_test(an_error_comes_with_the_lines_around_it),
		cmocka_unit_test(each_way_to_fail_is_known),
		cmocka_unit_test(a_doubtful_line_gives_way_to_a_clear_one),
		cmocka_unit_test(failures_of_real_kernels_are_named_by_their_cause),
		cmocka_unit_test(what_a_shell_says_of_the_killed_is_understood),
		cmocka_unit_test(bytes_that_are_no_text_do_no_harm),
		cmocka_unit_test(what_the_host_lacks_is_told_apart),
		cmocka_unit_test(output_without_end_is_bounded),
		cmocka_unit_test(control_bytes_do_not_reach_the_terminal),
		cmocka_unit_test(the_log_is_whole_or_not_there),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

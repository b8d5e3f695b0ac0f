/* SPDX-License-Identifier: GPL-2.0-only */
/* Which tools are meant by a name, what is missing, and what a tree asks of pahole. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/build/build.h"

/* A directory of tools, which is all of PATH. Each test has its own. */
static char *tools;

static char *in_tools(const char *name)
{
	char *path = kt_fmt("%s/%s", tools, name);

	assert_non_null(path);
	return path;
}

static void add_script(const char *name, const char *version)
{
	kt_auto(mem) char *path = in_tools(name);
	kt_auto(mem) char *text =
		kt_fmt("#!/bin/sh\necho x >>'%s/asked-%s'\necho '%s'\n", tools, name, version);

	assert_int_equal(kt_file_write_atomic(path, text, strlen(text), 0755, NULL), 0);
}

static unsigned nr_asked(const char *name)
{
	kt_auto(mem) char *path = kt_fmt("%s/asked-%s", tools, name);
	kt_auto(buf) struct kt_buf text = { 0 };

	return kt_file_read(path, 1 << 16, &text, NULL) == 0 ? (unsigned)text.len / 2 : 0;
}

static int setup(void **state)
{
	static const char *const variables[] = { "CC", "LLVM", "PAHOLE" };

	if (unit_tmp_setup(state) < 0)
		return -1;
	tools = *state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	return setenv("PATH", tools, 1);
}

/* make_args, joined by " | ". */
static void assert_args(const struct kc_build_opts *o, const char *expected)
{
	kt_auto(kc_toolchain) struct kc_toolchain t = { 0 };
	kt_auto(buf) struct kt_buf args = { 0 };
	struct kt_err e = { 0 };

	if (kc_toolchain_find(NULL, o, &t, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	for (size_t i = 0; i < t.make_args.nr; i++)
		kt_buf_addf(&args, "%s%s", i ? " | " : "", t.make_args.v[i]);
	assert_string_equal(kt_buf_str(&args), expected);
}

static void assert_missing(const struct kc_build_opts *o, const char *expected)
{
	kt_auto(kc_toolchain) struct kc_toolchain t = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(kc_toolchain_find(NULL, o, &t, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), expected);
}

static void add_gnu(void)
{
	add_script("gcc", "gcc (Debian 12.2.0-14) 12.2.0");
	add_script("gcc-13", "gcc-13 (Debian 13.1) 13.1.0");
	add_script("ld", "GNU ld 2.40");
}

static void add_llvm(const char *suffix)
{
	static const char *const names[] = { "clang",        "ld.lld",       "llvm-ar",   "llvm-nm",
					     "llvm-objcopy", "llvm-readelf", "llvm-strip" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		kt_auto(mem) char *name = kt_fmt("%s%s", names[i], suffix);

		add_script(name, "LLVM version");
	}
}

static void a_compiler_is_gcc_unless_something_says_otherwise(void **state)
{
	(void)state;
	add_gnu();
	assert_args(&(struct kc_build_opts){ 0 }, "CC=gcc | HOSTCC=gcc");
	assert_args(&(struct kc_build_opts){ .toolchain = "gcc-13" }, "CC=gcc-13 | HOSTCC=gcc-13");
	setenv("CC", "ccache gcc-13 -m64", 1);
	assert_args(&(struct kc_build_opts){ 0 }, "CC=gcc-13 -m64 | HOSTCC=gcc-13");
	assert_args(&(struct kc_build_opts){ .toolchain = "gcc" }, "CC=gcc | HOSTCC=gcc");
}

static void clang_stands_for_all_of_llvm(void **state)
{
	kt_auto(mem) char *path = NULL, *dir = NULL, *expected = NULL;

	(void)state;
	add_gnu();
	add_llvm("");
	add_llvm("-19");
	assert_args(&(struct kc_build_opts){ .toolchain = "clang" }, "LLVM=1");
	assert_args(&(struct kc_build_opts){ .toolchain = "clang-19" }, "LLVM=-19");
	assert_args(&(struct kc_build_opts){ .toolchain = "LLVM=-19" }, "LLVM=-19");
	setenv("LLVM", "1", 1);
	setenv("CC", "gcc", 1);
	assert_args(&(struct kc_build_opts){ 0 }, "LLVM=1");
	path = in_tools("clang");
	dir = in_tools("");
	expected = kt_fmt("LLVM=%s", dir);
	assert_args(&(struct kc_build_opts){ .toolchain = path }, expected);
	assert_args(&(struct kc_build_opts){ .toolchain = dir }, expected);
	/* As the kernel takes it: this compiler, and GNU's linker. */
	unsetenv("LLVM");
	setenv("CC", "clang", 1);
	assert_args(&(struct kc_build_opts){ 0 }, "CC=clang | HOSTCC=clang");
}

static void a_prefix_is_a_cross_compiler(void **state)
{
	kt_auto(mem) char *prefix = in_tools("x86_64-linux-gnu-");
	kt_auto(mem) char *expected = kt_fmt("CROSS_COMPILE=%s", prefix);

	(void)state;
	add_gnu();
	add_script("x86_64-linux-gnu-gcc", "gcc 12");
	add_script("x86_64-linux-gnu-ld", "ld 2");
	assert_args(&(struct kc_build_opts){ .toolchain = prefix }, expected);
	assert_args(&(struct kc_build_opts){ .toolchain = "x86_64-linux-gnu-" },
		    "CROSS_COMPILE=x86_64-linux-gnu-");
}

static void ccache_is_used_where_it_is(void **state)
{
	(void)state;
	add_gnu();
	add_llvm("-19");
	add_script("ccache", "ccache 4");
	assert_args(&(struct kc_build_opts){ 0 }, "CC=ccache gcc | HOSTCC=ccache gcc");
	assert_args(&(struct kc_build_opts){ .no_ccache = true }, "CC=gcc | HOSTCC=gcc");
	assert_args(&(struct kc_build_opts){ .toolchain = "clang-19" },
		    "LLVM=-19 | CC=ccache clang-19 | HOSTCC=ccache clang-19");
}

static void what_is_missing_is_named_with_its_package_all_at_once(void **state)
{
	(void)state;
	assert_missing(&(struct kc_build_opts){ 0 },
		       "gcc and ld are missing: apt-get install gcc binutils, or --toolchain names "
		       "another compiler");
	add_gnu();
	assert_missing(&(struct kc_build_opts){ .toolchain = "gcc-99" },
		       "gcc-99 is missing: apt-get install gcc-99, or --toolchain names another "
		       "compiler");
	add_script("clang-19", "clang 19");
	assert_missing(&(struct kc_build_opts){ .toolchain = "clang-19" },
		       "ld.lld-19, llvm-ar-19, llvm-nm-19, llvm-objcopy-19, llvm-readelf-19 and "
		       "llvm-strip-19 are missing: apt-get install lld-19 llvm-19, or --toolchain "
		       "names another compiler");
	assert_missing(&(struct kc_build_opts){ .toolchain = "/no/such/gcc" },
		       "/no/such/gcc is missing: --toolchain names another compiler");
	assert_missing(&(struct kc_build_opts){ .pahole = "no-such-pahole" },
		       "--pahole names 'no-such-pahole', which is no program");
	setenv("PAHOLE", "/no/such/pahole", 1);
	assert_missing(&(struct kc_build_opts){ 0 },
		       "$PAHOLE names '/no/such/pahole', which is no program");
}

static void a_tool_that_does_not_work_is_said(void **state)
{
	kt_auto(mem) char *gcc = in_tools("gcc");
	kt_auto(mem) char *expected =
		kt_fmt("'%s --version' exited with status 3: it does not work here", gcc);
	kt_auto(kc_toolchain) struct kc_toolchain t = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	add_gnu();
	assert_int_equal(kt_file_write_atomic(gcc, "#!/bin/sh\nexit 3\n", 17, 0755, NULL), 0);
	assert_int_equal(kc_toolchain_find(NULL, &(struct kc_build_opts){ 0 }, &t, &e), -ENOEXEC);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), expected);
}

static void versions_are_those_of_the_programs(void **state)
{
	kt_auto(kc_toolchain) struct kc_toolchain t = { 0 };

	(void)state;
	add_gnu();
	add_script("pahole", "v1.24");
	setenv("CC", "gcc -m64", 1);
	assert_int_equal(kc_toolchain_find(NULL, &(struct kc_build_opts){ 0 }, &t, NULL), 0);
	assert_string_equal(t.cc_text, "gcc (Debian 12.2.0-14) 12.2.0 -m64");
	assert_string_equal(t.ld_text, "GNU ld 2.40");
	assert_string_equal(t.pahole_text, "1.24");
}

static void copy_of_ls(const char *name)
{
	kt_auto(mem) char *to = in_tools(name);
	kt_auto(buf) struct kt_buf data = { 0 };

	assert_int_equal(kt_file_read("/bin/ls", 16 << 20, &data, NULL), 0);
	assert_int_equal(kt_file_write_atomic(to, data.data, data.len, 0755, NULL), 0);
}

/* A note is believed as long as the file is the same, and never for a script, which may change without changing. */
static void a_version_is_remembered_by_the_file_it_is_of(void **state)
{
	kt_auto(mem) char *cache = in_tools("cache"), *ls = in_tools("ls-like");
	kt_auto(mem) char *index = in_tools("cache/index"), *script = in_tools("pahole");
	kt_auto(mem) char *text = NULL, *again = NULL, *s1 = NULL, *s2 = NULL, *after = NULL;
	kt_auto(dir) DIR *d = NULL;
	struct dirent *entry;

	(void)state;
	copy_of_ls("ls-like");
	add_script("pahole", "v1.24");
	assert_int_equal(kc_program_version(cache, ls, &text, NULL), 0);
	assert_non_null(strstr(text, "coreutils"));
	assert_int_equal(unit_nr_entries(index), 1);
	d = opendir(index);
	while ((entry = readdir(d))) {
		kt_auto(mem) char *note = kt_fmt("%s/%s", index, entry->d_name);
		kt_auto(buf) struct kt_buf b = { 0 };
		char *at;

		if (entry->d_name[0] == '.')
			continue;
		/* Were the program asked again, this would not be the answer. */
		assert_int_equal(kt_file_read(note, 4096, &b, NULL), 0);
		at = strstr(b.data, "coreutils");
		assert_non_null(at);
		*at = 'C';
		assert_int_equal(kt_file_write_atomic(note, b.data, b.len, 0644, NULL), 0);
	}
	assert_int_equal(kc_program_version(cache, ls, &again, NULL), 0);
	assert_non_null(strstr(again, "Coreutils"));
	copy_of_ls("ls-like");
	assert_int_equal(kc_program_version(cache, ls, &after, NULL), 0);
	assert_string_equal(after, text);
	assert_int_equal(kc_program_version(cache, script, &s1, NULL), 0);
	assert_int_equal(kc_program_version(cache, script, &s2, NULL), 0);
	assert_string_equal(s2, "v1.24");
	assert_int_equal(nr_asked("pahole"), 2);
}

/* ---- pahole ---- */

static void write_tree(const char *path, const char *text)
{
	kt_auto(mem) char *file = in_tools(path);
	char *slash = strrchr(file, '/');

	*slash = '\0';
	assert_int_equal(kt_mkdir_p(file, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(kt_file_write_atomic(file, text, strlen(text), 0644, NULL), 0);
}

static int check_pahole(const char *version, const char *config, struct kt_err *e)
{
	kt_auto(mem) char *src = in_tools("src");
	struct kc_toolchain t = { .pahole = (char *)"/x/pahole", .pahole_text = (char *)version };

	return kc_pahole_check(&t, src, config, e);
}

static void a_tree_says_which_pahole_it_needs(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	write_tree("src/lib/Kconfig.debug",
		   "config OTHER\n\tdepends on PAHOLE_VERSION >= 999\n\n"
		   "config DEBUG_INFO_BTF\n\tbool \"BTF\"\n\tdepends on PAHOLE_VERSION >= 116\n"
		   "\tdepends on DEBUG_INFO_DWARF4 || PAHOLE_VERSION >= 121\n\n"
		   "config PAHOLE_HAS_SPLIT_BTF\n\tdef_bool PAHOLE_VERSION >= 119\n");
	assert_int_equal(check_pahole("1.16", NULL, &e), 0);
	assert_int_equal(check_pahole("1.15", NULL, &e), -ENOEXEC);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(
		unit_err_text(&e),
		"pahole is 1.15 ('/x/pahole'), and this kernel needs 1.16 or newer: so says "
		"DEBUG_INFO_BTF in lib/Kconfig.debug. Install a newer package dwarves, or name "
		"another pahole by --pahole or PAHOLE=");
	assert_int_equal(check_pahole("1.20", "\nCONFIG_DEBUG_INFO_DWARF4=y\n", &e), 0);
	assert_int_equal(check_pahole("1.20", "\nCONFIG_DEBUG_INFO_DWARF5=y\n", &e), -ENOEXEC);
	assert_int_equal(check_pahole("1.21", "\nCONFIG_DEBUG_INFO_DWARF5=y\n", &e), 0);
	assert_int_equal(check_pahole("devel", NULL, &e), -ENOEXEC);
	assert_string_equal(unit_err_text(&e),
			    "'/x/pahole --version' says 'devel', which is no version of pahole");
}

static void implicit_arguments_need_126_whatever_the_version_of_the_kernel(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	write_tree("src/lib/Kconfig.debug",
		   "\nconfig DEBUG_INFO_BTF\n\tdepends on PAHOLE_VERSION >= 122\n");
	write_tree("src/include/linux/btf.h", "#define KF_RELEASE 2\n");
	assert_int_equal(check_pahole("1.24", NULL, &e), 0);
	write_tree("src/include/linux/btf.h", "#define KF_IMPLICIT_ARGS (1 << 16)\n");
	assert_int_equal(check_pahole("1.24", NULL, &e), -ENOEXEC);
	assert_non_null(strstr(unit_err_text(&e), "pahole is 1.24 ('/x/pahole'), and this kernel "
						  "needs 1.26 or newer: its functions for BPF"));
	assert_int_equal(check_pahole("1.26", NULL, &e), 0);
	assert_int_equal(check_pahole("1.30", NULL, &e), 0);
}

/* ---- what a configuration needs ---- */

static void every_missing_program_is_named_once_and_only_when_needed(void **state)
{
	kt_auto(mem) char *src = in_tools("src");
	struct kc_toolchain t = { .pahole = NULL };
	struct kc_want btf = { .name = (char *)"DEBUG_INFO_BTF", .value = (char *)"y" };
	struct kc_wants none = { 0 }, wants = { .list = { .v = &btf, .nr = 1 } };
	struct kt_err e = { 0 };

	(void)state;
	add_script("make", "");
	add_script("awk", "");
	assert_int_equal(kc_tools_for_config(&t, src, &wants, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e),
			    "flex, bison and pahole are missing: apt-get install "
			    "flex bison dwarves");
	add_script("flex", "");
	assert_int_equal(kc_tools_for_config(&t, src, &none, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), "bison is missing: apt-get install bison");
	add_script("bison", "");
	assert_int_equal(kc_tools_for_config(&t, src, &none, &e), 0);

	assert_int_equal(kc_tools_for_build(&t, src,
					    "CONFIG_X=y\n# CONFIG_KERNEL_ZSTD is not set\n", &e),
			 0);
	assert_int_equal(kc_tools_for_build(&t, src, "CONFIG_KERNEL_LZ4=y\nCONFIG_IKHEADERS=m\n",
					    &e),
			 -ENOENT);
	assert_string_equal(unit_err_text(&e),
			    "lz4, xz and cpio are missing: apt-get install lz4 xz-utils cpio");
	write_tree("src/kernel/time/timeconst.bc", "");
	assert_int_equal(kc_tools_for_build(&t, src, "", &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), "bc is missing: apt-get install bc");
}

static void headers_are_asked_of_the_compiler(void **state)
{
	kt_auto(mem) char *src = in_tools("src");
	struct kc_toolchain t = { .cc = (char *)"/usr/bin/gcc" };
	struct kt_err e = { 0 };
	int r;

	(void)state;
	write_tree("src/tools/objtool/Makefile", "");
	write_tree("src/certs/extract-cert.c", "");
	/* This very tree needs libelf's header, so it is there. */
	assert_int_equal(kc_tools_for_build(&t, src, "CONFIG_OBJTOOL=y\n", &e), 0);
	t.cc = in_tools("gcc");
	add_script("gcc", "nothing was found");
	r = kc_tools_for_build(&t, src, "CONFIG_OBJTOOL=y\nCONFIG_SYSTEM_TRUSTED_KEYRING=y\n", &e);
	free(t.cc);
	assert_int_equal(r, -ENOENT);
	assert_string_equal(unit_err_text(&e),
			    "the header gelf.h and the header openssl/ssl.h are missing: apt-get "
			    "install libelf-dev libssl-dev");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, unit_tmp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_compiler_is_gcc_unless_something_says_otherwise),
		TEST(clang_stands_for_all_of_llvm),
		TEST(a_prefix_is_a_cross_compiler),
		TEST(ccache_is_used_where_it_is),
		TEST(what_is_missing_is_named_with_its_package_all_at_once),
		TEST(a_tool_that_does_not_work_is_said),
		TEST(versions_are_those_of_the_programs),
		TEST(a_version_is_remembered_by_the_file_it_is_of),
		TEST(a_tree_says_which_pahole_it_needs),
		TEST(implicit_arguments_need_126_whatever_the_version_of_the_kernel),
		TEST(every_missing_program_is_named_once_and_only_when_needed),
		TEST(headers_are_asked_of_the_compiler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

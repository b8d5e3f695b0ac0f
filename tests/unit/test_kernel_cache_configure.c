/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running the tree's own make for a .config: which targets with which words, what the environment cannot change, and
 * what is said when it fails. The tree here has a Makefile that writes down how it was called.
 */
#include "tests/unit/kconfig_tree.h"

#include <errno.h>
#include <unistd.h>

#include "kernel-cache/build/build.h"

static const char makefile[] =
	"note = echo \"$@ ARCH=$(ARCH) CC=$(CC) LLVM=$(LLVM)\" >>$(O)/calls\n"
	"allnoconfig:\n\t@$(note); cat $(KCONFIG_ALLCONFIG) >$(O)/.config\n"
	"defconfig:\n\t@$(note); echo CONFIG_FROM_DEFCONFIG=y >$(O)/.config\n"
	"olddefconfig:\n\t@$(note); echo '# olddefconfig was here' >>$(O)/.config\n";

struct made {
	char *src, *objects, *config;
	struct kc_config_request r;
	struct kc_toolchain toolchain;
};

static void made_done(struct made *m)
{
	free(m->src);
	free(m->objects);
	free(m->config);
	kc_config_request_done(&m->r);
	kt_strv_done(&m->toolchain.make_args);
}
static inline void kt_cleanup_made(struct made *m)
{
	made_done(m);
}

static int configure(void **state, const char *text, const char *base, struct made *m,
		     struct kt_err *e)
{
	m->src = kt_fmt("%s/src", (char *)*state);
	m->objects = kt_fmt("%s/objects", (char *)*state);
	tree_put(m->src, "Makefile", text);
	m->r.base = strdup(base);
	m->r.merged = strdup("CONFIG_WANTED=y\n");
	assert_int_equal(kt_strv_add(&m->toolchain.make_args, "CC=our cc"), 0);
	return kc_configure(&m->toolchain, m->src, m->objects, &m->r, &m->config, e);
}

static void assert_file(const char *dir, const char *name, const char *expected)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);
	kt_auto(buf) struct kt_buf b = { 0 };

	assert_int_equal(kt_file_read(path, 1 << 20, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), expected);
}

static void allnoconfig_gets_the_wants_as_its_fragment(void **state)
{
	kt_auto(made) struct made m = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(configure(state, makefile, "allnoconfig", &m, &e), 0);
	assert_string_equal(m.config, "\nCONFIG_WANTED=y\n");
	assert_file(m.objects, ".config", m.config);
	assert_file(m.objects, "calls", "allnoconfig ARCH=x86_64 CC=our cc LLVM=\n");
	assert_int_equal(unit_nr_entries(m.objects), 2); /* and no fragment is left */
	assert_int_equal(unit_nr_entries(m.src), 1);
}

static void wants_come_after_what_they_override(void **state)
{
	kt_auto(made) struct made m = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(configure(state, makefile, "defconfig", &m, &e), 0);
	assert_string_equal(
		m.config, "CONFIG_FROM_DEFCONFIG=y\n\nCONFIG_WANTED=y\n# olddefconfig was here\n");
	assert_file(
		m.objects, "calls",
		"defconfig ARCH=x86_64 CC=our cc LLVM=\nolddefconfig ARCH=x86_64 CC=our cc LLVM=\n");
}

static void a_file_as_base_is_copied_first(void **state)
{
	kt_auto(made) struct made m = { 0 };
	struct kt_err e = { 0 };

	m.r.base_text = strdup("CONFIG_OF_FILE=y"); /* without a newline at its end */
	assert_int_equal(configure(state, makefile, "some.config", &m, &e), 0);
	assert_string_equal(m.config,
			    "CONFIG_OF_FILE=y\nCONFIG_WANTED=y\n# olddefconfig was here\n");
}

static void the_trees_own_configuration_is_the_base_when_asked(void **state)
{
	kt_auto(made) struct made m = { 0 };
	kt_auto(made) struct made none = { 0 };
	kt_auto(mem) char *says = kt_fmt(
		"base 'tree': the source tree has no .config ('%s/src/.config')", (char *)*state);
	struct kt_err e = { 0 };

	assert_int_equal(configure(state, makefile, "tree", &none, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), says);
	tree_put(none.src, ".config", "CONFIG_OF_TREE=y\n");
	assert_int_equal(configure(state, makefile, "tree", &m, &e), 0);
	assert_string_equal(m.config,
			    "CONFIG_OF_TREE=y\n\nCONFIG_WANTED=y\n# olddefconfig was here\n");
}

static void our_environment_changes_nothing(void **state)
{
	static const char *const names[] = { "MAKEFLAGS",         "ARCH", "LLVM",
					     "KCONFIG_ALLCONFIG", "O",    "CC" };
	kt_auto(made) struct made m = { 0 };
	struct kt_err e = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(setenv(names[i], i == 0 ? "n" : "/nowhere", 1), 0);
	assert_int_equal(configure(state, makefile, "allnoconfig", &m, &e), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unsetenv(names[i]);
	assert_file(m.objects, "calls", "allnoconfig ARCH=x86_64 CC=our cc LLVM=\n");
}

/* In a hook of git's it names the project's repository, not the kernel's. */
static void a_hook_of_gits_is_no_matter(void **state)
{
	kt_auto(made) struct made m = { 0 };
	struct kt_err e = { 0 };
	int r;

	assert_int_equal(setenv("GIT_DIR", "/mine", 1), 0);
	r = configure(state, "allnoconfig:\n\t@echo 'CONFIG_IN=\"$(GIT_DIR)\"' >$(O)/.config\n",
		      "allnoconfig", &m, &e);
	(void)unsetenv("GIT_DIR");
	assert_int_equal(r, 0);
	assert_string_equal(m.config, "CONFIG_IN=\"\"\n");
}

static void the_first_error_is_shown_with_what_is_around_it(void **state)
{
	static const char text[] =
		"allnoconfig:\n\t@echo 'x.c:1: warning: error: only a warning' >&2\n"
		"\t@echo 'working' >&2\n\t@echo 'Kconfig:7: syntax error' >&2\n"
		"\t@echo 'error: later' >&2; exit 3\n";
	kt_auto(made) struct made m = { 0 };
	kt_auto(mem) char *says = kt_fmt(
		"make allnoconfig for the kernel in '%s/src' exited with status 2; the first error:"
		"\n    x.c:1: warning: error: only a warning"
		"\n    working"
		"\n    Kconfig:7: syntax error"
		"\n    error: later"
		"\n    make: *** [Makefile:5: allnoconfig] Error 3",
		(char *)*state);
	struct kt_err e = { 0 };

	assert_int_equal(configure(state, text, "allnoconfig", &m, &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_BUILD);
	assert_string_equal(unit_err_text(&e), says);
	assert_null(m.config);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, unit_tmp_setup, unit_tmp_teardown)
	const struct CMUnitTest tests[] = {
		T(allnoconfig_gets_the_wants_as_its_fragment),
		T(wants_come_after_what_they_override),
		T(a_file_as_base_is_copied_first),
		T(the_trees_own_configuration_is_the_base_when_asked),
		T(our_environment_changes_nothing),
		T(a_hook_of_gits_is_no_matter),
		T(the_first_error_is_shown_with_what_is_around_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

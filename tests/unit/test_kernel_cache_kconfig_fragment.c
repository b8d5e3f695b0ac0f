/* SPDX-License-Identifier: GPL-2.0-only */
/* Fragments of a configuration, and the request that they are merged into. */
#include "tests/unit/kconfig_tree.h"

#include <errno.h>

static int parse(const char *text, bool by_user, struct kc_wants *w, struct kt_err *e)
{
	return kc_wants_parse(text, "extra.kconfig", by_user, w, e);
}

static const struct kc_want *find(const struct kc_wants *w, const char *name)
{
	for (size_t i = 0; i < w->list.nr; i++) {
		if (strcmp(w->list.v[i].name, name) == 0)
			return &w->list.v[i];
	}
	fail_msg("nobody wants %s", name);
	return NULL;
}

/* --- lines ---------------------------------------------------------------------------------------------- */
static void lines_of_every_form_are_read(void **state)
{
	static const char text[] = "# a comment, then CONFIG_X=y in one\n"
				   "#CONFIG_NOT_ASKED=y\n"
				   "\n"
				   "CONFIG_A=y\n"
				   "  CONFIG_B=m   # because\r\n"
				   "# CONFIG_C is not set\n"
				   "CONFIG_D=n\n"
				   "CONFIG_E=-12\n"
				   "CONFIG_F=0x1F\n"
				   "CONFIG_G=\"a \\\" # b\" # c\n"
				   "CONFIG_H=\"\"";
	static const char *const expected[][3] = {
		{ "A", "y", "extra.kconfig:4" },
		{ "B", "m", "extra.kconfig:5" },
		{ "C", "n", "extra.kconfig:6" },
		{ "D", "n", "extra.kconfig:7" },
		{ "E", "-12", "extra.kconfig:8" },
		{ "F", "0x1F", "extra.kconfig:9" },
		{ "G", "\"a \\\" # b\"", "extra.kconfig:10" },
		{ "H", "\"\"", "extra.kconfig:11" },
	};
	kt_auto(kc_wants) struct kc_wants w = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(parse(text, true, &w, &e), 0);
	assert_int_equal(w.list.nr, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < w.list.nr; i++) {
		assert_string_equal(w.list.v[i].name, expected[i][0]);
		assert_string_equal(w.list.v[i].value, expected[i][1]);
		assert_string_equal(w.list.v[i].from, expected[i][2]);
		assert_true(w.list.v[i].by_user);
		assert_false(w.list.v[i].critical);
	}
}

static void a_line_that_is_wrong_is_named_with_what_is_right(void **state)
{
	static const char *const rows[][2] = {
		{ "CONFIG_A=yes",
		  "'CONFIG_A=yes': a value is y, n, m, a number or \"text\" in double quotes" },
		{ "CONFIG_A=\"x",
		  "'CONFIG_A=\"x': a value is y, n, m, a number or \"text\" in double quotes" },
		{ "CONFIG_A=\"x\" y",
		  "'CONFIG_A=\"x\" y': a value is y, n, m, a number or \"text\" in double quotes" },
		{ "CONFIG_A=0x",
		  "'CONFIG_A=0x': a value is y, n, m, a number or \"text\" in double quotes" },
		{ "CONFIG_A=-",
		  "'CONFIG_A=-': a value is y, n, m, a number or \"text\" in double quotes" },
		{ "CONFIG_A=", "'CONFIG_A=': there is no value; to switch an option off say =n" },
		{ "CONFIG_A",
		  "'CONFIG_A': a line is CONFIG_NAME=value or # CONFIG_NAME is not set" },
		{ "CONFIG_=y",
		  "'CONFIG_=y': a line is CONFIG_NAME=value or # CONFIG_NAME is not set" },
		{ "CONFIG_A B=y",
		  "'CONFIG_A B=y': a line is CONFIG_NAME=value or # CONFIG_NAME is not set" },
		{ "SMP=y", "'SMP=y': did you mean CONFIG_SMP=y?" },
		{ "\x1b[2J",
		  "'\\x1b[2J': a line is CONFIG_NAME=value or # CONFIG_NAME is not set" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(mem) char *text = kt_fmt("CONFIG_OK=y\n%s\n", rows[i][0]);
		kt_auto(mem) char *says = kt_fmt("extra.kconfig:2: %s", rows[i][1]);
		kt_auto(kc_wants) struct kc_wants w = { 0 };
		struct kt_err e = { 0 };

		assert_int_equal(parse(text, true, &w, &e), -EINVAL);
		assert_int_equal(e.kind, KT_E_CONFIG);
		assert_string_equal(unit_err_text(&e), says);
	}
}

/* Among the members of a choice the kernel takes the last one that is y, so a later mention is also later in the list. */
static void a_later_mention_wins_and_comes_last(void **state)
{
	kt_auto(kc_wants) struct kc_wants w = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(parse("CONFIG_A=y # critical\nCONFIG_B=y # critical\nCONFIG_C=y\n", false,
			       &w, &e),
			 0);
	assert_true(find(&w, "A")->critical);
	assert_int_equal(kc_wants_parse("CONFIG_A=n\nCONFIG_B=y\nCONFIG_A=256\n", "--kconfig", true,
					&w, &e),
			 0);
	assert_int_equal(w.list.nr, 3);
	assert_string_equal(w.list.v[0].name, "C");
	assert_string_equal(w.list.v[1].name, "B");
	assert_string_equal(w.list.v[2].name, "A");
	assert_string_equal(w.list.v[2].value, "256");
	assert_string_equal(w.list.v[2].from, "--kconfig");
	/* Who overrides a critical option knows better; who says it again does not. */
	assert_false(find(&w, "A")->critical);
	assert_true(find(&w, "B")->critical);
	assert_true(find(&w, "B")->by_user);
	assert_false(find(&w, "C")->by_user);
}

static void only_the_built_in_can_be_critical(void **state)
{
	kt_auto(kc_wants) struct kc_wants w = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(parse("CONFIG_A=y # critical\n", true, &w, &e), 0);
	assert_false(w.list.v[0].critical);
}

/* --- requests ----------------------------------------------------------------------------------------------- */
static void make_request(const struct kc_build_opts *o, const char *dir,
			 struct kc_config_request *ret)
{
	struct kt_err e = { 0 };

	if (kc_config_request_make(o, dir, ret, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static bool same_hash(const struct kc_build_opts *a, const struct kc_build_opts *b, const char *dir)
{
	kt_auto(kc_config_request) struct kc_config_request x = { 0 };
	kt_auto(kc_config_request) struct kc_config_request y = { 0 };

	make_request(a, dir, &x);
	make_request(b, dir, &y);
	return strcmp(x.hash, y.hash) == 0;
}

static void both_flavours_have_what_nothing_works_without(void **state)
{
	static const char *const critical[] = { "SCHED_CLASS_EXT", "BPF_SYSCALL",
						"DEBUG_INFO_BTF",  "SMP",
						"DEVMEM",          "CGROUPS",
						"SECCOMP_FILTER" };
	char hash[KT_SHA256_HEX];

	(void)state;
	for (int f = KC_FLAVOUR_MINIMAL; f <= KC_FLAVOUR_FULL; f++) {
		kt_auto(kc_config_request) struct kc_config_request r = { 0 };

		make_request(&(struct kc_build_opts){ .flavour = (enum kc_flavour)f }, NULL, &r);
		assert_string_equal(r.base, f == KC_FLAVOUR_MINIMAL ? "allnoconfig" : "defconfig");
		assert_null(r.base_text);
		for (size_t i = 0; i < sizeof(critical) / sizeof(critical[0]); i++) {
			assert_string_equal(find(&r.wants, critical[i])->value, "y");
			assert_true(find(&r.wants, critical[i])->critical);
		}
		assert_non_null(strstr(r.merged, "CONFIG_SCHED_CLASS_EXT=y\n"));
		assert_non_null(strstr(r.merged, "# CONFIG_RANDOMIZE_BASE is not set\n"));
		assert_null(strstr(r.merged, "critical"));
		kc_config_builtin_hash(f == KC_FLAVOUR_MINIMAL ? "minimal" : "full", hash);
		assert_string_equal(hash, r.builtin_hash);
	}
	kc_config_builtin_hash("one of another version", hash);
	assert_string_equal(hash, "");
}

static void files_and_lines_are_taken_in_their_order(void **state)
{
	const char *const kconfig[] = { "ci/a.kconfig", "CONFIG_KASAN=y",
					"# CONFIG_MEMCG is not set", "ci/b.kconfig" };
	kt_auto(kc_config_request) struct kc_config_request r = { 0 };

	tree_put(*state, "ci/a.kconfig", "CONFIG_KASAN=n\nCONFIG_HZ_250=y\n");
	tree_put(*state, "ci/b.kconfig", "\nCONFIG_NR_CPUS=64\n");
	make_request(&(struct kc_build_opts){ .kconfig = kconfig, .nr_kconfig = 4 }, *state, &r);
	assert_string_equal(find(&r.wants, "KASAN")->value, "y");
	assert_string_equal(find(&r.wants, "KASAN")->from, "--kconfig");
	assert_string_equal(find(&r.wants, "MEMCG")->value, "n");
	assert_string_equal(find(&r.wants, "HZ_250")->from, "ci/a.kconfig:2");
	assert_string_equal(find(&r.wants, "NR_CPUS")->value, "64");
	assert_string_equal(find(&r.wants, "NR_CPUS")->from, "ci/b.kconfig:2");
	/* Ours first, so that the user's member of the choice is the last. */
	assert_true(strstr(r.merged, "CONFIG_HZ_1000=y\n") < strstr(r.merged, "CONFIG_HZ_250=y\n"));
}

static void the_hash_is_of_what_can_change_the_result(void **state)
{
	const char *const line[] = { "CONFIG_KASAN=y" }, *const spaced[] = {
		"CONFIG_KASAN=y  # why"
	};
	const char *const file[] = { "k.kconfig" }, *const off[] = { "CONFIG_KASAN=n" };
	const struct kc_build_opts plain = { 0 }, full = { .flavour = KC_FLAVOUR_FULL };
	const struct kc_build_opts by_line = { .kconfig = line, .nr_kconfig = 1 };
	const struct kc_build_opts by_file = { .kconfig = file, .nr_kconfig = 1 };
	const struct kc_build_opts commented = { .kconfig = spaced, .nr_kconfig = 1 };
	const struct kc_build_opts negative = { .kconfig = off, .nr_kconfig = 1 };
	const struct kc_build_opts base_a = { .base = "a.config" }, base_b = { .base = "b.config" };
	const struct kc_build_opts base_c = { .base = "c.config" }, tree = { .base = "tree" };
	const struct kc_build_opts said = { .base = "allnoconfig", .jobs = 3, .keep_debug = true };

	tree_put(*state, "k.kconfig", "# words\nCONFIG_KASAN=y\n");
	tree_put(*state, "a.config", "CONFIG_SMP=y\n");
	tree_put(*state, "b.config", "CONFIG_SMP=y\n");
	tree_put(*state, "c.config", "CONFIG_SMP=n\n");
	assert_true(same_hash(&plain, &said, *state));
	assert_true(same_hash(&by_line, &by_file, *state));
	assert_true(same_hash(&by_line, &commented, *state));
	assert_true(same_hash(&base_a, &base_b, *state));
	assert_false(same_hash(&base_a, &base_c, *state));
	assert_false(same_hash(&base_a, &plain, *state));
	assert_false(same_hash(&tree, &plain, *state));
	assert_false(same_hash(&plain, &full, *state));
	assert_false(same_hash(&plain, &by_line, *state));
	assert_false(same_hash(&negative, &by_line, *state));
}

static void files_that_cannot_be_read_are_the_projects_mistake(void **state)
{
	const char *const missing[] = { "none.kconfig" }, *const folder[] = { "folder" };
	const char *const binary[] = { "binary" };
	const struct {
		struct kc_build_opts o;
		const char *says;
	} rows[] = {
		{ { .kconfig = missing, .nr_kconfig = 1 },
		  "configuration fragment 'none.kconfig': No such file or directory" },
		{ { .kconfig = folder, .nr_kconfig = 1 },
		  "configuration fragment 'folder': Is a directory" },
		{ { .kconfig = binary, .nr_kconfig = 1 },
		  "configuration fragment 'binary' is not text" },
		{ { .base = "none.config" },
		  "base configuration 'none.config': No such file or directory" },
	};

	tree_put(*state, "folder/x", "");
	{
		kt_auto(mem) char *path = kt_fmt("%s/binary", (char *)*state);

		assert_int_equal(kt_file_write_atomic(path, "a\0b", 3, 0644, NULL), 0);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(kc_config_request) struct kc_config_request r = { 0 };
		struct kt_err e = { 0 };

		assert_true(kc_config_request_make(&rows[i].o, *state, &r, &e) < 0);
		assert_int_equal(e.kind, KT_E_CONFIG);
		assert_string_equal(unit_err_text(&e), rows[i].says);
	}
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, unit_tmp_setup, unit_tmp_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_every_form_are_read),
		cmocka_unit_test(a_line_that_is_wrong_is_named_with_what_is_right),
		cmocka_unit_test(a_later_mention_wins_and_comes_last),
		cmocka_unit_test(only_the_built_in_can_be_critical),
		cmocka_unit_test(both_flavours_have_what_nothing_works_without),
		T(files_and_lines_are_taken_in_their_order),
		T(the_hash_is_of_what_can_change_the_result),
		T(files_that_cannot_be_read_are_the_projects_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Growable strings, string lists, vectors, nearest names. */
#include "base/str.h"

#include <errno.h>

#include "base/proc.h"
#include "tests/unit/unit.h"

static void an_empty_buffer_reads_as_empty_text(void **state)
{
	struct kt_buf b = { 0 };

	(void)state;
	assert_string_equal(kt_buf_str(&b), "");
	kt_buf_reset(&b);
	kt_buf_done(&b);
	assert_null(b.data);
}

static void a_buffer_grows_and_stays_terminated(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		kt_buf_addc(&b, (char)('a' + i % 26));
		assert_int_equal(b.data[b.len], '\0');
	}
	assert_int_equal(b.len, 1000);
	assert_memory_equal(b.data + 26, "abcdefghijklmnopqrstuvwxyz", 26);
	kt_buf_reset(&b);
	assert_string_equal(kt_buf_str(&b), "");
}

static void bytes_with_nul_are_kept(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_buf_add(&b, "a\0b", 3);
	kt_buf_add(&b, NULL, 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
}

static void formatting_fits_at_every_fill_level(void **state)
{
	char expected[200];

	(void)state;
	for (size_t filled = 0; filled < 130; filled++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		memset(expected, '.', filled);
		for (size_t i = 0; i < filled; i++)
			kt_buf_addc(&b, '.');
		kt_buf_addf(&b, "%s-%d", "text", 12345);
		snprintf(expected + filled, sizeof(expected) - filled, "text-12345");
		assert_string_equal(kt_buf_str(&b), expected);
		assert_int_equal(b.len, filled + 10);
	}
}

static void out_of_memory_sticks_and_keeps_what_was_there(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_buf_adds(&b, "kept");
	kt_buf_add(&b, "x", SIZE_MAX - 2);
	assert_false(kt_buf_ok(&b));
	kt_buf_adds(&b, "more");
	kt_buf_addf(&b, "%d", 1);
	assert_string_equal(kt_buf_str(&b), "kept");
	assert_null(kt_buf_take(&b));
	assert_true(kt_buf_ok(&b));
	assert_null(b.data);
}

static void taking_hands_the_text_over(void **state)
{
	struct kt_buf b = { 0 };
	kt_auto(mem) char *text = NULL;
	kt_auto(mem) char *empty = NULL;

	(void)state;
	kt_buf_adds(&b, "mine");
	text = kt_buf_take(&b);
	assert_string_equal(text, "mine");
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	empty = kt_buf_take(&b);
	assert_string_equal(empty, "");
}

static void shell_words_are_quoted_only_when_needed(void **state)
{
	static const struct {
		const char *word, *quoted;
	} rows[] = {
		{ "plain", "plain" },
		{ "a/b.c-d_e@f%g+h=i:j,k", "a/b.c-d_e@f%g+h=i:j,k" },
		{ "", "''" },
		{ "two words", "'two words'" },
		{ "it's", "'it'\\''s'" },
		{ "$HOME", "'$HOME'" },
		{ "~", "'~'" },
		{ "a\nb", "'a\nb'" },
		{ "*", "'*'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		kt_buf_add_shell(&b, rows[i].word);
		assert_string_equal(kt_buf_str(&b), rows[i].quoted);
	}
}

static void a_real_shell_reads_quoted_words_back(void **state)
{
	char all[256];
	kt_auto(buf) struct kt_buf script = { 0 };
	kt_auto(buf) struct kt_buf out = { 0 };
	struct kt_proc_end end;

	(void)state;
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	kt_buf_adds(&script, "printf %s ");
	kt_buf_add_shell(&script, all);
	const char *const argv[] = { "sh", "-c", kt_buf_str(&script), NULL };
	const struct kt_proc_opts o = { .argv = argv };

	assert_int_equal(kt_proc_run(&o, 10000, 4096, &out, NULL, &end, NULL), 0);
	assert_int_equal(end.code, 0);
	assert_string_equal(kt_buf_str(&out), all);
}

static void untrusted_bytes_cannot_drive_the_terminal(void **state)
{
	static const char raw[] =
		"a\tb\nc\x1b[31m\x7f\r\0z \xc3\xa9 \xc2\x9b \xff \xe2\x82\xac \xe2\x82";
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_buf_add_printable(&b, raw, sizeof(raw) - 1);
	assert_string_equal(kt_buf_str(&b),
			    "a\tb\nc\\x1b[31m\\x7f\\x0d\\x00z \xc3\xa9 \\xc2\\x9b \\xff "
			    "\xe2\x82\xac \\xe2\\x82");
}

static void a_list_serves_as_argv(void **state)
{
	kt_auto(strv) struct kt_strv v = { 0 };
	char word[8];

	(void)state;
	assert_null(v.v);
	for (int i = 0; i < 20; i++) {
		snprintf(word, sizeof(word), "w%d", i);
		assert_int_equal(i % 2 ? kt_strv_add(&v, word) : kt_strv_addf(&v, "w%d", i), 0);
		assert_null(v.v[v.nr]);
	}
	assert_int_equal(v.nr, 20);
	assert_string_equal(v.v[0], "w0");
	assert_string_equal(v.v[19], "w19");
}

static void formatted_memory_and_fixed_buffers(void **state)
{
	kt_auto(mem) char *s = kt_fmt("%s-%d", "a", 7);
	char small[4];

	(void)state;
	assert_string_equal(s, "a-7");
	assert_int_equal(kt_snprintf(small, sizeof(small), "%s", "abc"), 0);
	assert_string_equal(small, "abc");
	assert_int_equal(kt_snprintf(small, sizeof(small), "%s", "abcd"), -ENAMETOOLONG);
	assert_string_equal(small, "abc");
}

static void prefixes_and_suffixes(void **state)
{
	(void)state;
	assert_true(kt_starts_with("abc", "ab"));
	assert_true(kt_starts_with("abc", ""));
	assert_false(kt_starts_with("ab", "abc"));
	assert_true(kt_ends_with("abc", "bc"));
	assert_true(kt_ends_with("abc", ""));
	assert_false(kt_ends_with("bc", "abc"));
	assert_true(kt_streq("a", "a"));
	assert_false(kt_streq("a", "b"));
}

static void the_nearest_name_is_a_likely_typo(void **state)
{
	static const char *const names[] = { "topology", "scheduler", "duration", "ops",
					     "watchdog" };
	char long_word[200];

	(void)state;
#define NEAREST(w) kt_nearest(w, names, 5)
	assert_string_equal(NEAREST("toplogy"), "topology");
	assert_string_equal(NEAREST("topoolgy"), "topology"); /* one swap */
	assert_string_equal(NEAREST("schedular"), "scheduler");
	assert_string_equal(NEAREST("durations"), "duration");
	assert_string_equal(NEAREST("pos"), "ops");
	assert_string_equal(NEAREST("ops"), "ops");
	assert_null(NEAREST("op")); /* one of two letters is more than a third */
	assert_null(NEAREST("cgroups"));
	assert_null(NEAREST(""));
	memset(long_word, 'x', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	assert_null(NEAREST(long_word));
	assert_null(kt_nearest("ops", names, 0));
#undef NEAREST
}

static void the_nearer_of_two_wins_and_a_tie_goes_to_the_first(void **state)
{
	static const char *const names[] = { "smt-2llc", "smt-3llc", "smt-4ll" };

	(void)state;
	assert_string_equal(kt_nearest("smt-5llc", names, 3), "smt-2llc");
	assert_string_equal(kt_nearest("smt-3lc", names, 3), "smt-3llc");
}

static void a_vector_grows_and_refuses_the_impossible(void **state)
{
	KT_VEC(uint64_t) v = { 0 };
	size_t cap = 0;
	void *none = NULL;

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(KT_VEC_PUSH(&v, i * i), 0);
	assert_int_equal(v.nr, 100);
	assert_int_equal(v.v[99], 99 * 99);
	free(v.v);
	assert_int_equal(kt_vec_reserve(&none, &cap, SIZE_MAX, 1), -ENOMEM);
	assert_int_equal(kt_vec_reserve(&none, &cap, SIZE_MAX / 4, 8), -ENOMEM);
	assert_null(none);
	assert_int_equal(cap, 0);
}

static void strings_sort_by_their_bytes(void **state)
{
	const char *v[] = { "b", "", "a\xc3", "B", "a" };
	static const char *const sorted[] = { "", "B", "a", "a\xc3", "b" };

	(void)state;
	qsort(v, 5, sizeof(v[0]), kt_compare_strings);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(v[i], sorted[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_reads_as_empty_text),
		cmocka_unit_test(a_buffer_grows_and_stays_terminated),
		cmocka_unit_test(bytes_with_nul_are_kept),
		cmocka_unit_test(formatting_fits_at_every_fill_level),
		cmocka_unit_test(out_of_memory_sticks_and_keeps_what_was_there),
		cmocka_unit_test(taking_hands_the_text_over),
		cmocka_unit_test(shell_words_are_quoted_only_when_needed),
		cmocka_unit_test(a_real_shell_reads_quoted_words_back),
		cmocka_unit_test(untrusted_bytes_cannot_drive_the_terminal),
		cmocka_unit_test(a_list_serves_as_argv),
		cmocka_unit_test(formatted_memory_and_fixed_buffers),
		cmocka_unit_test(prefixes_and_suffixes),
		cmocka_unit_test(strings_sort_by_their_bytes),
		cmocka_unit_test(the_nearest_name_is_a_likely_typo),
		cmocka_unit_test(the_nearer_of_two_wins_and_a_tie_goes_to_the_first),
		cmocka_unit_test(a_vector_grows_and_refuses_the_impossible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

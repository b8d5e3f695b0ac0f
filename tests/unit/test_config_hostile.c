/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that nobody would write by mistake: bounded work, and an error with its place. */
#include "config/internal.h"

#include <errno.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void says(const char *text, size_t len, const char *first_line)
{
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };
	char got[KT_ERR_TEXT_BYTES];
	const char *s;

	assert_int_equal(cfg_load_text("k", text, len, &p, &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_false(e.truncated);
	s = unit_err_text(&e);
	(void)kt_snprintf(got, sizeof(got), "%.*s", (int)strcspn(s, "\n"), s);
	assert_string_equal(got, first_line);
}

#define SAYS(text, first_line) says((text), sizeof(text) - 1, (first_line))

static void repeat(struct kt_buf *b, const char *s, size_t n)
{
	while (n--)
		kt_buf_adds(b, s);
}

static void bytes_that_are_no_text(void **state)
{
	(void)state;
	SAYS("a = 1\nb\0 = 2\n", "k:2:2: a NUL byte: this is not a text file");
	SAYS("\0", "k:1:1: a NUL byte: this is not a text file");
	SAYS("\xff\xfe[\0v\0m\0]\0", "k:1:1: byte 0xff is not UTF-8 text");
	SAYS("a = \"\xc3\xa4\xc3\"\n", "k:1:7: byte 0xc3 is not UTF-8 text");
	SAYS("a = \"\xc0\xaf\"\n", "k:1:6: byte 0xc0 is not UTF-8 text");
	SAYS("a = \"\xed\xa0\x80\"\n", "k:1:6: byte 0xed is not UTF-8 text");
	SAYS("a = \"\xf4\x90\x80\x80\"\n", "k:1:6: byte 0xf4 is not UTF-8 text");
	SAYS("a = \"\xe0\x80\x80\"\n", "k:1:6: byte 0xe0 is not UTF-8 text");
	SAYS("# \xf0\x9f\x98", "k:1:3: byte 0xf0 is not UTF-8 text");
}

static void a_long_line_that_is_no_text(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	kt_buf_adds(&b, "[vm]\n");
	repeat(&b, "\x98", 1000);
	says(b.data, b.len, "k:2:1: byte 0x98 is not UTF-8 text");
}

static void an_escaped_nul_is_refused_where_it_stands(void **state)
{
	(void)state;
	SAYS("[[test]]\nname = \"x\\u0000y\"\n",
	     "k:2:8: a string cannot hold a NUL character here");
	SAYS("[vm]\n\"a\\u0000b\" = 1\n", "k:2:1: a key cannot hold a NUL character");
}

static void deep_nesting_is_refused_before_anything_recurses(void **state)
{
	kt_auto(buf) struct kt_buf arrays = { 0 };
	kt_auto(buf) struct kt_buf tables = { 0 };
	kt_auto(buf) struct kt_buf dots = { 0 };
	kt_auto(buf) struct kt_buf header = { 0 };

	(void)state;
	kt_buf_adds(&arrays, "a = ");
	repeat(&arrays, "[", 200000);
	says(arrays.data, arrays.len, "k:1:37: nested more than 32 deep");
	kt_buf_adds(&tables, "a = ");
	repeat(&tables, "{a=", 100000);
	says(tables.data, tables.len, "k:1:101: nested more than 32 deep");
	repeat(&dots, "a.", 400000);
	kt_buf_adds(&dots, "a = 1");
	says(dots.data, dots.len, "k:1:66: a key of more than 32 parts");
	kt_buf_adds(&header, "# [[[[ . . .\n[");
	repeat(&header, "'a.b' . \"c\\\".\".", 50000);
	says(header.data, header.len, "k:2:248: a key of more than 32 parts");
}

static void text_that_only_looks_nested_is_fine(void **state)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	struct kt_err e = { 0 };

	(void)state;
	repeat(&b, "#[[[[{{{{.....\n", 50);
	kt_buf_adds(&b, "[scheduler.s]\nbinary = \"");
	repeat(&b, "[{.", 100);
	kt_buf_adds(&b, "\\\"[[\"\nbuild = '''\n");
	repeat(&b, "[{.'", 100);
	kt_buf_adds(&b, "''''\nargs = [\"\"\"");
	repeat(&b, "\"\"[[..\\\"", 100);
	kt_buf_adds(&b, "\"\"\"\"\"]\n");
	if (cfg_load_text("k", b.data, b.len, &p, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_int_equal(p->nr_schedulers, 1);
	assert_int_equal(strlen(p->schedulers[0].build), 401);
}

/* toml++ leaves it undefined whether these characters are white space. */
static void letters_after_a_continued_line_are_kept(void **state)
{
	static const char text[] =
		"[scheduler.s]\nbinary = \"\"\"a\\\n \xc3\xa4\xef\xb9\xbf b\"\"\"\n";
	kt_auto(cfg_project) struct cfg_project *p = NULL;

	(void)state;
	assert_int_equal(cfg_load_text("k", text, sizeof(text) - 1, &p, NULL), 0);
	assert_string_equal(p->schedulers[0].binary, "a\xc3\xa4\xef\xb9\xbf b");
}

static void unclosed_things_name_their_place(void **state)
{
	(void)state;
	SAYS("[vm\naccel = 1\n", "k:1:4: table header: expected ']', saw '\\n'");
	SAYS("[vm]\naccel = ", "k:2:9: key-value pair: encountered end-of-file");
	SAYS("[vm]\naccel", "k:2:6: key-value pair: encountered end-of-file");
}

static void a_file_of_more_than_a_mebibyte_is_refused(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/big.toml", (const char *)*state);
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(mem) char *want = kt_fmt("%s:1:1: the file has more than 1048576 bytes", path);
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };

	repeat(&b, "#", CFG_FILE_MAX);
	assert_int_equal(kt_file_write_atomic(path, b.data, b.len, 0644, NULL), 0);
	assert_int_equal(cfg_load(path, &p, NULL), 0);
	cfg_project_free(p);
	p = NULL;
	kt_buf_addc(&b, '#');
	says(b.data, b.len, "k:1:1: the file has more than 1048576 bytes");
	assert_int_equal(kt_file_write_atomic(path, b.data, b.len, 0644, NULL), 0);
	assert_true(cfg_load(path, &p, &e) < 0);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_string_equal(unit_err_text(&e), want);
}

static void what_is_no_file_is_said_so(void **state)
{
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(cfg_load("/nonexistent/k.toml", &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_string_equal(unit_err_text(&e), "/nonexistent/k.toml: No such file or directory");
	assert_int_equal(cfg_load("/", &p, &e), -EISDIR);
	assert_string_equal(unit_err_text(&e), "/: Is a directory");
}

static void control_bytes_do_not_reach_the_terminal(void **state)
{
	struct cfg_project *p = NULL;
	struct kt_err e = { 0 };
	static const char text[] = "[vm]\naccel = \"\\u001b[31m\"\n\"\\u001bx\" = 1 # \n";

	(void)state;
	assert_int_equal(cfg_load_text("k", text, sizeof(text) - 1, &p, &e), -EINVAL);
	assert_null(strchr(unit_err_text(&e), '\x1b'));
	assert_non_null(strstr(unit_err_text(&e), "no accelerator '\\x1b[31m'"));
	assert_non_null(strstr(unit_err_text(&e), "unknown key '\\x1bx' in [vm]"));
}

static void a_truncation_anywhere_is_an_error_or_a_project(void **state)
{
	size_t len = strlen(cfg_starter_toml);
	unsigned taken = 0, refused = 0;

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		kt_auto(cfg_project) struct cfg_project *p = NULL;
		char *copy = malloc(n + !n);
		struct kt_err e = { 0 };

		assert_non_null(copy);
		memcpy(copy, cfg_starter_toml, n);
		if (cfg_load_text("k", copy, n, &p, &e) == 0) {
			taken++;
		} else {
			refused++;
			assert_int_equal(e.kind, KT_E_CONFIG);
			assert_true(kt_starts_with(unit_err_text(&e), "k:"));
		}
		free(copy);
	}
	assert_true(taken > 100 && refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_that_are_no_text),
		cmocka_unit_test(a_long_line_that_is_no_text),
		cmocka_unit_test(an_escaped_nul_is_refused_where_it_stands),
		cmocka_unit_test(deep_nesting_is_refused_before_anything_recurses),
		cmocka_unit_test(text_that_only_looks_nested_is_fine),
		cmocka_unit_test(letters_after_a_continued_line_are_kept),
		cmocka_unit_test(unclosed_things_name_their_place),
		cmocka_unit_test_setup_teardown(a_file_of_more_than_a_mebibyte_is_refused,
						unit_tmp_setup, unit_tmp_teardown),
		cmocka_unit_test(what_is_no_file_is_said_so),
		cmocka_unit_test(control_bytes_do_not_reach_the_terminal),
		cmocka_unit_test(a_truncation_anywhere_is_an_error_or_a_project),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

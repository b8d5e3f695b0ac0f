/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors: root causes, context chains, and what happens when they are too long. */
#include "base/err.h"

#include <errno.h>

#include "tests/unit/unit.h"

static void a_host_error_ends_in_the_reason(void **state)
{
	struct kt_err e = { 0 };
	int r = kt_fail(&e, KT_E_HOST, ENOENT, "open '%s'", "/x");

	(void)state;
	assert_int_equal(r, -ENOENT);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_int_equal(e.errnum, ENOENT);
	assert_string_equal(e.file, __FILE__);
	assert_int_equal(e.line, __LINE__ - 7);
	assert_string_equal(unit_err_text(&e), "open '/x': No such file or directory");
}

static void other_kinds_carry_only_the_text(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_fail(&e, KT_E_CONFIG, EINVAL, "unknown key '%s'", "a"), -EINVAL);
	assert_string_equal(unit_err_text(&e), "unknown key 'a'");
}

static void a_failure_without_errno_is_negative_all_the_same(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_fail(&e, KT_E_HOST, 0, "no room"), -EINVAL);
	assert_string_equal(unit_err_text(&e), "no room");
}

static void context_comes_first_outermost_leading(void **state)
{
	struct kt_err e = { 0 };
	int r = kt_fail(&e, KT_E_HOST, ENOENT, "open '/x'");

	(void)state;
	r = kt_context(&e, r, "load guest kernel");
	r = kt_context(&e, r, "boot test %s", "VM");
	assert_int_equal(r, -ENOENT);
	assert_int_equal(e.nr_frames, 3);
	assert_string_equal(
		unit_err_text(&e),
		"boot test VM: load guest kernel: open '/x': No such file or directory");
}

static void a_root_cause_may_span_lines(void **state)
{
	struct kt_err e = { 0 };
	int r = kt_fail(&e, KT_E_CONFIG, EINVAL, "k.toml:1:2: bad\n  x = 1\n  ^");

	(void)state;
	kt_context(&e, r, "read project");
	assert_string_equal(unit_err_text(&e), "read project: k.toml:1:2: bad\n  x = 1\n  ^");
}

static void no_error_object_is_fine(void **state)
{
	(void)state;
	assert_int_equal(kt_fail(NULL, KT_E_HOST, EIO, "x"), -EIO);
	assert_int_equal(kt_context(NULL, -EIO, "y"), -EIO);
}

static void context_on_success_adds_nothing(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_context(&e, 3, "y"), 3);
	assert_int_equal(e.nr_frames, 0);
	assert_string_equal(unit_err_text(&e), "");
}

static void context_alone_becomes_the_root_cause(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_context(&e, -EAGAIN, "lock the cache"), -EAGAIN);
	assert_int_equal(e.kind, KT_E_HOST);
	assert_string_equal(unit_err_text(&e), "lock the cache: Resource temporarily unavailable");
}

static void a_new_failure_replaces_the_old_one(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	kt_context(&e, kt_fail(&e, KT_E_HOST, EIO, "first"), "doing");
	kt_fail(&e, KT_E_TOOL, ENOENT, "second");
	assert_int_equal(e.kind, KT_E_TOOL);
	assert_string_equal(unit_err_text(&e), "second");
}

static void overflow_of_frames_is_marked_not_lost(void **state)
{
	struct kt_err e = { 0 };
	int r = kt_fail(&e, KT_E_TOOL, ENOENT, "root");

	(void)state;
	for (int i = 0; i < KT_ERR_FRAMES; i++)
		r = kt_context(&e, r, "c%d", i);
	assert_int_equal(r, -ENOENT);
	assert_true(e.truncated);
	assert_string_equal(unit_err_text(&e), "c6: c5: c4: c3: c2: c1: c0: root [truncated]");
}

static void a_long_root_cause_keeps_its_reason(void **state)
{
	char path[2 * KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };
	const char *text;

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	kt_context(&e, kt_fail(&e, KT_E_HOST, EACCES, "open '%s'", path), "load");
	text = unit_err_text(&e);
	assert_true(kt_starts_with(text, "open 'ppp"));
	assert_true(kt_ends_with(text, "ppp: Permission denied [truncated]"));
	assert_int_equal(e.nr_frames, 1);
	assert_true(e.used <= sizeof(e.text));
}

static void a_context_that_does_not_fit_is_dropped_whole(void **state)
{
	char path[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	kt_context(&e, kt_fail(&e, KT_E_HOST, EACCES, "open"), "read '%s'", path);
	assert_string_equal(unit_err_text(&e), "open: Permission denied [truncated]");
}

static void rendering_is_cut_to_the_buffer(void **state)
{
	struct kt_err e = { 0 };
	char small[8];

	(void)state;
	kt_context(&e, kt_fail(&e, KT_E_TOOL, EIO, "root"), "outer");
	assert_string_equal(kt_err_text(&e, small, sizeof(small)), "outer: ");
	assert_string_equal(kt_err_text(&e, small, 1), "");
	assert_string_equal(kt_err_text(&e, NULL, 0), "");
}

static void an_unknown_errno_still_has_a_reason(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	kt_fail(&e, KT_E_HOST, 99999, "x");
	assert_string_equal(unit_err_text(&e), "x: unknown error number");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_error_ends_in_the_reason),
		cmocka_unit_test(other_kinds_carry_only_the_text),
		cmocka_unit_test(a_failure_without_errno_is_negative_all_the_same),
		cmocka_unit_test(context_comes_first_outermost_leading),
		cmocka_unit_test(a_root_cause_may_span_lines),
		cmocka_unit_test(no_error_object_is_fine),
		cmocka_unit_test(context_on_success_adds_nothing),
		cmocka_unit_test(context_alone_becomes_the_root_cause),
		cmocka_unit_test(a_new_failure_replaces_the_old_one),
		cmocka_unit_test(overflow_of_frames_is_marked_not_lost),
		cmocka_unit_test(a_long_root_cause_keeps_its_reason),
		cmocka_unit_test(a_context_that_does_not_fit_is_dropped_whole),
		cmocka_unit_test(rendering_is_cut_to_the_buffer),
		cmocka_unit_test(an_unknown_errno_still_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Diagnostics: selection by area and level, what a line looks like, the hook. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static struct kt_buf seen;

static void keep_line(void *ctx, enum kt_level level, const char *line)
{
	assert_ptr_equal(ctx, &seen);
	kt_buf_addf(&seen, "%d|%s;", (int)level, line);
}

static int reset(void **state)
{
	(void)state;
	kt_buf_reset(&seen);
	kt_log_set_hook(keep_line, &seen);
	return kt_log_configure("info", NULL);
}

static int free_seen(void **state)
{
	(void)state;
	kt_buf_done(&seen);
	return 0;
}

static void the_default_level_is_info(void **state)
{
	(void)state;
	for (int area = 0; area < KT_AREA_NR; area++) {
		assert_true(kt_log_enabled(area, KT_INFO));
		assert_false(kt_log_enabled(area, KT_DEBUG));
	}
}

static void a_line_names_level_and_area(void **state)
{
	(void)state;
	kt_log(KT_AREA_KERNEL_CACHE, KT_WARN, "cannot lock %s", "x");
	assert_string_equal(kt_buf_str(&seen), "1|ktstr: warn: kernel-cache: cannot lock x;");
}

static int evaluated;

static int evaluate(void)
{
	return ++evaluated;
}

static void a_disabled_call_does_not_evaluate_its_arguments(void **state)
{
	(void)state;
	kt_log(KT_AREA_VMM, KT_DEBUG, "%d", evaluate());
	assert_int_equal(evaluated, 0);
	assert_string_equal(kt_buf_str(&seen), "");
}

static void debug_lines_carry_the_time(void **state)
{
	unsigned long long s, us;
	char rest[32];

	(void)state;
	assert_int_equal(kt_log_configure("vmm=debug", NULL), 0);
	kt_log(KT_AREA_VMM, KT_DEBUG, "ready");
	assert_int_equal(sscanf(kt_buf_str(&seen), "3|ktstr: debug: vmm: [%llu.%6llu] %31s", &s,
				&us, rest),
			 3);
	assert_string_equal(rest, "ready;");
}

static void several_lines_become_several_lines(void **state)
{
	(void)state;
	kt_log(KT_AREA_BASE, KT_ERROR, "one\ntwo\n");
	assert_string_equal(kt_buf_str(&seen),
			    "0|ktstr: error: base: one;0|ktstr: error: base: two;");
}

static void an_empty_message_is_still_a_line(void **state)
{
	(void)state;
	kt_log(KT_AREA_BASE, KT_INFO, "%s", "");
	assert_string_equal(kt_buf_str(&seen), "2|ktstr: info: base: ;");
}

static void control_bytes_are_shown_not_sent(void **state)
{
	(void)state;
	kt_log(KT_AREA_GUEST, KT_INFO, "said '\x1b[2J'");
	assert_string_equal(kt_buf_str(&seen), "2|ktstr: info: guest: said '\\x1b[2J';");
}

static void a_spec_sets_all_then_single_areas(void **state)
{
	(void)state;
	assert_int_equal(kt_log_configure("warn,vmm=trace,kernel-cache=debug", NULL), 0);
	assert_int_equal(kt_log_levels[KT_AREA_DRIVER], KT_WARN);
	assert_int_equal(kt_log_levels[KT_AREA_VMM], KT_TRACE);
	assert_int_equal(kt_log_levels[KT_AREA_KERNEL_CACHE], KT_DEBUG);
}

static void no_spec_keeps_the_levels(void **state)
{
	(void)state;
	assert_int_equal(kt_log_configure("error", NULL), 0);
	assert_int_equal(kt_log_configure(NULL, NULL), 0);
	assert_int_equal(kt_log_configure("", NULL), 0);
	assert_int_equal(kt_log_levels[KT_AREA_BASE], KT_ERROR);
}

static void a_wrong_spec_names_the_nearest_and_changes_nothing(void **state)
{
	static const struct {
		const char *spec, *text;
	} rows[] = {
		{ "inof", "unknown log level 'inof', did you mean 'info'?" },
		{ "error,vmn=trace", "unknown log area 'vmn', did you mean 'vmm'?" },
		{ "vmm=loud", "unknown log level 'loud'" },
		{ "vmm=", "unknown log level ''" },
		{ "=info", "unknown log area ''" },
		{ "info,", "unknown log level ''" },
		{ "elephants=info", "unknown log area 'elephants'" },
	};
	struct kt_err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(kt_log_configure(rows[i].spec, &e), -EINVAL);
		assert_int_equal(e.kind, KT_E_USAGE);
		assert_string_equal(unit_err_text(&e), rows[i].text);
		assert_int_equal(kt_log_levels[KT_AREA_BASE], KT_INFO);
	}
}

static void without_a_hook_lines_go_to_stderr(void **state)
{
	char text[100];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	kt_log_set_hook(NULL, NULL);
	dup2(fds[1], STDERR_FILENO);
	kt_log(KT_AREA_DRIVER, KT_INFO, "hello");
	dup2(saved, STDERR_FILENO);
	n = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	close(fds[1]);
	close(saved);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "ktstr: info: driver: hello\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_level_is_info),
		cmocka_unit_test_setup(a_line_names_level_and_area, reset),
		cmocka_unit_test_setup(a_disabled_call_does_not_evaluate_its_arguments, reset),
		cmocka_unit_test_setup(debug_lines_carry_the_time, reset),
		cmocka_unit_test_setup(several_lines_become_several_lines, reset),
		cmocka_unit_test_setup(an_empty_message_is_still_a_line, reset),
		cmocka_unit_test_setup(control_bytes_are_shown_not_sent, reset),
		cmocka_unit_test_setup(a_spec_sets_all_then_single_areas, reset),
		cmocka_unit_test_setup(no_spec_keeps_the_levels, reset),
		cmocka_unit_test_setup(a_wrong_spec_names_the_nearest_and_changes_nothing, reset),
		cmocka_unit_test_setup(without_a_hook_lines_go_to_stderr, reset),
	};

	return cmocka_run_group_tests(tests, NULL, free_seen);
}

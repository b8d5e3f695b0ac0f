/* SPDX-License-Identifier: GPL-2.0-only */
/* The forms of a kernel source. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel-cache/internal.h"

static void known_forms_are_told_apart_with_their_argument(void **state)
{
	static const struct {
		const char *text;
		enum kc_form form;
		const char *arg;
	} rows[] = {
		{ "debian:sid/cloud", KC_FORM_DEBIAN_CLOUD, "sid" },
		{ "debian:trixie-backports/cloud", KC_FORM_DEBIAN_CLOUD, "trixie-backports" },
		{ "path:../linux", KC_FORM_PATH, "../linux" },
		{ "path:/boot/vmlinuz.tar", KC_FORM_PATH, "/boot/vmlinuz.tar" },
		{ "7.2.12-1~bpo13+1-x86_64-dbc2e502b45d8", KC_FORM_KEY,
		  "7.2.12-1~bpo13+1-x86_64-dbc2e502b45d8" },
		{ "7.2.12-1", KC_FORM_KEY, "7.2.12-1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(kc_spec) struct kc_spec s = { 0 };
		struct kt_err e = { 0 };

		assert_int_equal(kc_spec_parse(rows[i].text, &s, &e), 0);
		assert_int_equal(s.form, rows[i].form);
		assert_string_equal(s.arg, rows[i].arg);
		assert_int_equal(kc_spec_check(rows[i].text, &e), 0);
	}
}

static void forms_of_the_future_are_named_as_not_supported_yet(void **state)
{
	static const char *const rows[][2] = {
		{ "6.12", "kernel source '6.12' (a kernel version) is not supported yet" },
		{ "6.12.40", "kernel source '6.12.40' (a kernel version) is not supported yet" },
		{ "7.3-rc2", "kernel source '7.3-rc2' (a kernel version) is not supported yet" },
		{ "6.12..6.16",
		  "kernel source '6.12..6.16' (a range of kernel versions) is not supported yet" },
		{ "git+file:///x#v6.12",
		  "kernel source 'git+file:///x#v6.12' (git+URL#REF) is not supported yet" },
		{ "http://127.0.0.1/x",
		  "kernel source 'http://127.0.0.1/x' (a tarball) is not supported yet" },
		{ "linux-6.12.tar.xz",
		  "kernel source 'linux-6.12.tar.xz' (a tarball) is not supported yet" },
		{ "debian:bookworm/linux-source-6.12",
		  "kernel source 'debian:bookworm/linux-source-6.12' (debian:SUITE/linux-source-VERSION) is not supported yet" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kt_err e = { 0 };

		assert_int_equal(kc_spec_check(rows[i][0], &e), -EOPNOTSUPP);
		assert_int_equal(e.kind, KT_E_CONFIG);
		assert_string_equal(unit_err_text(&e), rows[i][1]);
	}
}

static void anything_else_is_answered_with_the_known_forms(void **state)
{
	static const char *const rows[] = {
		"",
		"bogus",
		"debian:/cloud",
		"debian:sid",
		"debian:sid/x",
		"debian:a/b/cloud",
		"debian:../cloud",
		"debian:a b/cloud",
		"path:",
		"7.2.12/../x",
		"-6.12",
		"7.2.12 ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kt_err e = { 0 };
		char want[256];

		(void)kt_snprintf(
			want, sizeof(want),
			"unknown kernel source '%s'; known are: debian:SUITE/cloud, path:DIR-or-image, a cache key",
			rows[i]);
		assert_int_equal(kc_spec_check(rows[i], &e), -EINVAL);
		assert_int_equal(e.kind, KT_E_CONFIG);
		assert_string_equal(unit_err_text(&e), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_forms_are_told_apart_with_their_argument),
		cmocka_unit_test(forms_of_the_future_are_named_as_not_supported_yet),
		cmocka_unit_test(anything_else_is_answered_with_the_known_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

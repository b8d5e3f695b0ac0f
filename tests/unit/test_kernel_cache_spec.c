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
		const char *arg, *arg2;
	} rows[] = {
		{ "debian:sid/cloud", KC_FORM_DEBIAN_CLOUD, "sid", NULL },
		{ "debian:trixie-backports/cloud", KC_FORM_DEBIAN_CLOUD, "trixie-backports", NULL },
		{ "path:../linux", KC_FORM_PATH, "../linux", NULL },
		{ "path:/boot/vmlinuz.tar", KC_FORM_PATH, "/boot/vmlinuz.tar", NULL },
		{ "7.2.12-1~bpo13+1-x86_64-dbc2e502b45d8", KC_FORM_KEY,
		  "7.2.12-1~bpo13+1-x86_64-dbc2e502b45d8", NULL },
		{ "7.2.12-1", KC_FORM_KEY, "7.2.12-1", NULL },
		{ "g0123456789ab-x86_64-k0123", KC_FORM_KEY, "g0123456789ab-x86_64-k0123", NULL },
		{ "debian:bookworm-backports/linux-source-6.12", KC_FORM_DEBIAN_SOURCE,
		  "bookworm-backports", "linux-source-6.12" },
		{ "stable", KC_FORM_STABLE, "", NULL },
		{ "6.12", KC_FORM_SERIES, "6.12", NULL },
		{ "6.12.40", KC_FORM_VERSION, "6.12.40", NULL },
		{ "7.3-rc2", KC_FORM_VERSION, "7.3-rc2", NULL },
		{ "6.12..6.16", KC_FORM_RANGE, "6.12", "6.16" },
		{ "6.12.40..6.12.40", KC_FORM_RANGE, "6.12.40", "6.12.40" },
		{ "git+file:///x#v6.12", KC_FORM_GIT, "file:///x", "v6.12" },
		{ "git+ssh://me@x/y", KC_FORM_GIT, "ssh://me@x/y", NULL },
		{ "git+file:///a#b#c", KC_FORM_GIT, "file:///a#b", "c" },
		{ "http://127.0.0.1/x", KC_FORM_TARBALL, "http://127.0.0.1/x", NULL },
		{ "file:///x/linux-6.12.tar.xz", KC_FORM_TARBALL, "file:///x/linux-6.12.tar.xz",
		  NULL },
		{ "linux-6.12.tar.xz", KC_FORM_TARBALL, "linux-6.12.tar.xz", NULL },
		{ "6.12.tar.zst", KC_FORM_TARBALL, "6.12.tar.zst", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(kc_spec) struct kc_spec s = { 0 };
		struct kt_err e = { 0 };

		assert_int_equal(kc_spec_parse(rows[i].text, &s, &e), 0);
		assert_int_equal(s.form, rows[i].form);
		assert_string_equal(s.arg, rows[i].arg);
		if (rows[i].arg2)
			assert_string_equal(s.arg2, rows[i].arg2);
		else
			assert_null(s.arg2);
		assert_int_equal(kc_spec_check(rows[i].text, &e), 0);
	}
}

static void an_empty_range_is_refused(void **state)
{
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kc_spec_check("6.16..6.12", &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_CONFIG);
	assert_string_equal(
		unit_err_text(&e),
		"kernel source '6.16..6.12' is an empty range: did you mean '6.12..6.16'?");
}

static void a_password_in_a_url_is_refused_and_not_repeated(void **state)
{
	static const char *const rows[] = {
		"git+https://me:secret@127.0.0.1/linux.git#v6.12",
		"https://me:secret@127.0.0.1/linux-6.12.tar.xz",
		"git+https://me:se@cret@127.0.0.1/x",
		"git+https://secret-token@127.0.0.1/x",
		"https://secret-token@127.0.0.1/linux-6.12.tar.xz",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kt_err e = { 0 };

		assert_int_equal(kc_spec_check(rows[i], &e), -EINVAL);
		assert_int_equal(e.kind, KT_E_CONFIG);
		assert_null(strstr(unit_err_text(&e), "cret"));
	}
	assert_int_equal(kc_spec_check("git+ssh://me@127.0.0.1:2222/linux#v6.12", NULL), 0);
	assert_int_equal(kc_spec_check("git+https://127.0.0.1/a:b@c#v6.12", NULL), 0);
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
		"git+",
		"git+#v6.12",
		"git+file:///x#",
		".tar.xz",
		"6.12..",
		"..6.12",
		"6.12...6.13",
		"debian:sid/linux-source-",
		"debian:sid/linux-source-../x",
		"gx123456-x86",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kt_err e = { 0 };
		char want[512];

		(void)kt_snprintf(
			want, sizeof(want),
			"unknown kernel source '%s'; known are: stable, a series (6.12), a version (6.12.40, 6.15-rc3), "
			"a range (6.12..6.16), debian:SUITE/cloud, debian:SUITE/linux-source-VERSION, path:DIR-or-image, "
			"git+URL#REF, a tarball's URL or file (.tar.xz, .gz, .zst, .bz2), a cache key",
			rows[i]);
		assert_int_equal(kc_spec_check(rows[i], &e), -EINVAL);
		assert_int_equal(e.kind, KT_E_CONFIG);
		assert_string_equal(unit_err_text(&e), want);
	}
}

static void what_others_take_is_answered_with_ours(void **state)
{
	static const struct {
		const char *text, *ours;
	} rows[] = {
		{ "./linux", "path:./linux" },
		{ "../linux", "path:../linux" },
		{ "/usr/src/linux", "path:/usr/src/linux" },
		{ "v6.12", "6.12" },
		{ "linux-6.12.40", "6.12.40" },
		{ "git@host.example:a/linux.git", "git+ssh://git@host.example/a/linux.git" },
		{ "git://host.example/linux", "git+git://host.example/linux" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kt_err e = { 0 };
		char want[256];

		(void)kt_snprintf(want, sizeof(want),
				  "unknown kernel source '%s': did you mean '%s'?", rows[i].text,
				  rows[i].ours);
		assert_int_equal(kc_spec_check(rows[i].text, &e), -EINVAL);
		assert_string_equal(unit_err_text(&e), want);
		/* What is proposed is no mistake itself. */
		assert_int_equal(kc_spec_check(rows[i].ours, &e), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_forms_are_told_apart_with_their_argument),
		cmocka_unit_test(an_empty_range_is_refused),
		cmocka_unit_test(a_password_in_a_url_is_refused_and_not_repeated),
		cmocka_unit_test(what_others_take_is_answered_with_ours),
		cmocka_unit_test(anything_else_is_answered_with_the_known_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

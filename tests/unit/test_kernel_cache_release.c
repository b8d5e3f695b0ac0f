/* SPDX-License-Identifier: GPL-2.0-only */
/* What a Release file says, and when it is refused. (Signatures: tests/cli, which can sign.) */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel-cache/internal.h"

#define SUM_XZ "a2e9ecf87b6d83c49081b05c6f18c1735e342a1225f9ff8dfcfa97a7195f0aec"
#define SUM_GZ "b2e9ecf87b6d83c49081b05c6f18c1735e342a1225f9ff8dfcfa97a7195f0aec"
#define HEAD \
	"Origin: Debian Backports\nSuite: stable-backports\nCodename: trixie-backports\n" \
	"Date: Thu, 19 Nov 2026 02:12:54 UTC\nValid-Until: Thu, 26 Nov 2026 02:12:54 UTC\n"
#define MD5 "MD5Sum:\n 0123 77 main/binary-amd64/Packages.xz\n"
#define GZ "SHA256:\n " SUM_GZ "     99 main/binary-amd64/Packages.gz\n"
#define BOTH \
	GZ " " SUM_XZ "   310264 main/binary-amd64/Packages.xz\n " SUM_GZ \
	   " 5 main/binary-arm64/Packages.xz\n"

enum { VALID_UNTIL = 1795659174 }; /* date -ud 2026-11-26T02:12:54Z +%s */

static int parse(const char *text, const char *suite, bool check, time_t now, struct kc_release *r,
		 struct kt_err *e)
{
	return kc_release_parse(text, suite, "http://127.0.0.1/InRelease", check, now, r, e);
}

static void the_xz_list_is_preferred_and_its_hash_name_offered(void **state)
{
	kt_auto(kc_release) struct kc_release r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(parse(HEAD "Acquire-By-Hash: yes\n" MD5 BOTH, "trixie-backports", true,
			       VALID_UNTIL, &r, &e),
			 0);
	assert_string_equal(r.packages_path, "main/binary-amd64/Packages.xz");
	assert_string_equal(r.by_hash_path, "main/binary-amd64/by-hash/SHA256/" SUM_XZ);
	assert_string_equal(r.packages_sha256, SUM_XZ);
	assert_int_equal(r.packages_bytes, 310264);
}

static void the_suite_name_does_as_well_as_the_codename_and_gz_must_do_without_xz(void **state)
{
	kt_auto(kc_release) struct kc_release r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(parse(HEAD GZ, "stable-backports", true, 0, &r, &e), 0);
	assert_string_equal(r.packages_path, "main/binary-amd64/Packages.gz");
	assert_null(r.by_hash_path);
	assert_int_equal(r.packages_bytes, 99);
}

static void a_second_after_valid_until_it_is_refused_only_when_that_is_checked(void **state)
{
	kt_auto(kc_release) struct kc_release r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(parse(HEAD BOTH, "trixie-backports", true, VALID_UNTIL + 1, &r, &e),
			 -EBADMSG);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(
		unit_err_text(&e),
		"'http://127.0.0.1/InRelease' is out of date: valid until Thu, 26 Nov 2026 02:12:54 UTC "
		"(apt's Acquire::Check-Valid-Until is on)");
	assert_int_equal(parse(HEAD BOTH, "trixie-backports", false, VALID_UNTIL + 1, &r, &e), 0);
}

static void a_date_that_cannot_be_read_is_refused(void **state)
{
	static const char *const dates[] = { "tomorrow", "Thu, 26 Nov 2026 02:12:54",
					     "Thu, 26 Nov 2026 02:12:54 CET", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		kt_auto(mem) char *text = kt_fmt("Suite: sid\nValid-Until: %s\n" GZ, dates[i]);
		kt_auto(mem) char *want = kt_fmt(
			"'http://127.0.0.1/InRelease': cannot read its Valid-Until '%s'", dates[i]);
		kt_auto(kc_release) struct kc_release r = { 0 };
		struct kt_err e = { 0 };

		assert_int_equal(parse(text, "sid", true, 0, &r, &e), -EBADMSG);
		assert_string_equal(unit_err_text(&e), want);
	}
}

static void another_suite_in_its_place_is_refused(void **state)
{
	kt_auto(kc_release) struct kc_release r = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(parse(HEAD BOTH, "sid", false, 0, &r, &e), -EBADMSG);
	assert_string_equal(
		unit_err_text(&e),
		"'http://127.0.0.1/InRelease' is of suite 'stable-backports' (trixie-backports), not of 'sid'");
}

static void a_file_without_the_list_is_refused(void **state)
{
	static const char *const lists[] = {
		"",
		MD5,
		"SHA256:\n",
		"SHA256:\n " SUM_XZ " 5 main/binary-arm64/Packages.xz\n",
		"SHA256:\n short 5 main/binary-amd64/Packages.xz\n",
		"SHA256:\n " SUM_XZ " x main/binary-amd64/Packages.xz\n",
		"SHA512:\n " SUM_XZ " 5 main/binary-amd64/Packages.xz\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		kt_auto(mem) char *text = kt_fmt("Suite: sid\n%s", lists[i]);
		kt_auto(kc_release) struct kc_release r = { 0 };
		struct kt_err e = { 0 };

		assert_int_equal(parse(text, "sid", false, 0, &r, &e), -EBADMSG);
		assert_string_equal(
			unit_err_text(&e),
			"'http://127.0.0.1/InRelease' lists no main/binary-amd64/Packages.xz");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_xz_list_is_preferred_and_its_hash_name_offered),
		cmocka_unit_test(
			the_suite_name_does_as_well_as_the_codename_and_gz_must_do_without_xz),
		cmocka_unit_test(
			a_second_after_valid_until_it_is_refused_only_when_that_is_checked),
		cmocka_unit_test(a_date_that_cannot_be_read_is_refused),
		cmocka_unit_test(another_suite_in_its_place_is_refused),
		cmocka_unit_test(a_file_without_the_list_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

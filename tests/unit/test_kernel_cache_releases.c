/* SPDX-License-Identifier: GPL-2.0-only */
/* releases.json: what follows from it, and what is made of one that is hostile. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel-cache/source/kernelorg.h"

#define URL "http://127.0.0.1/releases.json"
#define ROW(moniker, version, eol) \
	"{\"moniker\":\"" moniker "\",\"version\":\"" version "\",\"iseol\":" eol \
	",\"released\":{\"timestamp\":1763000000,\"isodate\":\"2025-11-13\"}," \
	"\"source\":\"https://kernel.invalid/x.tar.xz\",\"pgp\":null,\"patch\":{\"full\":null}}"
#define LIST(rows) "{\"latest_stable\":{\"version\":\"6.17.8\"},\"releases\":[" rows "]}"
#define USUAL \
	LIST(ROW("mainline", "6.18-rc5", "false") "," ROW("stable", "6.17.8", "false") "," ROW( \
		"stable", "6.16.12", \
		"true") "," ROW("longterm", "6.12.58", \
				"false") "," ROW("longterm", "5.4.301", \
						 "true") "," ROW("linux-next", "next-20251114", \
								 "false"))

static void parse(const char *text, struct kc_releases *ret)
{
	struct kt_err e = { 0 };

	if (kc_releases_parse(text, URL, ret, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
}

static struct kc_kver ver(const char *s)
{
	struct kc_kver v;

	assert_int_equal(kc_kver_parse(s, &v), 0);
	return v;
}

static const char *name_of(const struct kc_kver *v)
{
	static char name[KC_KVER_BYTES];

	return v ? kc_kver_name(v, name) : "none";
}

static void stable_is(const char *text, const char *want)
{
	kt_auto(kc_releases) struct kc_releases r = { 0 };

	parse(text, &r);
	assert_string_equal(name_of(kc_releases_stable(&r)), want);
}

static void stable_has_had_eight_point_releases_and_is_maintained(void **state)
{
	(void)state;
	stable_is(USUAL, "6.17.8");
	stable_is(LIST(ROW("stable", "6.17.7", "false") "," ROW("longterm", "6.12.58", "false")),
		  "6.12.58");
	stable_is(LIST(ROW("stable", "6.17.9", "true") "," ROW("longterm", "6.12.58", "false")),
		  "6.12.58");
	stable_is(LIST(ROW("mainline", "6.18.9", "false") "," ROW("longterm", "6.12.58", "false")),
		  "6.12.58");
}

static void without_such_a_series_stable_is_the_newest_there_is(void **state)
{
	(void)state;
	stable_is(LIST(ROW("stable", "6.17.2", "false") "," ROW("longterm", "6.12.5", "false")),
		  "6.17.2");
	stable_is(LIST(ROW("mainline", "6.18", "false") "," ROW("stable", "6.17.9", "true")),
		  "6.18");
	stable_is(LIST(ROW("mainline", "6.18-rc1", "false")), "none");
}

static void a_series_is_its_newest_release_whatever_it_is_called(void **state)
{
	kt_auto(kc_releases) struct kc_releases r = { 0 };
	struct kc_kver s12 = ver("6.12"), s16 = ver("6.16"), s18 = ver("6.18"), s13 = ver("6.13");

	(void)state;
	parse(USUAL, &r);
	assert_string_equal(name_of(kc_releases_of_series(&r, &s12)), "6.12.58");
	assert_string_equal(name_of(kc_releases_of_series(&r, &s16)), "6.16.12");
	assert_null(kc_releases_of_series(&r, &s18));
	assert_string_equal(name_of(kc_releases_rc_of(&r, &s18)), "6.18-rc5");
	assert_null(kc_releases_of_series(&r, &s13));
	assert_null(kc_releases_rc_of(&r, &s13));
}

static bool eol(const struct kc_releases *r, const char *version)
{
	struct kc_kver v = ver(version);

	return kc_releases_is_eol(r, &v);
}

static void a_series_is_past_its_end_when_it_says_so_or_is_gone_from_the_list(void **state)
{
	kt_auto(kc_releases) struct kc_releases r = { 0 };

	(void)state;
	parse(USUAL, &r);
	assert_false(eol(&r, "6.12.1"));
	assert_false(eol(&r, "6.17"));
	assert_true(eol(&r, "6.16.3"));
	assert_true(eol(&r, "5.4.301"));
	assert_true(eol(&r, "6.13.5"));
	assert_true(eol(&r, "2.6.39"));
	assert_false(eol(&r, "6.18-rc2"));
	assert_false(eol(&r, "6.19"));
	assert_false(eol(&r, "7.0"));
}

static void a_range_is_ascending_without_rc_and_with_what_is_past_its_end(void **state)
{
	kt_auto(kc_releases) struct kc_releases r = { 0 };
	kt_auto(kc_kver_vec) kc_kver_vec v = { 0 };
	struct kc_kver from = ver("6.12"), to = ver("6.18");

	(void)state;
	parse(LIST(ROW("mainline", "6.18-rc5", "false") "," ROW(
		      "stable", "6.17.8",
		      "false") "," ROW("stable", "6.17.7",
				       "true") "," ROW("stable", "6.16.12",
						       "true") "," ROW("longterm", "6.12.58",
								       "false") "," ROW("longterm",
											"6.6.1",
											"false")),
	      &r);
	assert_int_equal(kc_releases_range(&r, &from, &to, &v), 0);
	assert_int_equal(v.nr, 3);
	assert_string_equal(name_of(&v.v[0]), "6.12.58");
	assert_string_equal(name_of(&v.v[1]), "6.16.12");
	assert_string_equal(name_of(&v.v[2]), "6.17.8");
}

static void rows_of_wrong_types_are_left_out(void **state)
{
	kt_auto(kc_releases) struct kc_releases r = { 0 };

	(void)state;
	parse("{\"releases\":[null,7,\"x\",[],{},{\"version\":6.12,\"moniker\":\"stable\"},"
	      "{\"version\":\"6.12.1\",\"moniker\":[]},{\"version\":\"6.12.1\"},"
	      "{\"version\":\"../../etc\",\"moniker\":\"stable\"},"
	      "{\"version\":\"6.99999999999\",\"moniker\":\"stable\"},"
	      "{\"version\":\"6.11.9\",\"moniker\":\"stable\",\"iseol\":\"yes\"}]}",
	      &r);
	assert_int_equal(r.rows.nr, 1);
	assert_string_equal(name_of(&r.rows.v[0].version), "6.11.9");
	assert_false(r.rows.v[0].eol);
}

static void of_duplicates_the_first_counts(void **state)
{
	kt_auto(kc_releases) struct kc_releases r = { 0 };

	(void)state;
	parse(LIST(ROW("stable", "6.17.8", "false") "," ROW("stable", "6.17.8", "true") "," ROW(
		      "stable", "6.17.8", "false")),
	      &r);
	assert_int_equal(r.rows.nr, 1);
	assert_false(r.rows.v[0].eol);
}

static void refused(const char *text, const char *why)
{
	kt_auto(kc_releases) struct kc_releases r = { 0 };
	kt_auto(mem) char *want = kt_fmt("'" URL "' %s", why);
	struct kt_err e = { 0 };

	assert_int_equal(kc_releases_parse(text, URL, &r, &e), -EBADMSG);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(unit_err_text(&e), want);
	assert_null(r.rows.v);
}

static void what_is_no_list_of_releases_is_refused(void **state)
{
	static const char *const none[] = { "",
					    "null",
					    "[]",
					    "{}",
					    "{\"releases\":{}}",
					    "{\"releases\":[",
					    "<html></html>",
					    "{\"releases\":\"\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		refused(none[i], "is not kernel.org's list of releases: no list \"releases\"");
	refused("{\"releases\":[]}", "has no release of mainline, stable or longterm");
	refused(LIST(ROW("linux-next", "next-20251114", "false")),
		"has no release of mainline, stable or longterm");
}

static void a_list_without_measure_is_refused(void **state)
{
	kt_auto(buf) struct kt_buf text = { 0 }, deep = { 0 };

	(void)state;
	kt_buf_adds(&text, "{\"releases\":[0");
	for (int i = 0; i < 1001; i++)
		kt_buf_addf(&text, ",{\"moniker\":\"stable\",\"version\":\"6.12.%d\"}", i);
	kt_buf_adds(&text, "]}");
	refused(kt_buf_str(&text), "lists more than 1000 releases");
	kt_buf_adds(&deep, "{\"releases\":");
	for (int i = 0; i < 100000; i++)
		kt_buf_addc(&deep, '[');
	refused(kt_buf_str(&deep), "is not kernel.org's list of releases: no list \"releases\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stable_has_had_eight_point_releases_and_is_maintained),
		cmocka_unit_test(without_such_a_series_stable_is_the_newest_there_is),
		cmocka_unit_test(a_series_is_its_newest_release_whatever_it_is_called),
		cmocka_unit_test(a_series_is_past_its_end_when_it_says_so_or_is_gone_from_the_list),
		cmocka_unit_test(a_range_is_ascending_without_rc_and_with_what_is_past_its_end),
		cmocka_unit_test(rows_of_wrong_types_are_left_out),
		cmocka_unit_test(of_duplicates_the_first_counts),
		cmocka_unit_test(what_is_no_list_of_releases_is_refused),
		cmocka_unit_test(a_list_without_measure_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

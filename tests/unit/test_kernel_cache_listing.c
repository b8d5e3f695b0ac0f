/* SPDX-License-Identifier: GPL-2.0-only */
/* Directory listings of several web servers, and files of checksums. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel-cache/source/kernelorg.h"

#define SUM_A "a2e9ecf87b6d83c49081b05c6f18c1735e342a1225f9ff8dfcfa97a7195f0aec"
#define SUM_B "b2e9ecf87b6d83c49081b05c6f18c1735e342a1225f9ff8dfcfa97a7195f0aec"

static struct kc_kver ver(const char *s)
{
	struct kc_kver v;

	assert_int_equal(kc_kver_parse(s, &v), 0);
	return v;
}

static const char *newest(const char *html, const char *series, const char *all)
{
	struct kc_kver s = ver(series), v = { 0 }, top;
	static char name[KC_KVER_BYTES];
	char top_name[KC_KVER_BYTES];
	int r = kc_listing_newest(html, &s, &v, &top);

	if (all)
		assert_string_equal(kc_kver_name(&top, top_name), all);
	else
		assert_int_equal(top.major, 0);
	assert_int_equal(r, v.major ? 0 : -ENOENT);
	return r == 0 ? kc_kver_name(&v, name) : "none";
}

static void links_of_every_usual_server_are_read(void **state)
{
	static const char *const pages[] = {
		/* nginx, and kernel.org's own */
		"<a href=\"../\">../</a>\r\n<a href=\"linux-6.12.9.tar.xz\">linux-6.12.9.tar.xz</a>  01-Aug-2025\r\n"
		"<a href=\"linux-6.12.10.tar.xz\">linux-6.12.10.tar.xz</a>\r\n<a href=\"linux-6.13.tar.xz\">x</a>",
		/* Apache */
		"<tr><td><A HREF=\"/pub/linux/kernel/v6.x/linux-6.12.10.tar.xz\">linux-6.12..&gt;</A></td></tr>"
		"<a href='./linux-6.13.tar.xz'>",
		/* a whole URL, no quotes */
		"<a href=http://127.0.0.1/x/linux-6.12.10.tar.xz>x</a><a href=linux-6.13.tar.xz >",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		assert_string_equal(newest(pages[i], "6.12", "6.13"), "6.12.10");
}

static void only_tarballs_of_releases_count(void **state)
{
	static const char page[] =
		"<a href=\"linux-6.12.1.tar.xz\"><a href=\"linux-6.12.2.tar.gz\"><a href=\"linux-6.12.3.tar.sign\">"
		"<a href=\"patch-6.12.4.xz\"><a href=\"ChangeLog-6.12.5\"><a href=\"linux-6.12.6-rc1.tar.xz\">"
		"<a href=\"linux-6.12.7.tar.xz.asc\"><a href=\"xlinux-6.12.8.tar.xz\"><a href=\"linux-6.12.9.1.tar.xz\">"
		"<a href=\"linux-6.12.010.tar.xz\"> linux-6.12.11.tar.xz <a href=\"linux-6.12.99999999.tar.xz\">"
		"<a href=\"linux-6.12.tar.xz\">";

	(void)state;
	assert_string_equal(newest(page, "6.12", "6.12.1"), "6.12.1");
	assert_string_equal(newest("<a href=\"linux-6.12.tar.xz\">", "6.12", "6.12"), "6.12");
	assert_string_equal(newest(page, "6.1", "6.12.1"), "none");
	assert_string_equal(newest("<html>Please log in</html>", "6.12", NULL), "none");
}

static void a_page_that_is_cut_anywhere_is_read_to_its_end(void **state)
{
	static const char page[] = "<a href=\"linux-6.12.1.tar.xz\">";

	(void)state;
	for (size_t len = 0; len < sizeof(page); len++) {
		kt_auto(mem) char *part = strndup(page, len);
		struct kc_kver s = ver("6.12"), v, top;

		assert_non_null(part);
		assert_int_equal(kc_listing_newest(part, &s, &v, &top), len < 29 ? -ENOENT : 0);
	}
}

static void a_checksum_is_found_among_signature_and_other_files(void **state)
{
	static const char text[] = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" SUM_B
				   "  ChangeLog-6.12.40\n" SUM_B "  linux-6.12.4.tar.xz\n" SUM_B
				   "  linux-6.12.40.tar.gz\n" SUM_A
				   "  linux-6.12.40.tar.xz\r\n" SUM_A
				   " *linux-6.12.41.tar.xz\n" SUM_B "  patch-6.12.40.xz\n"
				   "-----BEGIN PGP SIGNATURE-----\n";
	struct kc_kver v = ver("6.12.40"), top;
	char sum[KT_SHA256_HEX];

	(void)state;
	assert_int_equal(kc_sums_find(text, &v, sum, &top), 0);
	assert_string_equal(sum, SUM_A);
	v = ver("6.12.41");
	assert_int_equal(kc_sums_find(text, &v, sum, &top), 0);
	v = ver("6.12.400");
	assert_int_equal(kc_sums_find(text, &v, sum, &top), -ENOENT);
	assert_int_equal(top.sub, 41);
	v = ver("6.13");
	assert_int_equal(kc_sums_find(text, &v, sum, &top), -ENOENT);
	assert_int_equal(top.major, 0);
}

static void lines_that_lie_are_no_checksums(void **state)
{
	static const char *const rows[] = {
		"",
		SUM_A,
		SUM_A "  ",
		SUM_A "  linux-6.12.40.tar.x",
		SUM_A " linux-6.12.40.tar.xz",
		SUM_A "   linux-6.12.40.tar.xz",
		"x" SUM_A "  linux-6.12.40.tar.xz",
		" " SUM_A "  linux-6.12.40.tar.xz",
		"A2E9ECF87B6D83C49081B05C6F18C1735E342A1225F9FF8DFCFA97A7195F0AEC  linux-6.12.40.tar.xz",
		"a2e9  linux-6.12.40.tar.xz",
		SUM_A "  ../linux-6.12.40.tar.xz",
		SUM_A "  linux-6.12.40.tar.xz extra",
	};
	struct kc_kver v = ver("6.12.40"), top;
	char sum[KT_SHA256_HEX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (kc_sums_find(rows[i], &v, sum, &top) != -ENOENT)
			fail_msg("taken: '%s'", rows[i]);
	}
}

static void two_checksums_of_one_file_are_refused_unless_they_are_the_same(void **state)
{
	struct kc_kver v = ver("6.12.40"), top;
	char sum[KT_SHA256_HEX];

	(void)state;
	assert_int_equal(kc_sums_find(SUM_A "  linux-6.12.40.tar.xz\n" SUM_B
					    "  linux-6.12.40.tar.xz\n",
				      &v, sum, &top),
			 -EBADMSG);
	assert_int_equal(kc_sums_find(SUM_A "  linux-6.12.40.tar.xz\n" SUM_A
					    "  linux-6.12.40.tar.xz",
				      &v, sum, &top),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_of_every_usual_server_are_read),
		cmocka_unit_test(only_tarballs_of_releases_count),
		cmocka_unit_test(a_page_that_is_cut_anywhere_is_read_to_its_end),
		cmocka_unit_test(a_checksum_is_found_among_signature_and_other_files),
		cmocka_unit_test(lines_that_lie_are_no_checksums),
		cmocka_unit_test(two_checksums_of_one_file_are_refused_unless_they_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

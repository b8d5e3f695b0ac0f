/* SPDX-License-Identifier: GPL-2.0-only */
/* Which package of a suite is its newest cloud kernel. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel-cache/internal.h"
#include "tests/unit/kernel_image.h"

#define SUM "a2e9ecf87b6d83c49081b05c6f18c1735e342a1225f9ff8dfcfa97a7195f0aec"

static void add(struct kt_buf *b, const char *name, const char *version, const char *depends)
{
	kt_buf_addf(
		b,
		"Package: %s\nVersion: %s\nDepends: %s\nFilename: pool/%s.deb\nSize: 77\nSHA256: " SUM
		"\n\n",
		name, version, depends, name);
}

static int newest(void **state, const struct kt_buf *list, const char *filter, struct kc_pick *ret,
		  struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/Packages", (char *)*state);
	kt_auto(buf) struct kt_buf packed = { 0 };

	if (filter)
		assert_true(image_compress(filter, list, &packed));
	else
		kt_buf_add(&packed, list->data, list->len);
	assert_int_equal(kt_file_write_atomic(path, kt_buf_str(&packed), packed.len, 0644, NULL),
			 0);
	return kc_packages_newest_cloud(path, "http://127.0.0.1/debian", ret, e);
}

static void the_split_image_package_wins_with_its_base_for_the_config(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	add(&b, "linux-binary-7.2.9+deb13-cloud-amd64", "7.2.9-1", "");
	add(&b, "linux-image-7.2.12+deb13-cloud-amd64", "7.2.12-1",
	    "linux-binary-7.2.12+deb13-cloud-amd64 (= 7.2.12-1)");
	add(&b, "linux-base-7.2.12+deb13-cloud-amd64", "7.2.12-2", "");
	add(&b, "linux-base-7.2.12+deb13-cloud-amd64", "7.2.12-1", "");
	add(&b, "linux-binary-7.2.12+deb13-cloud-amd64", "7.2.12-1", "");
	add(&b, "linux-binary-7.2.12+deb13-amd64", "7.2.14-1", "");
	add(&b, "linux-binary-unsigned-7.2.12+deb13-cloud-amd64", "7.2.12-1", "");
	add(&b, "linux-image-7.3.4+deb13-cloud-amd64-dbg", "7.3.4-1", "");
	add(&b, "linux-image-7.3.4+deb13-cloud-amd64-unsigned", "7.3.4-1", "");
	add(&b, "linux-image-cloud-amd64", "7.3.4-1", "");
	add(&b, "linux-headers-7.3.4+deb13-cloud-amd64", "7.3.4-1", "");
	assert_int_equal(newest(state, &b, "xz", &p, &e), 0);
	assert_string_equal(p.package, "linux-binary-7.2.12+deb13-cloud-amd64");
	assert_string_equal(p.version, "7.2.12-1");
	assert_string_equal(
		p.image.url,
		"http://127.0.0.1/debian/pool/linux-binary-7.2.12+deb13-cloud-amd64.deb");
	assert_string_equal(p.image.sha256, SUM);
	assert_int_equal(p.image.bytes, 77);
	assert_string_equal(p.config.url,
			    "http://127.0.0.1/debian/pool/linux-base-7.2.12+deb13-cloud-amd64.deb");
	assert_true(kt_starts_with(p.key, "7.2.12-1-x86_64-d"));
	assert_true(kc_is_key(p.key));
}

static void on_older_suites_linux_image_is_the_image(void **state)
{
	static const char *const filters[] = { "xz", "gzip", NULL };

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		kt_auto(kc_pick) struct kc_pick p = { 0 };
		kt_auto(buf) struct kt_buf b = { 0 };
		struct kt_err e = { 0 };

		add(&b, "linux-image-6.12.9+bpo-cloud-amd64", "6.12.9-1~bpo12+1",
		    "kmod, linux-base (>= 4.3~)");
		add(&b, "linux-image-6.12.95+deb12-cloud-amd64", "6.12.95-1~bpo12+1",
		    "kmod, linux-base (>= 4.3~)");
		/* The last stanza of a file may lack its empty line. */
		b.len--;
		assert_int_equal(newest(state, &b, filters[i], &p, &e), 0);
		assert_string_equal(p.version, "6.12.95-1~bpo12+1");
		assert_null(p.config.url);
	}
}

static void a_suite_without_one_says_what_was_looked_for(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	add(&b, "linux-image-7.3.4+deb13-cloud-amd64", "7.3.4-1",
	    "linux-binary-7.3.4+deb13-cloud-amd64");
	add(&b, "bash", "5.2-1", "libc6");
	assert_int_equal(newest(state, &b, "xz", &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(
		unit_err_text(&e),
		"no package linux-binary-*-cloud-amd64 or linux-image-*-cloud-amd64 in it");
}

static void an_image_that_is_not_signed_yet_counts_by_its_version(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	add(&b, "linux-binary-7.2.12+deb13-cloud-amd64", "7.2.12-1", "");
	add(&b, "linux-binary-unsigned-7.3.4+deb13-cloud-amd64", "7.3.4-1", "");
	add(&b, "linux-base-7.3.4+deb13-cloud-amd64", "7.3.4-1", "");
	assert_int_equal(newest(state, &b, "xz", &p, &e), 0);
	assert_string_equal(p.package, "linux-binary-unsigned-7.3.4+deb13-cloud-amd64");
	assert_string_equal(p.config.url,
			    "http://127.0.0.1/debian/pool/linux-base-7.3.4+deb13-cloud-amd64.deb");
}

static void stanzas_that_lack_something_or_lie_are_passed_over(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	add(&b, "linux-binary-7.0.1-cloud-amd64", "7.0.1-1", "");
	kt_buf_adds(
		&b,
		"Package: linux-binary-7.0.2-cloud-amd64\nVersion: 7.0.2-1\nFilename: ../../etc/x.deb\nSize: 7\nSHA256: " SUM
		"\n\n");
	kt_buf_adds(
		&b,
		"Package: linux-binary-7.0.3-cloud-amd64\nVersion: 7.0.3-1\nFilename: pool/x.deb\nSize: -7\nSHA256: " SUM
		"\n\n");
	kt_buf_adds(
		&b,
		"Package: linux-binary-7.0.4-cloud-amd64\nVersion: 7.0.4-1\nFilename: pool/x.deb\nSize: 7\nSHA256: 12\n\n");
	kt_buf_adds(
		&b,
		"Package: linux-binary-7.0.5-cloud-amd64\nFilename: pool/x.deb\nSize: 7\nSHA256: " SUM
		"\n\n");
	kt_buf_adds(
		&b,
		"Package: linux-binary-7.0.6-cloud-amd64\nVersion: 7.0.6-1\nSize: 7\nSHA256: " SUM
		"\nDescription: ");
	for (int i = 0; i < 300 * 1024; i++)
		kt_buf_addc(&b, 'x'); /* a line longer than any buffer */
	kt_buf_adds(&b, "\n\n\n\n");
	add(&b, "linux-binary-6.0.1-cloud-amd64", "6.0.1-1", "");
	assert_int_equal(newest(state, &b, "xz", &p, &e), 0);
	assert_string_equal(p.version, "7.0.1-1");
}

static void a_list_that_is_cut_is_an_error(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/Packages", (char *)*state);
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 }, packed = { 0 };
	struct kt_err e = { 0 };

	add(&b, "linux-binary-7.0.1-cloud-amd64", "7.0.1-1", "");
	assert_true(image_compress("xz", &b, &packed));
	assert_int_equal(kt_file_write_atomic(path, packed.data, packed.len / 2, 0644, NULL), 0);
	assert_int_equal(kc_packages_newest_cloud(path, "http://127.0.0.1", &p, &e), -EBADMSG);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_true(kt_starts_with(unit_err_text(&e), "decompress '"));
}

static int newest_source(void **state, const struct kt_buf *list, const char *name,
			 struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/Packages", (char *)*state);

	assert_int_equal(kt_file_write_atomic(path, kt_buf_str(list), list->len, 0644, NULL), 0);
	return kc_packages_newest_source(path, "http://127.0.0.1/debian", name, ret, e);
}

static void of_a_source_package_the_newest_version_is_taken(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	add(&b, "linux-source", "7.3.4-1", "linux-source-7.3 (= 7.3.4-1)");
	add(&b, "linux-source-6.12", "6.12.9-1", "");
	add(&b, "linux-source-6.12", "6.12.117-1~deb12u1", "");
	add(&b, "linux-source-6.12", "6.12.74-2", "");
	add(&b, "linux-source-6.1", "6.1.200-1", "");
	add(&b, "linux-binary-7.2.12+deb13-cloud-amd64", "7.2.12-1", "");
	assert_int_equal(newest_source(state, &b, "linux-source-6.12", &p, &e), 0);
	assert_string_equal(p.package, "linux-source-6.12");
	assert_string_equal(p.version, "6.12.117-1~deb12u1");
	assert_string_equal(p.key, "6.12.117-1~deb12u1-x86_64-sa2e9ecf87b6d");
	assert_string_equal(p.image.url, "http://127.0.0.1/debian/pool/linux-source-6.12.deb");
	assert_int_equal(p.image.bytes, 77);
	assert_null(p.config.url);
}

static void a_source_package_that_is_not_there_is_answered_with_those_that_are(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(newest_source(state, &b, "linux-source-6.13", &p, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e),
			    "no package linux-source-6.13 in it; it has no linux-source-* at all");
	add(&b, "linux-source-6.12", "6.12.9-1", "");
	add(&b, "linux-source", "6.12.9-1", "");
	add(&b, "linux-source-6.1", "6.1.200-1", "");
	add(&b, "linux-source-6.12", "6.12.10-1", "");
	assert_int_equal(newest_source(state, &b, "linux-source-6.13", &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(
		unit_err_text(&e),
		"no package linux-source-6.13 in it; it has linux-source-6.1, linux-source-6.12");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_split_image_package_wins_with_its_base_for_the_config),
		cmocka_unit_test(on_older_suites_linux_image_is_the_image),
		cmocka_unit_test(a_suite_without_one_says_what_was_looked_for),
		cmocka_unit_test(an_image_that_is_not_signed_yet_counts_by_its_version),
		cmocka_unit_test(stanzas_that_lack_something_or_lie_are_passed_over),
		cmocka_unit_test(a_list_that_is_cut_is_an_error),
		cmocka_unit_test(of_a_source_package_the_newest_version_is_taken),
		cmocka_unit_test(
			a_source_package_that_is_not_there_is_answered_with_those_that_are),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

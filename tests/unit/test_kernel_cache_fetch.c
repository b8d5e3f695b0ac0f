/* SPDX-License-Identifier: GPL-2.0-only */
/* Who reads a download along gets every byte once and in order, whatever was there before. (Servers: tests/cli.) */
#include "tests/unit/unit.h"

#include <errno.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

enum { BYTES = 300000 };

struct reader {
	struct kt_buf seen;
	unsigned restarts;
	uint64_t stop_after; /* 0: never */
};

static int read_along(void *ctx, const void *data, size_t len, bool restart, struct kt_err *e)
{
	struct reader *r = ctx;

	if (restart) {
		r->restarts++;
		kt_buf_reset(&r->seen);
	}
	kt_buf_add(&r->seen, data, len);
	if (r->stop_after && r->seen.len >= r->stop_after)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "enough");
	return 0;
}

struct download {
	struct kt_buf content;
	char *from, *to, *url;
	char sha256[KT_SHA256_HEX];
	struct reader reader;
};

static void kt_cleanup_download(struct download *d)
{
	kt_buf_done(&d->content);
	kt_buf_done(&d->reader.seen);
	(void)unlink(d->from);
	(void)unlink(d->to);
	free(d->from);
	free(d->to);
	free(d->url);
}

/* @first bytes of it are there already, the last of them wrong when @wrong. */
static void begin(void **state, struct download *d, size_t first, bool wrong)
{
	for (unsigned i = 0; i < BYTES; i++)
		kt_buf_addc(&d->content, (char)(i * 2654435761U >> 24));
	d->from = kt_fmt("%s/from", (char *)*state);
	d->to = kt_fmt("%s/to", (char *)*state);
	d->url = kt_fmt("file://%s", d->from);
	assert_int_equal(kt_file_write_atomic(d->from, d->content.data, d->content.len, 0644, NULL),
			 0);
	assert_int_equal(kt_sha256_file(d->from, d->sha256, NULL), 0);
	if (!first)
		return;
	d->content.data[first - 1] ^= wrong;
	assert_int_equal(kt_file_write_atomic(d->to, d->content.data, first, 0644, NULL), 0);
	d->content.data[first - 1] ^= wrong;
}

static int fetch(struct download *d, uint64_t bytes, bool with_sum, struct kt_err *e)
{
	return kc_fetch(&(struct kc_fetch_opts){ .url = d->url,
						 .path = d->to,
						 .sha256 = with_sum ? d->sha256 : NULL,
						 .bytes = bytes,
						 .max_bytes = UINT64_C(1) << 30,
						 .tee = read_along,
						 .tee_ctx = &d->reader },
			e);
}

static void all_was_seen(const struct download *d, unsigned restarts)
{
	kt_auto(buf) struct kt_buf file = { 0 };

	assert_int_equal(d->reader.seen.len, BYTES);
	assert_memory_equal(d->reader.seen.data, d->content.data, BYTES);
	assert_int_equal(d->reader.restarts, restarts);
	assert_int_equal(kt_file_read(d->to, BYTES, &file, NULL), 0);
	assert_int_equal(file.len, BYTES);
	assert_memory_equal(file.data, d->content.data, BYTES);
}

static void what_is_there_already_is_read_first_and_continued(void **state)
{
	static const size_t there[] = { 0, 1, 1000, 262144, BYTES - 1, BYTES };

	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		for (int known = 0; known < 2; known++) {
			kt_auto(download) struct download d = { 0 };
			struct kt_err e = { 0 };

			begin(state, &d, there[i], false);
			if (fetch(&d, known ? BYTES : 0, true, &e) != 0)
				fail_msg("%zu: %s", there[i], unit_err_text(&e));
			all_was_seen(&d, 0);
		}
	}
}

static void what_is_whole_is_not_asked_for(void **state)
{
	kt_auto(download) struct download d = { 0 };
	struct kt_err e = { 0 };

	begin(state, &d, BYTES, false);
	assert_int_equal(unlink(d.from), 0);
	assert_int_equal(fetch(&d, 0, true, &e), 0);
	all_was_seen(&d, 0);
}

static void a_beginning_that_was_wrong_is_begun_again(void **state)
{
	static const size_t there[] = { 1, 1000, BYTES };

	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		kt_auto(download) struct download d = { 0 };
		struct kt_err e = { 0 };

		begin(state, &d, there[i], true);
		if (fetch(&d, BYTES, true, &e) != 0)
			fail_msg("%zu: %s", there[i], unit_err_text(&e));
		all_was_seen(&d, 1);
	}
}

static void without_a_checksum_nothing_is_continued(void **state)
{
	kt_auto(download) struct download d = { 0 };
	struct kt_err e = { 0 };

	begin(state, &d, 1000, true);
	assert_int_equal(fetch(&d, 0, false, &e), 0);
	all_was_seen(&d, 0);
}

static void a_reader_who_has_enough_ends_it_with_its_own_reason(void **state)
{
	kt_auto(download) struct download d = { .reader.stop_after = 5000 };
	struct kt_err e = { 0 };

	begin(state, &d, 1000, false);
	assert_int_equal(fetch(&d, BYTES, true, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e), "enough");
	/* What came so far is there for the next time. */
	d.reader.stop_after = 0;
	kt_buf_reset(&d.reader.seen);
	assert_int_equal(fetch(&d, BYTES, true, &e), 0);
	all_was_seen(&d, 0);
}

static void wrong_bytes_are_refused_with_both_checksums_and_removed(void **state)
{
	kt_auto(download) struct download d = { 0 };
	kt_auto(mem) char *want = NULL;
	struct kt_err e = { 0 };
	char found[KT_SHA256_HEX];

	begin(state, &d, 0, false);
	(void)kt_snprintf(found, sizeof(found), "%s", d.sha256);
	d.sha256[0] = d.sha256[0] == '0' ? '1' : '0';
	assert_int_equal(fetch(&d, BYTES, true, &e), -EBADMSG);
	want = kt_fmt("'%s': expected sha256 %s, found %s", d.url, d.sha256, found);
	assert_string_equal(unit_err_text(&e), want);
	assert_int_equal(access(d.to, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_already_is_read_first_and_continued),
		cmocka_unit_test(what_is_whole_is_not_asked_for),
		cmocka_unit_test(a_beginning_that_was_wrong_is_begun_again),
		cmocka_unit_test(without_a_checksum_nothing_is_continued),
		cmocka_unit_test(a_reader_who_has_enough_ends_it_with_its_own_reason),
		cmocka_unit_test(wrong_bytes_are_refused_with_both_checksums_and_removed),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

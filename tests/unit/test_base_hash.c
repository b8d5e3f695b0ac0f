/* SPDX-License-Identifier: GPL-2.0-only */
/* SHA-256 and SipHash-1-3 against known values. */
#include "base/hash.h"

#include <errno.h>

#include "tests/unit/unit.h"

static void sha256_of_known_texts(void **state)
{
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;

	(void)state;
	kt_sha256_init(&s);
	kt_sha256_hex(&s, hex);
	assert_string_equal(hex,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	kt_sha256_init(&s);
	kt_sha256_add(&s, "a", 1);
	kt_sha256_add(&s, "bc", 2);
	kt_sha256_hex(&s, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void sha256_of_a_file_larger_than_a_block(void **state)
{
	kt_auto(mem) char *path = kt_fmt("%s/million", (char *)*state);
	char hex[KT_SHA256_HEX];
	kt_auto(mem) char *data = malloc(1000000);

	assert_non_null(data);
	memset(data, 'a', 1000000);
	assert_int_equal(kt_file_write_atomic(path, data, 1000000, 0644, NULL), 0);
	assert_int_equal(kt_sha256_file(path, hex, NULL), 0);
	assert_string_equal(hex,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void sha256_of_what_cannot_be_read_names_it(void **state)
{
	char hex[KT_SHA256_HEX];
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kt_sha256_file("/nonexistent/x", hex, &e), -ENOENT);
	assert_string_equal(unit_err_text(&e), "open '/nonexistent/x': No such file or directory");
	assert_int_equal(kt_sha256_file("/", hex, &e), -EISDIR);
	assert_string_equal(unit_err_text(&e), "read '/': Is a directory");
}

/*
 * Bytes 0, 1, 2, ... of each length. The values are CPython's hash() of the same bytes, whose algorithm is
 * SipHash-1-3 and whose key is zero when it is started so:
 * PYTHONHASHSEED=0 python3 -c 'for n in (1, 7, 8): print(n, hex(hash(bytes(i & 255 for i in range(n))) & 2**64 - 1))'
 * (not length 0, which it does not hash; that one is from the algorithm's paper, written down a second time).
 */
static const struct {
	size_t len;
	uint64_t hash;
} vectors[] = {
	{ 0, UINT64_C(0xd1fba762150c532c) },   { 1, UINT64_C(0x68a914128e01e473) },
	{ 2, UINT64_C(0x010bac45c41e3669) },   { 3, UINT64_C(0x4d4c9a4a8ef6e0ad) },
	{ 4, UINT64_C(0x7cc43f98813e4dbd) },   { 5, UINT64_C(0x5abe2169dff36275) },
	{ 6, UINT64_C(0xe3c25f87624f1cdb) },   { 7, UINT64_C(0x2f098ab0c751325a) },
	{ 8, UINT64_C(0xead411e67ebe2eea) },   { 9, UINT64_C(0x75927f9d95124362) },
	{ 15, UINT64_C(0xf30eb725bb91c9ea) },  { 16, UINT64_C(0x8972188433a5c5b7) },
	{ 17, UINT64_C(0x4883c49a2c009c1d) },  { 31, UINT64_C(0x169739443111d49b) },
	{ 63, UINT64_C(0x385d3e39e5f37359) },  { 64, UINT64_C(0x75e05fd5bbc870c6) },
	{ 300, UINT64_C(0x4a3ee92cf03a1ab4) },
};

static void siphash_of_known_bytes(void **state)
{
	unsigned char data[300];
	struct kt_siphash s;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		kt_siphash_init(&s);
		kt_siphash_add(&s, data, vectors[i].len);
		assert_true(kt_siphash_finish(&s) == vectors[i].hash);
	}
}

static void siphash_does_not_depend_on_the_pieces(void **state)
{
	unsigned char data[64];
	struct kt_siphash s;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)i;
	for (size_t step = 1; step < sizeof(data); step++) {
		kt_siphash_init(&s);
		for (size_t at = 0; at < sizeof(data); at += step)
			kt_siphash_add(&s, data + at,
				       sizeof(data) - at < step ? sizeof(data) - at : step);
		assert_true(kt_siphash_finish(&s) == UINT64_C(0x75e05fd5bbc870c6));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_known_texts),
		cmocka_unit_test(sha256_of_a_file_larger_than_a_block),
		cmocka_unit_test(sha256_of_what_cannot_be_read_names_it),
		cmocka_unit_test(siphash_of_known_bytes),
		cmocka_unit_test(siphash_does_not_depend_on_the_pieces),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

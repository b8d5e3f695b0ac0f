/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel images: what is read from their header, and the vmlinux that comes out; lies in either. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel-cache/internal.h"
#include "tests/unit/kernel_image.h"

struct fixture {
	char image[128];
	char out[128];
};

static struct fixture put(void **state, const struct kt_buf *b, size_t len)
{
	struct fixture f = { 0 };

	(void)kt_snprintf(f.image, sizeof(f.image), "%s/image", (char *)*state);
	(void)kt_snprintf(f.out, sizeof(f.out), "%s/vmlinux", (char *)*state);
	assert_int_equal(kt_file_write_atomic(f.image, b->data, len, 0644, NULL), 0);
	return f;
}

static void every_compression_gives_the_same_vmlinux_and_facts(void **state)
{
	static const char *const filters[] = { "zstd", "gzip", "xz", "lzma", "bzip2" };

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		const struct image_opts o = { .release = "7.2.0-t", .filter = filters[i] };
		kt_auto(buf) struct kt_buf image = { 0 }, elf = { 0 }, found = { 0 };
		struct kc_bzimage bz;
		struct kc_facts facts;
		struct kt_err e = { 0 };
		struct fixture f;

		assert_true(image_make(&o, &image));
		image_make_elf(&o, &elf);
		f = put(state, &image, image.len);
		assert_int_equal(kc_bzimage_read(f.image, &bz, &e), 0);
		assert_string_equal(bz.release, "7.2.0-t");
		if (kc_bzimage_extract(f.image, &bz, f.out, &e) < 0)
			fail_msg("%s: %s", filters[i], unit_err_text(&e));
		assert_int_equal(kt_file_read(f.out, 1 << 20, &found, NULL), 0);
		assert_int_equal(found.len, elf.len);
		assert_memory_equal(found.data, elf.data, elf.len);
		assert_int_equal(kc_facts_read(f.out, &facts, &e), 0);
		assert_true(facts.has_btf && facts.has_sched_ext);
		assert_int_equal(facts.ops_value_bytes, IMAGE_OPS_BYTES);
		assert_int_equal(facts.ops_timeout_offset, IMAGE_TIMEOUT_OFFSET);
		assert_int_equal(facts.nr_lost_kfuncs, 0);
	}
}

static void functions_that_no_program_can_call_are_counted(void **state)
{
	const struct image_opts o = { .release = "7.2.0-t", .lost_kfunc = true };
	kt_auto(buf) struct kt_buf image = { 0 };
	struct kc_bzimage bz;
	struct kc_facts facts;
	struct kt_err e = { 0 };
	struct fixture f;

	assert_true(image_make(&o, &image));
	f = put(state, &image, image.len);
	assert_int_equal(kc_bzimage_read(f.image, &bz, &e), 0);
	assert_int_equal(kc_bzimage_extract(f.image, &bz, f.out, &e), 0);
	assert_int_equal(kc_facts_read(f.out, &facts, &e), 0);
	assert_int_equal(facts.nr_lost_kfuncs, 1);
}

static void lz4_in_the_old_frame_format_of_the_kernel_is_read(void **state)
{
	/*
	 * One block, all literals: token, length bytes, text (the legacy format of
	 * lz4_Frame_format.md).
	 */
	kt_auto(buf) struct kt_buf elf = { 0 }, block = { 0 }, payload = { 0 }, image = { 0 },
				   found = { 0 };
	struct kc_bzimage bz;
	struct kt_err e = { 0 };
	struct fixture f;
	char word[4];
	size_t rest;

	image_make_elf(&(struct image_opts){ .release = "x" }, &elf);
	kt_buf_addc(&block, (char)0xf0);
	for (rest = elf.len - 15; rest >= 255; rest -= 255)
		kt_buf_addc(&block, (char)255);
	kt_buf_addc(&block, (char)rest);
	kt_buf_add(&block, elf.data, elf.len);
	kt_buf_add(&payload, "\x02\x21\x4c\x18", 4);
	image_put32(word, (uint32_t)block.len);
	kt_buf_add(&payload, word, 4);
	kt_buf_add(&payload, block.data, block.len);
	image_put32(word, (uint32_t)elf.len);
	kt_buf_add(&payload, word, 4);
	image_wrap("7.2.0-t", &payload, &image);
	f = put(state, &image, image.len);
	assert_int_equal(kc_bzimage_read(f.image, &bz, &e), 0);
	if (kc_bzimage_extract(f.image, &bz, f.out, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_int_equal(kt_file_read(f.out, 1 << 20, &found, NULL), 0);
	assert_int_equal(found.len, elf.len);
	assert_memory_equal(found.data, elf.data, elf.len);
}

static void a_file_cut_anywhere_is_refused_without_harm(void **state)
{
	kt_auto(buf) struct kt_buf image = { 0 };

	assert_true(image_make(&(struct image_opts){ .release = "7.2.0-t" }, &image));
	for (size_t len = 0; len < image.len - 4; len += 7) {
		struct fixture f = put(state, &image, len);
		struct kc_bzimage bz;
		struct kt_err e = { 0 };

		assert_int_equal(kc_bzimage_read(f.image, &bz, &e), -EBADMSG);
		assert_int_equal(e.kind, KT_E_KERNEL);
	}
}

static void what_is_no_bzimage_says_so(void **state)
{
	kt_auto(mem) char *want =
		kt_fmt("'%s/image' is no x86 kernel image (bzImage)", (char *)*state);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kc_bzimage bz;
	struct kt_err e = { 0 };
	struct fixture f;

	for (int i = 0; i < 1000; i++)
		kt_buf_adds(&text, "text");
	f = put(state, &text, text.len);
	assert_int_equal(kc_bzimage_read(f.image, &bz, &e), -EBADMSG);
	assert_string_equal(unit_err_text(&e), want);
}

/* Change bytes of the header and see what reading and extracting say. */
static int extract_patched(void **state, size_t at, const char *bytes, size_t len, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf image = { 0 };
	struct kc_bzimage bz;
	struct fixture f;
	int r;

	assert_true(image_make(&(struct image_opts){ .release = "7.2.0-t" }, &image));
	assert_true(at + len <= image.len);
	if (image.data)
		memcpy(image.data + at, bytes, len);
	f = put(state, &image, image.len);
	r = kc_bzimage_read(f.image, &bz, e);
	return r < 0 ? r : kc_bzimage_extract(f.image, &bz, f.out, e);
}

static void a_payload_outside_the_file_is_refused(void **state)
{
	struct kt_err e = { 0 };

	assert_int_equal(extract_patched(state, 0x248, "\xff\xff\xff\xff", 4, &e), -EBADMSG);
	assert_non_null(strstr(unit_err_text(&e), "is cut: its header announces "));
	assert_int_equal(extract_patched(state, 0x24c, "\xff\xff\xff\xff", 4, &e), -EBADMSG);
	assert_non_null(strstr(unit_err_text(&e), "is cut: its header announces "));
	assert_int_equal(extract_patched(state, 0x1f1, "\xff", 1, &e), -EBADMSG);
	assert_non_null(strstr(unit_err_text(&e), "is cut: its header announces "));
}

static void a_header_without_a_payload_has_no_vmlinux(void **state)
{
	struct kt_err e = { 0 };

	assert_int_equal(extract_patched(state, 0x24c, "\0\0\0\0", 4, &e), -EOPNOTSUPP);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_non_null(strstr(unit_err_text(&e), "does not say where its vmlinux is"));
	/* Protocol 2.07 had no such fields. */
	assert_int_equal(extract_patched(state, 0x206, "\x07", 1, &e), -EOPNOTSUPP);
	/* Not longer than the size that is appended. */
	assert_int_equal(extract_patched(state, 0x24c, "\4\0\0\0", 4, &e), -EOPNOTSUPP);
}

static void an_unknown_compression_is_named_as_such(void **state)
{
	struct kt_err e = { 0 };

	assert_int_equal(extract_patched(state, IMAGE_PAYLOAD_AT, "abcd", 4, &e), -EOPNOTSUPP);
	assert_non_null(strstr(unit_err_text(&e), "(no known magic number)"));
	assert_int_equal(extract_patched(state, IMAGE_PAYLOAD_AT, "\x89LZO", 4, &e), -EOPNOTSUPP);
	assert_non_null(strstr(unit_err_text(&e), "(lzo)"));
}

static void a_size_that_is_not_what_comes_out_is_refused(void **state)
{
	const struct image_opts o = { .release = "7.2.0-t" };
	static const struct {
		int32_t delta;
		const char *text;
	} rows[] = { { -1, ": more than " }, { 1, ": expected " } };
	struct kt_err e = { 0 };

	for (size_t i = 0; i < 2; i++) {
		kt_auto(buf) struct kt_buf elf = { 0 }, image = { 0 };
		struct kc_bzimage bz;
		struct fixture f;

		image_make_elf(&o, &elf);
		assert_true(image_make(&o, &image));
		image_put32(image.data + image.len - 8,
			    (uint32_t)((int32_t)elf.len + rows[i].delta));
		f = put(state, &image, image.len);
		assert_int_equal(kc_bzimage_read(f.image, &bz, &e), 0);
		assert_int_equal(kc_bzimage_extract(f.image, &bz, f.out, &e), -EBADMSG);
		assert_non_null(strstr(unit_err_text(&e), rows[i].text));
	}
}

static void releases_that_are_no_file_names_are_not_taken(void **state)
{
	static const char *const releases[] = { "../../etc", "a/b", ".hidden", "", "x\x01y" };

	for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
		kt_auto(buf) struct kt_buf image = { 0 };
		struct kc_bzimage bz;
		struct kt_err e = { 0 };
		struct fixture f;

		assert_true(image_make(&(struct image_opts){ .release = releases[i] }, &image));
		f = put(state, &image, image.len);
		assert_int_equal(kc_bzimage_read(f.image, &bz, &e), 0);
		assert_string_equal(bz.release, "");
	}
}

static void kernels_without_sched_ext_or_btf_are_told_apart(void **state)
{
	for (int no_btf = 0; no_btf < 2; no_btf++) {
		const struct image_opts o = { .release = "6.1.0-t",
					      .no_sched_ext = true,
					      .no_btf = no_btf };
		kt_auto(buf) struct kt_buf elf = { 0 };
		struct kc_facts facts = { .ops_value_bytes = 77 };
		struct kt_err e = { 0 };
		struct fixture f;

		image_make_elf(&o, &elf);
		f = put(state, &elf, elf.len);
		if (kc_facts_read(f.image, &facts, &e) < 0)
			fail_msg("%s", unit_err_text(&e));
		assert_int_equal(facts.has_btf, !no_btf);
		assert_false(facts.has_sched_ext);
		assert_int_equal(facts.ops_value_bytes, 0);
	}
}

static void broken_btf_and_broken_elf_are_errors(void **state)
{
	kt_auto(buf) struct kt_buf elf = { 0 };
	struct kc_facts facts;
	struct kt_err e = { 0 };
	struct fixture f;

	image_make_elf(&(struct image_opts){ .release = "x" }, &elf);
	elf.data[sizeof(Elf64_Ehdr)] ^= 1; /* the magic number of BTF */
	f = put(state, &elf, elf.len);
	assert_int_equal(kc_facts_read(f.image, &facts, &e), -EBADMSG);
	assert_true(kt_starts_with(unit_err_text(&e), "parse the BTF of '"));
	for (size_t len = 0; len < elf.len; len += 5) {
		f = put(state, &elf, len);
		assert_true(kc_facts_read(f.image, &facts, &e) < 0);
		assert_int_equal(e.kind, KT_E_KERNEL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_compression_gives_the_same_vmlinux_and_facts),
		cmocka_unit_test(functions_that_no_program_can_call_are_counted),
		cmocka_unit_test(lz4_in_the_old_frame_format_of_the_kernel_is_read),
		cmocka_unit_test(a_file_cut_anywhere_is_refused_without_harm),
		cmocka_unit_test(what_is_no_bzimage_says_so),
		cmocka_unit_test(a_payload_outside_the_file_is_refused),
		cmocka_unit_test(a_header_without_a_payload_has_no_vmlinux),
		cmocka_unit_test(an_unknown_compression_is_named_as_such),
		cmocka_unit_test(a_size_that_is_not_what_comes_out_is_refused),
		cmocka_unit_test(releases_that_are_no_file_names_are_not_taken),
		cmocka_unit_test(kernels_without_sched_ext_or_btf_are_told_apart),
		cmocka_unit_test(broken_btf_and_broken_elf_are_errors),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

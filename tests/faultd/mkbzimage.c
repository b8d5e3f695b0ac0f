/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usage: mkbzimage RELEASE FILE [SALT]: write a made-up kernel image, for the tests of the kernel
 * cache.
 * mkbzimage --vmlinux VMLINUX RELEASE FILE: the same with that vmlinux in it.
 * mkbzimage --btf FILE [--no-sched-ext] [--kfunc-tags]: only the BTF of such a kernel.
 */
#include <stdio.h>

#include "base/file.h"
#include "tests/unit/kernel_image.h"

enum { VMLINUX_BYTES_MAX = 64 << 20 };

static int usage(void)
{
	fputs("usage: mkbzimage RELEASE FILE [SALT]\n"
	      "       mkbzimage --vmlinux VMLINUX RELEASE FILE\n"
	      "       mkbzimage --btf FILE [--no-sched-ext] [--kfunc-tags]\n",
	      stderr);
	return 2;
}

static int fail(const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	fprintf(stderr, "mkbzimage: %s\n", kt_err_text(e, text, sizeof(text)));
	return 1;
}

static int write_out(const char *path, const struct kt_buf *b)
{
	struct kt_err e = { 0 };

	return kt_file_write_atomic(path, b->data, b->len, 0644, &e) < 0 ? fail(&e) : 0;
}

static int make_btf(int argc, char **argv)
{
	kt_auto(buf) struct kt_buf btf = { 0 };
	struct image_opts o = { 0 };

	for (int i = 3; i < argc; i++) {
		if (kt_streq(argv[i], "--no-sched-ext"))
			o.no_sched_ext = true;
		else if (kt_streq(argv[i], "--kfunc-tags"))
			o.kfunc_tags = true;
		else
			return usage();
	}
	image_add_btf(&btf, &o);
	return write_out(argv[2], &btf);
}

static int make_image(const struct image_opts *o, const char *vmlinux, const char *to)
{
	kt_auto(buf) struct kt_buf elf = { 0 }, image = { 0 };
	struct kt_err e = { 0 };

	if (!vmlinux)
		image_make_elf(o, &elf);
	else if (kt_file_read(vmlinux, VMLINUX_BYTES_MAX, &elf, &e) < 0)
		return fail(&e);
	if (!image_make_of(o, &elf, &image)) {
		fprintf(stderr, "mkbzimage: cannot make the image\n");
		return 1;
	}
	return write_out(to, &image);
}

int main(int argc, char **argv)
{
	if (argc >= 3 && kt_streq(argv[1], "--btf"))
		return make_btf(argc, argv);
	if (argc == 5 && kt_streq(argv[1], "--vmlinux"))
		return make_image(&(struct image_opts){ .release = argv[3] }, argv[2], argv[4]);
	if ((argc == 3 || argc == 4) && !kt_starts_with(argv[1], "--"))
		return make_image(&(struct image_opts){ .release = argv[1],
							.salt = argc > 3 ? argv[3] : NULL },
				  NULL, argv[2]);
	return usage();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usage: mkbzimage RELEASE FILE [SALT]: write a made-up kernel image, for the tests of the kernel
 * cache.
 */
#include <stdio.h>

#include "base/file.h"
#include "tests/unit/kernel_image.h"

int main(int argc, char **argv)
{
	kt_auto(buf) struct kt_buf image = { 0 };
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: mkbzimage RELEASE FILE [SALT]\n");
		return 2;
	}
	if (!image_make(&(struct image_opts){ .release = argv[1],
					      .salt = argc > 3 ? argv[3] : NULL },
			&image)) {
		fprintf(stderr, "mkbzimage: cannot make the image\n");
		return 1;
	}
	if (kt_file_write_atomic(argv[2], image.data, image.len, 0644, &e) < 0) {
		fprintf(stderr, "mkbzimage: %s\n", kt_err_text(&e, text, sizeof(text)));
		return 1;
	}
	return 0;
}

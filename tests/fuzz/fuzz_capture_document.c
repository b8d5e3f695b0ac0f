/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a failure dump: a document or one error with its place; and what was read is written and read the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void broken(const char *what)
{
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void write_document(const struct cap_document *d, struct kt_buf *ret)
{
	if (!!d->single + !!d->degraded + !!d->dual != 1)
		broken("not exactly one document");
	if (d->single)
		cap_report_json(d->single, ret);
	else if (d->degraded)
		cap_degraded_json(d->degraded, ret);
	else
		cap_dual_json(d->dual, ret);
}

/* All of what shows a document, which must not mind what is in it. */
static void show_document(const struct cap_document *d)
{
	const struct cap_text_opts few = { .width = 80, .max_lines = 10, .more = "more" };
	kt_auto(buf) struct kt_buf text = { 0 };

	if (d->degraded) {
		cap_degraded_text(d->degraded, NULL, &text);
	} else if (d->dual) {
		cap_dual_text(d->dual, NULL, &text);
	} else {
		cap_report_text(d->single, NULL, &text);
		kt_buf_reset(&text);
		cap_report_text(d->single, &few, &text);
		kt_buf_reset(&text);
		(void)cap_show(d->single, "maps", NULL, &text, NULL);
		if (d->single->nr_maps)
			(void)cap_show(d->single, d->single->map[0].name, NULL, &text, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cap_document first = { 0 }, second = { 0 };
	kt_auto(buf) struct kt_buf a = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };
	char text[4096];

	if (cap_document_parse((const char *)data, size, "d", &first, &e) < 0) {
		if (first.single || first.degraded || first.dual || first.pool)
			broken("half a document");
		if (strncmp(kt_err_text(&e, text, sizeof(text)), "d:", 2) != 0)
			broken("an error without its place");
		return 0;
	}
	write_document(&first, &a);
	if (cap_document_parse(kt_buf_str(&a), a.len, "d", &second, NULL) < 0)
		broken("what was written is not read");
	write_document(&second, &b);
	if (a.len != b.len || memcmp(kt_buf_str(&a), kt_buf_str(&b), a.len) != 0)
		broken("not the same when written again");
	show_document(&first);
	cap_document_done(&first);
	cap_document_done(&second);
	return 0;
}

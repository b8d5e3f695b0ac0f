/* SPDX-License-Identifier: GPL-2.0-only */
/* Any text as a configuration fragment: one error with its place, or wants that read back as the same when printed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/kconfig/kconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void print(const struct kc_wants *w, struct kt_buf *b)
{
	for (size_t i = 0; i < w->list.nr; i++)
		kt_buf_addf(b, "CONFIG_%s=%s\n", w->list.v[i].name, w->list.v[i].value);
}

static void compare(const struct kc_wants *a, const struct kc_wants *b)
{
	must(a->list.nr == b->list.nr, "as many");
	for (size_t i = 0; i < a->list.nr; i++) {
		must(kt_streq(a->list.v[i].name, b->list.v[i].name), "the same name");
		must(kt_streq(a->list.v[i].value, b->list.v[i].value), "the same value");
		must(a->list.v[i].from && a->list.v[i].by_user, "where from");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(kc_wants) struct kc_wants wants = { 0 };
	kt_auto(kc_wants) struct kc_wants again = { 0 };
	kt_auto(mem) char *text = malloc(size + 1);
	kt_auto(buf) struct kt_buf printed = { 0 };
	struct kt_err e = { 0 };

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (kc_wants_parse(text, "fuzz", true, &wants, &e) < 0) {
		must(e.kind == KT_E_CONFIG && e.nr_frames == 1, "an error of the file");
		return 0;
	}
	print(&wants, &printed);
	must(kc_wants_parse(kt_buf_str(&printed), "again", true, &again, &e) == 0, "reads back");
	compare(&wants, &again);
	return 0;
}

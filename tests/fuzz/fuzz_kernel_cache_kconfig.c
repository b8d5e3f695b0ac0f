/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a fragment, a .config, a Kconfig file and two more that it may include (NUL between them): a report whose
 * every row is complete, or one error, in bounded work.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/kconfig/kconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 5 };

static char dir[64];

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void remove_dir(void)
{
	(void)kt_remove_tree(dir, NULL);
}

static void make_dir(void)
{
	if (dir[0])
		return;
	(void)kt_snprintf(dir, sizeof(dir), "%s/ktstr-fuzz.XXXXXX",
			  access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir) != NULL, "a directory");
	must(atexit(remove_dir) == 0, "atexit");
}

static void put(const char *name, const char *text)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);
	kt_auto(file) FILE *f = path ? fopen(path, "we") : NULL;

	must(f && fputs(text, f) >= 0, "a file");
}

static void check_rows(const struct kc_config_report *r)
{
	for (size_t i = 0; i < r->nr; i++) {
		const struct kc_option *o = &r->v[i];

		must(o->name && o->wanted && o->from, "a whole row");
		must((o->fate == KC_OPTION_ABSENT) == !o->found, "found unless absent");
		must(o->fate != KC_OPTION_SET || (!o->why && !o->fix), "nothing to say when met");
		must(o->fate != KC_OPTION_UNMET || o->why, "a reason when unmet");
	}
}

static void check(char *part[PARTS])
{
	kt_auto(kc_config_request) struct kc_config_request q = { 0 };
	kt_auto(kc_config_report) struct kc_config_report r = { 0 };
	kt_auto(buf) struct kt_buf notes = { 0 };
	struct kt_err e = { 0 };

	if (kc_wants_parse(part[0], "fuzz", true, &q.wants, NULL) < 0)
		return;
	q.base = strdup("tree");
	q.merged = strdup(part[0]);
	put("Kconfig", part[2]);
	put("a", part[3]);
	put("b", part[4]);
	if (kc_config_check(&q, dir, part[1], &r, &e) < 0) {
		must(e.kind == KT_E_KERNEL, "an error of the tree");
		return;
	}
	check_rows(&r);
	if (kc_config_judge(&r, false, &notes, &e) < 0)
		must(e.kind == KT_E_KERNEL, "an error of the kernel");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(mem) char *text = malloc(size + PARTS);
	char *part[PARTS];
	char *at = text;

	if (!text)
		return 0;
	make_dir();
	memcpy(text, data, size);
	memset(text + size, 0, PARTS);
	for (int i = 0; i < PARTS; i++) {
		part[i] = at;
		at += strlen(at);
		if (at < text + size + PARTS - 1)
			at++;
	}
	check(part);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of the kernel symbols that the host asks for. */
#include "guest/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "guest/names.h"

enum {
	LINE_BYTES = 160, /* longer names than the kernel can have are left out */
	REQUEST_MAX = 64 << 10,
	FRAME_TEXT = 16 << 10,
};

struct symbol {
	const char *name; /* borrowed from the request's text */
	uint64_t address; /* 0: not found */
};
typedef KT_VEC(struct symbol) symbols_t;

static int lookup_by_asking(const symbols_t *all)
{
	kt_auto(fd) int fd = gst_symbols_asker();
	int r = fd < 0 ? fd : 0;

	for (size_t i = 0; r == 0 && i < all->nr; i++) {
		r = gst_ask_symbol(fd, all->v[i].name, &all->v[i].address);
		if (r == -ENOENT || r == -ENAMETOOLONG)
			r = 0;
	}
	return r;
}

static int compare_symbols(const void *a, const void *b)
{
	return strcmp(((const struct symbol *)a)->name, ((const struct symbol *)b)->name);
}

/* One pass over all of the kernel's list, where it does not answer questions; the first of several symbols of a name counts. */
static void lookup_in_list(const symbols_t *all)
{
	kt_auto(file) FILE *f = fopen("/proc/kallsyms", "re");
	char line[1024];

	qsort(all->v, all->nr, sizeof(all->v[0]), compare_symbols);
	while (f && fgets(line, sizeof(line), f)) {
		struct symbol key = { 0 }, *found;
		uint64_t address;

		key.name = gst_kallsyms_line(line, &address);
		if (!key.name || address == 0) /* 0: not for us to see */
			continue;
		found = bsearch(&key, all->v, all->nr, sizeof(all->v[0]), compare_symbols);
		if (found && found->address == 0)
			found->address = address;
	}
}

static void send_all(struct gst_chan *c, const symbols_t *all)
{
	static char text[FRAME_TEXT];
	size_t len = 0;

	for (size_t i = 0; i < all->nr; i++) {
		char line[LINE_BYTES];
		size_t n;

		if (all->v[i].address == 0 ||
		    kt_snprintf(line, sizeof(line), "%llx %s\n",
				(unsigned long long)all->v[i].address, all->v[i].name) < 0)
			continue;
		n = strlen(line);
		if (len + n > sizeof(text)) {
			(void)gst_chan_send_sure(c, GST_F_KSYM, text,
						 len); /* a host that is gone */
			len = 0;
		}
		memcpy(text + len, line, n);
		len += n;
	}
	if (len)
		(void)gst_chan_send_sure(c, GST_F_KSYM, text, len); /* a host that is gone */
}

int gst_send_symbols(struct gst_chan *c, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	symbols_t all = { 0 };
	char *save = NULL;
	int r = kt_file_read(GST_SYMBOLS_PATH, REQUEST_MAX, &text, e);

	if (r < 0)
		return kt_context(e, r, "read the symbols to look up");
	for (char *name = text.data ? strtok_r(text.data, "\n", &save) : NULL; name && r == 0;
	     name = strtok_r(NULL, "\n", &save))
		r = KT_VEC_PUSH(&all, (struct symbol){ .name = name });
	if (r == 0 && all.nr && lookup_by_asking(&all) < 0)
		lookup_in_list(&all);
	if (r == 0)
		send_all(c, &all);
	free(all.v);
	return r < 0 ? kt_fail(e, KT_E_HOST, -r, "list the symbols to look up") : 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* vm.txt: the machine as a shell script to run by hand, with files for inherited descriptors. */
#include <errno.h>
#include <stdlib.h>

#include "vmm/qemu/internal.h"

#define INITRD_WORD "@initrd@"

/* One option per line, as people read it. */
static void add_words(struct kt_buf *b, const struct kt_strv *v)
{
	for (size_t i = 0; i < v->nr; i++) {
		if (i)
			kt_buf_adds(b, v->v[i][0] == '-' ? " \\\n\t" : " ");
		if (kt_streq(v->v[i], INITRD_WORD))
			kt_buf_adds(b, "\"$tmp/initrd\"");
		else
			kt_buf_add_shell(b, v->v[i]);
	}
}

static int render(const struct qemu_command *replay, struct kt_buf *b, struct kt_err *e)
{
	const struct vm_config *c = replay->config;
	kt_auto(mem) char *base = realpath(c->initrd_base, NULL);
	kt_auto(strv) struct kt_strv v = { 0 };
	int r = qemu_command_build(replay, &v, e);

	if (r < 0)
		return r;
	kt_buf_adds(
		b,
		"#!/bin/sh\n"
		"# This machine, to be run by hand: sh vm.txt. The guest's console is the terminal; Ctrl-C ends it.\n"
		"# initrd-extra.cpio and ring.bin (the header of the frame window) are beside this file.\n"
		"set -eu\n"
		"cd \"$(dirname \"$0\")\"\n"
		"tmp=$(mktemp -d)\n"
		"trap 'rm -rf \"$tmp\"' EXIT\n"
		"cat ");
	kt_buf_add_shell(b, base ? base : c->initrd_base);
	kt_buf_adds(b, " initrd-extra.cpio >\"$tmp/initrd\"\n");
	add_words(b, &v);
	kt_buf_addf(b, " \\\n\t-device loader,file=ring.bin,addr=0x%llx,force-raw=on\n",
		    (unsigned long long)replay->layout->ring.v);
	return kt_buf_ok(b) ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "write vm.txt");
}

/* The first page of a fresh window, which is all of it that is not zero. */
static int write_ring(const char *dir, uint64_t window_bytes, struct kt_err *e)
{
	kt_auto(mem) uint8_t *page = calloc(1, GST_WINDOW_PAGE);

	if (!page)
		return kt_fail(e, KT_E_HOST, ENOMEM, "write ring.bin");
	if (gst_window_format(page, window_bytes) < 0)
		return kt_fail(e, KT_E_INTERNAL, EINVAL, "no window can have %llu bytes",
			       (unsigned long long)window_bytes);
	return vm_log_file_write(dir, "ring.bin", page, GST_WINDOW_PAGE, e);
}

int qemu_script_write(const struct qemu_command *live, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	const struct vm_config *c = live->config;
	struct qemu_command replay = *live;
	int r;

	if (!c->log_dir)
		return 0;
	replay.control = false;
	replay.console = "stdio,signal=on";
	replay.bell = "null";
	replay.initrd = INITRD_WORD;
	r = render(&replay, &text, e);
	if (r < 0)
		return r;
	r = vm_log_file_write(c->log_dir, "initrd-extra.cpio", c->initrd_extra, c->initrd_extra_len,
			      e);
	if (r < 0)
		return r;
	r = write_ring(c->log_dir, live->layout->ring_len, e);
	if (r < 0)
		return r;
	return vm_log_file_write(c->log_dir, "vm.txt", text.data, text.len, e);
}

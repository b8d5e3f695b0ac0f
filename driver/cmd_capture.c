/* SPDX-License-Identifier: GPL-2.0-only */
/* capture: what is in a saved image of a guest's memory, told again; or the image as a core for debuggers. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "driver/capture_image.h"
#include "driver/driver.h"

struct capture_opts {
	const char *image;
	const char *vmlinux;
	const char *core;
	const char *output;
	bool json;
};

static const struct drv_option options[] = {
	{ "image", 0, DRV_OPT_STRING, "FILE", "the saved memory", NULL, DRV_COMPLETE_FILE,
	  offsetof(struct capture_opts, image) },
	{ "vmlinux", 0, DRV_OPT_STRING, "FILE",
	  "take types from this ELF or BTF file, not from the one that the image names", NULL,
	  DRV_COMPLETE_FILE, offsetof(struct capture_opts, vmlinux) },
	{ "json", 0, DRV_OPT_FLAG, NULL, "the failure dump as JSON", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct capture_opts, json) },
	{ "output", 'o', DRV_OPT_STRING, "FILE", "write to FILE, not to stdout", NULL,
	  DRV_COMPLETE_FILE, offsetof(struct capture_opts, output) },
	{ "core", 0, DRV_OPT_STRING, "FILE",
	  "write an ELF core for crash or drgn instead, best of an image kept by KTSTR_KEEP_IMAGE=all",
	  NULL, DRV_COMPLETE_FILE, offsetof(struct capture_opts, core) },
};

/* Of a kernel without a file the image has the types themselves. */
static int read_types(const struct capture_opts *o, struct drv_image *i, struct cap_types **ret,
		      struct kt_err *e)
{
	const struct cap_guest_config c = drv_image_guest(i, NULL, NULL);
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err why = { 0 };

	if (cap_guest_open(&c, &g, &why) == 0 && cap_types_read(g, ret, &why) == 0)
		return 0;
	return kt_fail(
		e, KT_E_USAGE, EINVAL,
		"'%s' does not say which kernel it is of: give its vmlinux by --vmlinux (%s)",
		o->image, kt_err_text(&why, text, sizeof(text)));
}

/* What the image says its types are of, or what was asked for. */
static int load_types(const struct capture_opts *o, struct drv_image *i, struct cap_types **ret,
		      struct kt_err *e)
{
	const struct drv_image_facts *f = &i->facts;
	const char *path = o->vmlinux ? o->vmlinux : f->vmlinux;
	char sha256[KT_SHA256_HEX];
	int r;

	if (!path)
		return read_types(o, i, ret, e);
	r = kt_sha256_file(path, sha256, e);
	if (r < 0)
		return kt_context(e, r, "read the types of the kernel%s",
				  o->vmlinux ? "" : " (--vmlinux gives another file)");
	if (f->vmlinux_sha256 && !kt_streq(sha256, f->vmlinux_sha256)) {
		if (!o->vmlinux)
			return kt_fail(
				e, KT_E_KERNEL, ESTALE,
				"'%s' is not what it was when '%s' was saved: give that kernel's vmlinux by --vmlinux",
				path, o->image);
		kt_log(KT_AREA_DRIVER, KT_WARN,
		       "'%s' is not the file that '%s' was saved with; going on, what it tells of members may be wrong",
		       path, o->image);
	}
	return cap_types_load(path, ret, e);
}

/* The scheduler's program may be gone: then there is less to follow, and the report says where. */
static int load_objects(const struct drv_image_facts *f, struct cap_objects **ret)
{
	struct kt_err e = { 0 };
	char text[256];

	if (!f->program || cap_objects_load(f->program, ret, &e) == 0)
		return 0;
	kt_log(KT_AREA_DRIVER, KT_WARN, "%s; going on without its types",
	       kt_err_text(&e, text, sizeof(text)));
	return 0;
}

static int put(const struct capture_opts *o, const struct kt_buf *b, struct kt_err *e)
{
	if (!kt_buf_ok(b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "tell what is in '%s'", o->image);
	if (o->output)
		return kt_file_write_atomic(o->output, kt_buf_str(b), b->len, 0644, e);
	fwrite(kt_buf_str(b), 1, b->len, stdout); /* main says when stdout could not be written */
	return 0;
}

static int dump(const struct capture_opts *o, struct cap_guest *g, const struct drv_image_facts *f,
		struct kt_err *e)
{
	const struct cap_dump_opts opts = {
		.perf = f->perf,
		.nr_perf = f->nr_perf,
		.events = f->nr_events ? f->events : NULL,
		.nr_events = f->nr_events,
	};
	kt_auto(cap_report) struct cap_report *report = NULL;
	kt_auto(buf) struct kt_buf b = { 0 };
	int r = cap_dump(g, &opts, &report, e);

	if (r < 0)
		return r;
	if (o->json)
		cap_report_json(report, &b);
	else
		cap_report_text(report, NULL, &b);
	return put(o, &b, e);
}

static int check(const struct capture_opts *o, struct kt_err *e)
{
	if (!o->image)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "of which memory? Give a saved image by --image");
	if (o->core && (o->json || o->output))
		return kt_fail(e, KT_E_USAGE, EINVAL, "--core and %s exclude each other",
			       o->json ? "--json" : "--output");
	return 0;
}

static int run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct capture_opts *o = ctx->opts;
	kt_auto(drv_image) struct drv_image image = { 0 };
	kt_auto(cap_types) struct cap_types *types = NULL;
	kt_auto(cap_objects) struct cap_objects *objects = NULL;
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	struct cap_guest_config c;
	int r;

	ctx->json_document = o->json && !o->output;
	r = check(o, e);
	if (r == 0)
		r = drv_image_load(o->image, &image, e);
	if (r == 0 && !o->core)
		r = load_types(o, &image, &types, e);
	if (r == 0 && !o->core)
		r = load_objects(&image.facts, &objects);
	if (r < 0)
		return r;
	c = drv_image_guest(&image, types, objects);
	r = cap_guest_open(&c, &g, e);
	if (r < 0)
		return kt_context(e, r, "look into '%s'", o->image);
	return o->core ? drv_image_write_core(&image, g, o->core, e) : dump(o, g, &image.facts, e);
}

const struct drv_command drv_cmd_capture = {
	.name = "capture",
	.summary = "tell what is in a saved image of a guest's memory",
	.help = "An image has the pages that a capture read, and what was known of the guest besides. "
		"Its report is the one that the capture itself made.",
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct capture_opts),
	.run = run,
};

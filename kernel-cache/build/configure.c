/* SPDX-License-Identifier: GPL-2.0-only */
/* A .config by the kernel's own tools, out of tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "kernel-cache/build/internal.h"

enum { OUTPUT_BYTES_MAX = 4 << 20 };

struct configure {
	const struct kc_toolchain *toolchain;
	const char *src, *objects;
	const struct kc_config_request *r;
	char *config; /* OBJECTS/.config */
	char *wants; /* the fragment, beside it */
};

static void configure_done(struct configure *c)
{
	free(c->config);
	free(c->wants);
}

static int add_args(const struct configure *c, const char *target, const char *extra,
		    struct kt_strv *ret)
{
	if (kt_strv_add(ret, "make") < 0 || kt_strv_add(ret, "-s") < 0 ||
	    kt_strv_add(ret, "-C") < 0 || kt_strv_add(ret, c->src) < 0 ||
	    kt_strv_addf(ret, "O=%s", c->objects) < 0 || kt_strv_add(ret, "ARCH=" KC_ARCH) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < c->toolchain->make_args.nr; i++) {
		if (kt_strv_add(ret, c->toolchain->make_args.v[i]) < 0)
			return -ENOMEM;
	}
	if (extra && kt_strv_add(ret, extra) < 0)
		return -ENOMEM;
	return kt_strv_add(ret, target);
}

static int failed(const struct configure *c, const char *target, const struct kt_buf *said,
		  const struct kt_proc_end *end, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf how = { 0 }, error = { 0 };
	struct kc_output o = { 0 };

	kc_output_feed(&o, kt_buf_str(said), said->len);
	kc_output_end(&o);
	kc_output_format(&o, &error);
	kc_output_done(&o);
	kt_proc_end_format(&how, end);
	return kt_fail(e, KT_E_BUILD, end->signalled ? EINTR : EINVAL,
		       "make %s for the kernel in '%s' %s%s%s", target, c->src, kt_buf_str(&how),
		       error.len ? "; the first error:" : " without a word", kt_buf_str(&error));
}

static int run_make(const struct configure *c, const char *target, const char *extra,
		    struct kt_err *e)
{
	kt_auto(strv) struct kt_strv argv = { 0 };
	kt_auto(strv) struct kt_strv env = { 0 };
	kt_auto(buf) struct kt_buf output = { 0 };
	struct kt_proc_opts po = { 0 };
	struct kt_proc_end end;
	int r = kc_make_env(c->toolchain, c->src, false, &env, e);

	if (r < 0)
		return r;
	if (add_args(c, target, extra, &argv) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "configure a kernel");
	po.argv = (const char *const *)argv.v;
	po.env_set = (const char *const *)env.v;
	r = kt_proc_run(&po, -1, OUTPUT_BYTES_MAX, NULL, &output, &end, e);
	if (r < 0)
		return kt_context(e, r, "configure the kernel in '%s'", c->src);
	if (!end.signalled && end.code == 0)
		return 0;
	return failed(c, target, &output, &end, e);
}

static int write_file(const char *path, const char *text, const char *more, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_buf_adds(&b, text);
	kt_buf_addc(&b, '\n');
	kt_buf_adds(&b, more);
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", path);
	return kt_file_write_atomic(path, b.data, b.len, 0644, e);
}

static int read_config(const char *path, struct kt_buf *ret, struct kt_err *e)
{
	int r = kt_file_read(path, KC_CONFIG_BYTES_MAX, ret, e);

	if (r < 0)
		return r;
	if (ret->len == 0 || ret->len != strlen(ret->data))
		return kt_fail(e, KT_E_BUILD, EINVAL, "'%s' is not a configuration", path);
	return 0;
}

/* The kernel's rule for an option that is said twice is that the last wins: so ours come after the base's. */
static int from_base(const struct configure *c, const char *base, struct kt_err *e)
{
	int r = write_file(c->config, base, c->r->merged, e);

	return r < 0 ? r : run_make(c, "olddefconfig", NULL, e);
}

static int from_nothing(const struct configure *c, struct kt_err *e)
{
	kt_auto(mem) char *allconfig = kt_fmt("KCONFIG_ALLCONFIG=%s", c->wants);
	int r;

	if (!allconfig)
		return kt_fail(e, KT_E_HOST, ENOMEM, "configure a kernel");
	r = write_file(c->wants, "", c->r->merged, e);
	if (r == 0)
		r = run_make(c, "allnoconfig", allconfig, e);
	(void)unlink(c->wants); /* of no use to anybody; the directory goes or is used again */
	return r;
}

static int from_defconfig(const struct configure *c, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf base = { 0 };
	int r = run_make(c, "defconfig", NULL, e);

	if (r == 0)
		r = read_config(c->config, &base, e);
	return r < 0 ? r : from_base(c, base.data, e);
}

static int from_tree(const struct configure *c, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/.config", c->src);
	kt_auto(buf) struct kt_buf base = { 0 };
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "configure a kernel");
	if (access(path, F_OK) < 0)
		return kt_fail(e, KT_E_CONFIG, ENOENT,
			       "base 'tree': the source tree has no .config ('%s')", path);
	r = read_config(path, &base, e);
	return r < 0 ? r : from_base(c, base.data, e);
}

static int configure(const struct configure *c, struct kt_err *e)
{
	if (c->r->base_text)
		return from_base(c, c->r->base_text, e);
	if (kt_streq(c->r->base, "allnoconfig"))
		return from_nothing(c, e);
	if (kt_streq(c->r->base, "defconfig"))
		return from_defconfig(c, e);
	return from_tree(c, e);
}

int kc_configure(const struct kc_toolchain *t, const char *src, const char *objects,
		 const struct kc_config_request *r, char **ret_config, struct kt_err *e)
{
	struct configure c = {
		.toolchain = t,
		.src = src,
		.objects = objects,
		.r = r,
		.config = kt_fmt("%s/.config", objects),
		.wants = kt_fmt("%s/.ktstr-wants", objects),
	};
	kt_auto(buf) struct kt_buf text = { 0 };
	int n;

	if (!c.config || !c.wants) {
		configure_done(&c);
		return kt_fail(e, KT_E_HOST, ENOMEM, "configure a kernel");
	}
	n = kt_mkdir_p(objects, 0755, e);
	if (n == 0)
		n = configure(&c, e);
	if (n == 0)
		n = read_config(c.config, &text, e);
	configure_done(&c);
	if (n < 0)
		return n;
	*ret_config = kt_buf_take(&text);
	return 0;
}

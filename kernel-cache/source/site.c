/* SPDX-License-Identifier: GPL-2.0-only */
/* Where kernel.org, or a mirror that is laid out as it is, has its files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/source/kernelorg.h"

void kc_site_done(struct kc_site *s)
{
	free(s->releases);
	free(s->pub);
	free(s->snapshots);
	*s = (struct kc_site){ 0 };
}

static int check_mirror(const char *mirror, struct kt_err *e)
{
	const char *host = strstr(mirror, "://");

	if (!host)
		return kt_fail(e, KT_E_CONFIG, EINVAL,
			       "the kernel mirror '%s' is no URL (http://, https:// or file:///)",
			       mirror);
	/* The URL goes into ktstr.lock, which people commit: no password must get there. */
	if (memchr(host + 3, '@', strcspn(host + 3, "/")))
		return kt_fail(
			e, KT_E_CONFIG, EINVAL,
			"the kernel mirror's URL has a user name in it, which is not supported");
	return 0;
}

static int no_memory(struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "find a mirror of kernel.org");
}

static int init_mirror(const char *mirror, struct kc_site *ret, struct kt_err *e)
{
	int len = (int)strlen(mirror);
	int r = check_mirror(mirror, e);

	if (r < 0)
		return r;
	while (len && mirror[len - 1] == '/')
		len--;
	ret->releases = kt_fmt("%.*s/releases.json", len, mirror);
	ret->pub = kt_fmt("%.*s/pub/linux/kernel", len, mirror);
	ret->snapshots = kt_fmt("%.*s/torvalds/t", len, mirror);
	return ret->releases && ret->pub && ret->snapshots ? 0 : no_memory(e);
}

int kc_site_init(const struct kc_opts *o, struct kc_site *ret, struct kt_err *e)
{
	const char *mirror = o->mirror ? o->mirror : getenv("KTSTR_KERNEL_MIRROR");
	kt_auto(kc_site) struct kc_site s = { 0 };
	int r = 0;

	if (mirror && *mirror) {
		r = init_mirror(mirror, &s, e);
	} else if (kc_dup("https://www.kernel.org/releases.json", &s.releases) < 0 ||
		   kc_dup("https://cdn.kernel.org/pub/linux/kernel", &s.pub) < 0 ||
		   kc_dup("https://git.kernel.org/torvalds/t", &s.snapshots) < 0) {
		r = no_memory(e);
	}
	if (r < 0)
		return r;
	*ret = s;
	s = (struct kc_site){ 0 };
	return 0;
}

char *kc_site_dir(const struct kc_site *s, const struct kc_kver *v)
{
	/* Up to 2.6 a directory a series, then one a major number. */
	if (v->major < 3)
		return kt_fmt("%s/v%u.%u/", s->pub, v->major, v->minor);
	return kt_fmt("%s/v%u.x/", s->pub, v->major);
}

char *kc_site_tarball(const struct kc_site *s, const struct kc_kver *v)
{
	kt_auto(mem) char *dir = kc_site_dir(s, v);
	char name[KC_KVER_BYTES];

	kc_kver_name(v, name);
	if (v->rc)
		return kt_fmt("%s/linux-%s.tar.gz", s->snapshots, name);
	return dir ? kt_fmt("%slinux-%s.tar.xz", dir, name) : NULL;
}

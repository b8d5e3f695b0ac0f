/* SPDX-License-Identifier: GPL-2.0-only */
/* The one directory that everything of an archive is in: noted while it is written, taken away at the end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-cache/source/unpack.h"

struct strip {
	const struct kc_tops *t;
	const struct kc_unpack *u;
	int root;
	struct kt_err *e;
};

/* Members are named by their maker: quoted so that a terminal stays sane. */
int kc_unpack_refuse(const struct kc_unpack *u, const char *member, const char *why,
		     struct kt_err *e)
{
	kt_auto(buf) struct kt_buf name = { 0 };

	kt_buf_add_printable(&name, member, strlen(member));
	return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is not safe to unpack: member '%s' %s",
		       u->name, kt_buf_str(&name), why);
}

void kc_tops_note(struct kc_tops *t, const char *path)
{
	size_t len = strcspn(path, "/");

	if (!path[0])
		return;
	if (!t->top[0])
		(void)kt_snprintf(t->top, sizeof(t->top), "%.*s", (int)len, path); /* fits */
	else if (strlen(t->top) != len || memcmp(t->top, path, len) != 0)
		t->several = true;
}

static int strip_failed(const struct strip *w, const char *name, int errnum)
{
	/* Only one thing can be in the way: a member that is called as what we put aside. */
	if (errnum == EISDIR || errnum == EEXIST || errnum == ENOTEMPTY || errnum == EINVAL)
		return kc_unpack_refuse(w->u, name, "cannot be moved to the top of the tree", w->e);
	return kt_fail(w->e, KT_E_HOST, errnum, "move '%s/%s' out of '%s'", w->u->dir, name,
		       w->t->top);
}

static int list_top(const struct strip *w, int top, struct kt_strv *ret)
{
	kt_auto(dir) DIR *dir = fdopendir(top);
	struct dirent *d;

	if (!dir) {
		close(top);
		return strip_failed(w, "", ENOMEM);
	}
	while ((d = readdir(dir))) {
		if (!kt_streq(d->d_name, ".") && !kt_streq(d->d_name, "..") &&
		    kt_strv_add(ret, d->d_name) < 0)
			return strip_failed(w, d->d_name, ENOMEM);
	}
	return 0;
}

/* Move everything out of the one directory that all is in, which is open as @top (taken). */
static int strip_top(const struct strip *w, int top)
{
	static const char aside[] = ".ktstr-top";
	kt_auto(strv) struct kt_strv names = { 0 };
	int root = w->root;
	kt_auto(fd) int from = -1;
	int r = list_top(w, top, &names);

	if (r < 0)
		return r;
	/* There may be something of the same name in it. */
	if (renameat(root, w->t->top, root, aside) < 0)
		return strip_failed(w, w->t->top, errno);
	from = openat(root, aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return strip_failed(w, w->t->top, errno);
	for (size_t i = 0; i < names.nr; i++) {
		if (renameat(from, names.v[i], root, names.v[i]) < 0)
			return strip_failed(w, names.v[i], errno);
	}
	if (unlinkat(root, aside, AT_REMOVEDIR) < 0)
		return strip_failed(w, aside, errno);
	return 0;
}

int kc_tops_finish(const struct kc_tops *t, const struct kc_unpack *u, int root, struct kt_err *e)
{
	const struct strip w = { .t = t, .u = u, .root = root, .e = e };
	int top;

	if (!t->several && t->top[0]) {
		top = openat(root, t->top, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (top >= 0 && t->to_top[0]) {
			close(top);
			return kc_unpack_refuse(u, t->to_top, "is a symbolic link out of the tree",
						e);
		}
		if (top >= 0)
			return strip_top(&w, top);
	}
	if (faccessat(root, "Makefile", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    faccessat(root, "Kconfig", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return kt_fail(
		e, KT_E_KERNEL, EBADMSG,
		"'%s' is no kernel source: it has no single directory at its top, and no Makefile and Kconfig there",
		u->name);
}

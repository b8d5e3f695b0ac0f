/* SPDX-License-Identifier: GPL-2.0-only */
/* Which files of a directory, or around an image, are those of one kernel. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel-cache/source/local.h"

/*
 * Where a kernel tree or a directory that somebody gathered has its files, the most telling first.
 */
static const char *const image_names[] = { "arch/x86/boot/bzImage", "arch/x86_64/boot/bzImage",
					   "bzImage", "vmlinuz", NULL };
static const char *const vmlinux_names[] = { "vmlinux", NULL };
static const char *const config_names[] = { ".config", "config", NULL };
static const char *const system_map_names[] = { "System.map", NULL };
static const char *const *const names_in_dir[KC_FILE_NR] = {
	[KC_FILE_IMAGE] = image_names,
	[KC_FILE_VMLINUX] = vmlinux_names,
	[KC_FILE_CONFIG] = config_names,
	[KC_FILE_SYSTEM_MAP] = system_map_names,
};

struct found {
	const char *spec, *path; /* absolute */
	char **source;
};

static int no_memory(const struct found *l, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "get kernel '%s'", l->spec);
}

static int find_named(const char *dir, const char *const *names, char **ret)
{
	for (; *names; names++) {
		char *path = kt_fmt("%s/%s", dir, *names);
		struct stat st;

		if (!path)
			return -ENOMEM;
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
			*ret = path;
			return 0;
		}
		free(path);
	}
	return 0;
}

/* vmlinuz-RELEASE, as in /boot: only when there is exactly one. */
static int find_vmlinuz(struct found *l, struct kt_err *e)
{
	kt_auto(dir) DIR *dir = opendir(l->path);
	kt_auto(mem) char *found = NULL;
	struct dirent *d;

	if (!dir)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", l->path);
	while ((d = readdir(dir))) {
		if (!kt_starts_with(d->d_name, "vmlinuz-"))
			continue;
		if (found)
			return kt_fail(e, KT_E_KERNEL, EINVAL,
				       "several kernel images in '%s' (%s, %s); name one", l->path,
				       strrchr(found, '/') + 1, d->d_name);
		found = kt_fmt("%s/%s", l->path, d->d_name);
		if (!found)
			return no_memory(l, e);
	}
	l->source[KC_FILE_IMAGE] = kt_take(found);
	return 0;
}

/* All but the image, and that too unless it is known. */
static int find_in(struct found *l, const char *dir, struct kt_err *e)
{
	int r = 0;

	for (int i = 0; i < KC_FILE_NR && r == 0; i++) {
		if (names_in_dir[i] && !l->source[i])
			r = find_named(dir, names_in_dir[i], &l->source[i]);
	}
	return r < 0 ? no_memory(l, e) : 0;
}

/*
 * The image that a kernel's build has left in its tree: what belongs to it is three levels up. Whether it really does
 * is seen later, by its types.
 */
static int find_around(struct found *l, struct kt_err *e)
{
	for (const char *const *name = image_names; *name; name++) {
		kt_auto(mem) char *end = kt_fmt("/%s", *name);
		kt_auto(mem) char *dir = NULL;

		if (!end)
			return no_memory(l, e);
		if (!strchr(*name, '/') || !kt_ends_with(l->path, end))
			continue;
		dir = strndup(l->path, strlen(l->path) - strlen(end));
		return dir ? find_in(l, dir, e) : no_memory(l, e);
	}
	return 0;
}

int kc_local_find(const char *spec, const char *path, char *ret[static KC_FILE_NR],
		  struct kt_err *e)
{
	struct found found = { .spec = spec, .path = path, .source = ret }, *l = &found;
	struct stat st;
	int r;

	if (stat(l->path, &st) < 0)
		return kt_fail(e, KT_E_KERNEL, errno, "there is no kernel at '%s': %s", l->path,
			       strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		l->source[KC_FILE_IMAGE] = strdup(l->path);
		return l->source[KC_FILE_IMAGE] ? find_around(l, e) : no_memory(l, e);
	}
	r = find_in(l, l->path, e);
	if (r < 0)
		return r;
	if (!l->source[KC_FILE_IMAGE])
		r = find_vmlinuz(l, e);
	if (r == 0 && !l->source[KC_FILE_IMAGE])
		r = kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"no kernel image in '%s' (arch/x86/boot/bzImage, bzImage, vmlinuz, vmlinuz-*)",
			l->path);
	return r;
}

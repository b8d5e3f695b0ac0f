/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of what captures write, and removal of what an earlier run of the same name left. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "driver/cell/coordinator.h"

static const char dump_end[] = ".failure-dump.json";

/* Without @end, where it ends so. */
static int stem_len(const char *path, const char *end)
{
	size_t len = strlen(path);

	return (int)(kt_ends_with(path, end) ? len - strlen(end) : len);
}

char *cell_dump_path(const char *sidecar_path)
{
	return kt_fmt("%.*s%s", stem_len(sidecar_path, ".ktstr.json"), sidecar_path, dump_end);
}

static void add_tag(struct kt_buf *b, const char *tag)
{
	for (const char *p = tag; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("._-", *p);

		kt_buf_addc(b, plain ? *p : '_');
	}
}

/* A name without a beginning, or hidden by a dot, would not be found. */
static void add_stem(struct kt_buf *b, const char *dump_path)
{
	const char *slash = strrchr(dump_path, '/');
	const char *name = slash ? slash + 1 : dump_path;
	int len = stem_len(name, dump_end);

	kt_buf_add(b, dump_path, (size_t)(name - dump_path));
	if (len == 0 || name[0] == '.')
		kt_buf_adds(b, "dump");
	else
		kt_buf_add(b, name, (size_t)len);
}

char *cell_dump_tagged(const char *dump_path, const char *tag)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	add_stem(&b, dump_path);
	kt_buf_adds(&b, ".snapshot.");
	add_tag(&b, tag);
	kt_buf_adds(&b, ".json");
	return kt_buf_take(&b);
}

char *cell_dump_on_demand(const char *dump_path, unsigned n)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	add_stem(&b, dump_path);
	kt_buf_addf(&b, ".on_demand_%u.json", n);
	return kt_buf_take(&b);
}

char *cell_dump_image(const char *dump_path)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	add_stem(&b, dump_path);
	kt_buf_adds(&b, ".image");
	return kt_buf_take(&b);
}

/* @rest: of a name, after the stem. */
static bool is_ours(const char *rest)
{
	return kt_streq(rest, dump_end) || kt_streq(rest, ".image") ||
	       ((kt_starts_with(rest, ".snapshot.") || kt_starts_with(rest, ".on_demand_")) &&
		kt_ends_with(rest, ".json"));
}

/* As kt_file_write_atomic() names what is not finished: ".NAME.0123456789abcdef.tmp". */
static bool is_unfinished(const char *name, const char *stem, size_t stem_bytes)
{
	static const char end[] = ".0123456789abcdef.tmp";
	char rest[256];
	size_t len = strlen(name);

	if (name[0] != '.' || len < 1 + stem_bytes + strlen(end) ||
	    strncmp(name + 1, stem, stem_bytes) != 0 || !kt_ends_with(name, ".tmp"))
		return false;
	return kt_snprintf(rest, sizeof(rest), "%.*s", (int)(len - 1 - stem_bytes - strlen(end)),
			   name + 1 + stem_bytes) == 0 &&
	       is_ours(rest);
}

int cell_remove_dumps(const char *dump_path, struct kt_err *e)
{
	const char *slash = strrchr(dump_path, '/');
	const char *name = slash ? slash + 1 : dump_path;
	size_t len = (size_t)stem_len(name, dump_end);
	kt_auto(mem) char *dir = slash ? strndup(dump_path, (size_t)(slash - dump_path))
				       : strdup(".");
	kt_auto(dir) DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *de;

	if (!d)
		return dir && errno == ENOENT
			       ? 0
			       : kt_fail(e, KT_E_HOST, dir ? errno : ENOMEM,
					 "look for dumps of an earlier run beside '%s'", dump_path);
	while ((de = readdir(d))) {
		bool stale = strncmp(de->d_name, name, len) == 0 && is_ours(de->d_name + len);

		if (!stale && !is_unfinished(de->d_name, name, len))
			continue;
		if (unlinkat(dirfd(d), de->d_name, 0) < 0 && errno != ENOENT)
			return kt_fail(e, KT_E_HOST, errno, "remove '%s/%s' of an earlier run", dir,
				       de->d_name);
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Names in archives are whatever their maker liked: which ones may become files below our directory. */
#include <string.h>

#include "kernel-cache/source/unpack.h"

/* The next part of a path, without slashes; NULL at the end. */
static const char *next_part(const char **at, size_t *ret_len)
{
	const char *part = *at + strspn(*at, "/");

	*ret_len = strcspn(part, "/");
	*at = part + *ret_len;
	return *ret_len ? part : NULL;
}

static bool is_dot(const char *part, size_t len)
{
	return len == 1 && part[0] == '.';
}

static bool is_dot_dot(const char *part, size_t len)
{
	return len == 2 && part[0] == '.' && part[1] == '.';
}

const char *kc_unpack_path(const char *raw, const struct kc_unpack_limits *limits, char *ret,
			   unsigned *ret_depth)
{
	unsigned depth = 0;
	size_t used = 0, len;
	const char *part;

	if (raw[0] == '/')
		return "has an absolute path";
	if (strlen(raw) > limits->path_bytes)
		return "has too long a path";
	while ((part = next_part(&raw, &len))) {
		if (is_dot(part, len))
			continue;
		if (is_dot_dot(part, len))
			return "has '..' in its path";
		if (len > NAME_MAX)
			return "has too long a name";
		if (++depth > limits->depth)
			return "is too many directories deep";
		if (used)
			ret[used++] = '/';
		memcpy(ret + used, part, len);
		used += len;
	}
	ret[used] = '\0';
	*ret_depth = depth;
	return NULL;
}

/*
 * Only "../" in front and names after it. Since the directory that holds the link is a real one, going up is counted
 * rightly; and with no ".." after a name, no chain of such links gets above the top, whatever links the names are.
 */
const char *kc_unpack_symlink(const char *target, unsigned depth,
			      const struct kc_unpack_limits *limits, bool *ret_to_top)
{
	unsigned up = 0;
	bool named = false;
	const char *part;
	size_t len;

	if (!*target)
		return "is a symbolic link to nothing";
	if (target[0] == '/')
		return "is a symbolic link to an absolute path";
	if (strlen(target) > limits->path_bytes)
		return "is a symbolic link to too long a path";
	while ((part = next_part(&target, &len))) {
		if (is_dot(part, len))
			continue;
		if (!is_dot_dot(part, len)) {
			named = true;
			continue;
		}
		if (named)
			return "is a symbolic link with '..' after a name";
		if (++up >= depth)
			return "is a symbolic link out of the tree";
	}
	*ret_to_top = up + 1 == depth;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs of the host: where they are, and what they say of their version. Asking gcc takes longer than a hit in the
 * cache may, so the answer is remembered for as long as the file is the same.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "kernel-cache/build/build.h"

enum { VERSION_MS = 20000, VERSION_BYTES_MAX = 16 << 10, LINE_BYTES_MAX = 256 };
#define NS_PER_S UINT64_C(1000000000)

/* The file that a program is, in numbers that change when it does. */
struct identity {
	char path[PATH_MAX]; /* without links */
	uint64_t dev, ino, bytes, mtime_ns, ctime_ns;
	bool is_elf; /* else a script, which may do anything */
};

int kc_program_find(const char *name, char **ret)
{
	const char *path = getenv("PATH"), *end;

	if (strchr(name, '/')) {
		/* make runs elsewhere. Links stay: a program may go by the name it is called by. */
		char *cwd = name[0] == '/' ? NULL : get_current_dir_name();
		char *file = name[0] == '/' ? strdup(name)
			     : cwd          ? kt_fmt("%s/%s", cwd, name)
					    : NULL;

		free(cwd);
		if (!file)
			return -ENOMEM;
		if (access(file, X_OK) == 0) {
			*ret = file;
			return 0;
		}
		free(file);
		return -ENOENT;
	}
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	for (; *name && *path; path = *end ? end + 1 : end) {
		kt_auto(mem) char *file = NULL;
		struct stat st;

		end = strchrnul(path, ':');
		file = end == path ? kt_fmt("./%s", name)
				   : kt_fmt("%.*s/%s", (int)(end - path), path, name);
		if (!file)
			return -ENOMEM;
		if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0) {
			*ret = kt_take(file);
			return 0;
		}
	}
	return -ENOENT;
}

static uint64_t to_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

static bool identify(const char *program, struct identity *ret)
{
	kt_auto(fd) int fd = -1;
	char magic[SELFMAG];
	struct stat st;

	if (!realpath(program, ret->path))
		return false;
	fd = open(ret->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->bytes = (uint64_t)st.st_size;
	ret->mtime_ns = to_ns(&st.st_mtim);
	ret->ctime_ns = to_ns(&st.st_ctim);
	ret->is_elf = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
		      memcmp(magic, ELFMAG, SELFMAG) == 0;
	return true;
}

/* A script, or ccache or rustup under a compiler's name, answers for a program that we do not see. */
static bool answers_for_itself(const struct identity *id)
{
	const char *name = strrchr(id->path, '/');

	return id->is_elf && name && !kt_streq(name, "/ccache") && !kt_streq(name, "/rustup");
}

static char *note_path(const char *cache_dir, const struct identity *id)
{
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;

	kt_sha256_init(&s);
	kt_sha256_add(&s, id->path, strlen(id->path));
	kt_sha256_hex(&s, hex);
	return kt_fmt("%s/index/tool-%.16s.json", cache_dir, hex);
}

/* As text: JSON numbers are exact only below 2^53. */
static void format_identity(const struct identity *id, char *buf, size_t size)
{
	(void)kt_snprintf(buf, size, "%llx.%llx.%llx.%llx.%llx", (unsigned long long)id->dev,
			  (unsigned long long)id->ino, (unsigned long long)id->bytes,
			  (unsigned long long)id->mtime_ns, (unsigned long long)id->ctime_ns);
}

static bool recall(const char *note, const struct identity *id, char **ret)
{
	kt_auto(cjson) cJSON *o = NULL;
	const char *path, *file, *text;
	char now[128];

	/* Broken is as good as missing: it is only there to save time. */
	if (kc_json_load(note, &o, NULL) < 0)
		return false;
	path = kc_json_get_str(o, "path");
	file = kc_json_get_str(o, "file");
	text = kc_json_get_str(o, "version");
	format_identity(id, now, sizeof(now));
	if (!path || !file || !text || !*text || !kt_streq(path, id->path) || !kt_streq(file, now))
		return false;
	*ret = strdup(text);
	return *ret != NULL;
}

static void remember(const char *cache_dir, const char *note, const struct identity *id,
		     const char *text)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(mem) char *dir = kt_fmt("%s/index", cache_dir);
	struct kt_json j;
	char now[128];

	format_identity(id, now, sizeof(now));
	kt_json_init(&j, &b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_str(&j, "path", id->path);
	kt_json_str(&j, "file", now);
	kt_json_str(&j, "version", text);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	/* A cache that cannot be written to costs the question again. */
	if (dir && kt_buf_ok(&b) && kt_mkdir_p(dir, 0755, NULL) == 0)
		(void)kt_file_write_atomic(note, b.data, b.len, 0644, NULL);
}

static int ask(const char *program, char **ret, struct kt_err *e)
{
	const char *const argv[] = { program, "--version", NULL };
	const char *const env[] = { "LC_ALL=C", NULL };
	const struct kt_proc_opts o = { .argv = argv, .env_set = env };
	kt_auto(buf) struct kt_buf out = { 0 }, how = { 0 };
	struct kt_proc_end end;
	size_t len;
	int r = kt_proc_run(&o, VERSION_MS, VERSION_BYTES_MAX, &out, NULL, &end, e);

	if (r < 0)
		return kt_context(e, r, "ask '%s' for its version", program);
	kt_proc_end_format(&how, &end);
	if (end.signalled || end.code != 0)
		return kt_fail(e, KT_E_TOOL, ENOEXEC, "'%s --version' %s: it does not work here",
			       program, kt_buf_str(&how));
	len = strcspn(kt_buf_str(&out), "\n");
	if (!len || len > LINE_BYTES_MAX)
		return kt_fail(e, KT_E_TOOL, ENOEXEC,
			       "'%s --version' says nothing that is a version", program);
	*ret = strndup(out.data, len);
	return *ret ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "ask '%s' for its version", program);
}

int kc_program_version(const char *cache_dir, const char *program, char **ret, struct kt_err *e)
{
	kt_auto(mem) struct identity *id = calloc(1, sizeof(*id));
	kt_auto(mem) char *note = NULL;
	int r;

	if (!id)
		return kt_fail(e, KT_E_HOST, ENOMEM, "ask '%s' for its version", program);
	if (cache_dir && identify(program, id) && answers_for_itself(id))
		note = note_path(cache_dir, id);
	if (note && recall(note, id, ret))
		return 0;
	r = ask(program, ret, e);
	if (r == 0 && note)
		remember(cache_dir, note, id, *ret);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending a kernel that was built here to a shared cache. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "kernel-cache/store/remote.h"

enum { NAME_DIGITS = 12 };

static int describe(const struct kc_metadata *m, const struct kc_shared_index *x, const char *path,
		    struct kt_err *e)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_json j;

	kt_json_init(&j, &text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_str(&j, "key", m->key);
	kt_json_str(&j, "release", m->release);
	kt_json_str(&j, "archive", x->archive);
	kt_json_u64(&j, "size", x->bytes);
	kt_json_str(&j, "sha256", x->sha256);
	kt_json_i64(&j, "created", m->created);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", path);
	return kt_file_write_atomic(path, text.data, text.len, 0644, e);
}

static int pack(const struct kc_shared *s, const struct kc_metadata *m, const char *archive,
		struct kc_shared_index *ret, struct kt_err *e)
{
	kt_auto(mem) char *dir = kt_fmt("%s/kernels/%s", s->cache_dir, s->key);
	char sum[KT_SHA256_HEX];
	struct stat st;
	int r = dir ? kc_pack(dir, m, archive, e) : kc_shared_no_memory(s, e);

	if (r == 0)
		r = kt_sha256_file(archive, sum, e);
	if (r < 0)
		return r;
	if (stat(archive, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "look at '%s'", archive);
	ret->bytes = (uint64_t)st.st_size;
	ret->sha256 = strdup(sum);
	ret->archive = kt_fmt("%s-%.*s.tar.zst", s->key, NAME_DIGITS, sum);
	return ret->sha256 && ret->archive ? 0 : kc_shared_no_memory(s, e);
}

/* For readers there is either no file of that name or the whole one. */
static int copy_whole(const char *from, const char *to, struct kt_err *e)
{
	kt_auto(mem) char *temp = kt_fmt("%s.%d.tmp", to, (int)getpid());
	kt_auto(fd) int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	int r;

	if (!temp)
		return kt_fail(e, KT_E_HOST, ENOMEM, "copy '%s'", from);
	if (in < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", from);
	out = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (out < 0)
		return kt_fail(e, KT_E_KERNEL, EIO, "create '%s': %s", temp, strerror(errno));
	r = kt_copy_fd(in, out);
	if (r == 0 && fsync(out) < 0)
		r = -errno;
	if (r == 0 && rename(temp, to) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(temp);
		return kt_fail(e, KT_E_KERNEL, EIO, "write '%s': %s", to, strerror(-r));
	}
	return 0;
}

static int send_file(const struct kc_shared *s, const char *path, const char *name,
		     const char *token, struct kt_err *e)
{
	kt_auto(mem) char *dir = s->place.dir ? kt_fmt("%s/v1", s->place.dir) : NULL;
	kt_auto(mem) char *to = kt_fmt("%s/v1/%s", dir ? s->place.dir : s->place.base, name);

	if (!to || (s->place.dir && !dir))
		return kc_shared_no_memory(s, e);
	if (!dir)
		return kc_http_put(&s->place, to, path, token, e);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return kt_fail(e, KT_E_KERNEL, EIO, "make directory '%s': %s", dir,
			       strerror(errno));
	return copy_whole(path, to, e);
}

/* 1: there is one already. */
static int has_index(const struct kc_shared *s, const char *token, struct kt_err *e)
{
	kt_auto(mem) char *path = s->place.dir ? kt_fmt("%s/v1/%s.json", s->place.dir, s->key)
					       : NULL;

	if (kc_shared_is_broken(s))
		return 0;
	if (!s->place.dir)
		return kc_http_has(&s->place, s->index_url, token, e);
	return path ? access(path, F_OK) == 0 : kc_shared_no_memory(s, e);
}

static void say_sending(const struct kc_shared *s, uint64_t bytes)
{
	const struct kc_progress *p = s->o->progress;
	kt_auto(buf) struct kt_buf text = { 0 };

	if (!p || !p->step)
		return;
	kt_buf_addf(&text, "send %s to the shared cache (", s->key);
	kt_format_size(&text, bytes);
	kt_buf_addc(&text, ')');
	p->step(p->ctx, kt_buf_str(&text));
}

/* The index last: what it names is there. */
static int send_entry(const struct kc_shared *s, const struct kc_metadata *m, const char *token,
		      struct kt_err *e)
{
	kt_auto(mem) char *archive = kt_fmt("%s/archive", s->work);
	kt_auto(mem) char *index = kt_fmt("%s/index.json", s->work);
	kt_auto(mem) char *index_name = kt_fmt("%s.json", s->key);
	kt_auto(kc_shared_index) struct kc_shared_index x = { 0 };
	int r;

	if (!archive || !index || !index_name)
		return kc_shared_no_memory(s, e);
	r = has_index(s, token, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = pack(s, m, archive, &x, e);
	if (r == 0)
		r = describe(m, &x, index, e);
	if (r < 0)
		return r;
	say_sending(s, x.bytes);
	r = send_file(s, archive, x.archive, token, e);
	return r < 0 ? r : send_file(s, index, index_name, token, e);
}

/* Whether there is somebody to send to; a server takes nothing from those without a token. */
static int may_send(const struct kc_shared *s, const char *token, struct kt_err *e)
{
	int r;

	if (s->place.dir)
		return 1;
	if (!token || !*token) {
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG,
		       "KTSTR_CACHE_TOKEN is not set: %s is not sent to '%s'", s->key,
		       s->place.base);
		return 0;
	}
	r = kc_http_token_check(&s->place, token, e);
	if (r == 0 && !s->place.https && !s->place.loopback)
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
		       "sending KTSTR_CACHE_TOKEN to '%s' in the clear, as KTSTR_CACHE_TOKEN_INSECURE says",
		       s->place.base);
	return r < 0 ? r : 1;
}

void kc_remote_put(const char *cache_dir, const char *key, const struct kc_opts *o)
{
	kt_auto(kc_shared) struct kc_shared s = { .cache_dir = cache_dir, .key = key, .o = o };
	kt_auto(mem) char *path = kt_fmt("%s/kernels/%s/metadata.json", cache_dir, key);
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	const char *token = getenv("KTSTR_CACHE_TOKEN");
	struct kt_err why = { 0 };
	int r = kc_shared_begin(&s, &why);

	if (r == -ENOENT)
		return;
	if (r == 0)
		r = may_send(&s, token, &why);
	if (r > 0)
		r = path ? kc_metadata_read(path, &m, &why) : kc_shared_no_memory(&s, &why);
	else if (r == 0)
		return;
	if (r == 0 && !m.dirty)
		r = send_entry(&s, &m, token, &why);
	if (r == -ENOENT && !why.kind) /* somebody removed it again */
		return;
	if (r < 0)
		kc_shared_warn(&s, "send a kernel to the shared cache", &why);
}

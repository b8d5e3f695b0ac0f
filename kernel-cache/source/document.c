/* SPDX-License-Identifier: GPL-2.0-only */
/* A small file of the web: asked for again with the ETag of what is known, and kept as it was the last time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-cache/source/kernelorg.h"

/* What is kept is JSON, which needs a little more room than the text. */
#define DOCUMENT_BYTES_MAX (UINT64_C(3) << 20)

static void make_name(const char *name, const char *keyring, char ret[static KC_ANSWER_NAME_BYTES])
{
	const char *const parts[] = { "document", name, keyring };

	kc_answer_name(parts, sizeof(parts) / sizeof(parts[0]), ret);
}

static int no_memory(const struct kc_document *d, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "fetch '%s'", d->url);
}

static void take(struct kc_answer *from, struct kc_answer *to)
{
	*to = *from;
	*from = (struct kc_answer){ 0 };
}

static bool is_of(const struct kc_answer *a, const struct kc_document *d)
{
	return a->text && kt_streq(a->from, d->url);
}

static int read_text(const struct kc_document *d, const char *dir, const char *path, char **ret,
		     struct kt_err *e)
{
	kt_auto(mem) char *clear = kt_fmt("%s/clear", dir);
	kt_auto(buf) struct kt_buf text = { 0 };
	int r = 0;

	if (!clear)
		return no_memory(d, e);
	if (d->keyring && access(d->keyring, R_OK) < 0)
		return kt_fail(e, KT_E_HOST, errno, "read the keyring '%s' (KTSTR_KERNEL_KEYRING)",
			       d->keyring);
	if (d->keyring)
		r = kc_signed_verify(path, clear, d->keyring, d->url, e);
	if (r == 0)
		r = kt_file_read(d->keyring ? clear : path, DOCUMENT_BYTES_MAX, &text, e);
	if (r < 0)
		return r;
	*ret = text.data ? kt_buf_take(&text) : strdup("");
	return *ret ? 0 : no_memory(d, e);
}

/* @old: what is known, perhaps nothing; its text is taken over when it still holds. */
static int ask(const struct kc_document *d, const char *dir, struct kc_answer *old,
	       struct kc_answer *ret, struct kt_err *e)
{
	kt_auto(kc_answer) struct kc_answer a = { .fetched = time(NULL) };
	kt_auto(mem) char *path = kt_fmt("%s/document", dir);
	int r;

	if (!path || kc_dup(d->url, &a.from) < 0 ||
	    (is_of(old, d) && kc_dup(old->validator, &a.validator) < 0))
		return no_memory(d, e);
	r = kc_fetch(&(struct kc_fetch_opts){ .url = d->url,
					      .path = path,
					      .what = d->what,
					      .max_bytes = DOCUMENT_BYTES_MAX,
					      .etag = &a.validator,
					      .html = d->html,
					      .progress = d->progress },
		     e);
	if (r == 1)
		a.text = kt_take(old->text);
	else if (r == 0)
		r = read_text(d, dir, path, &a.text, e);
	if (r < 0)
		return r;
	take(&a, ret);
	return 0;
}

int kc_document_get(const struct kc_document *d, bool refresh, struct kc_answer *ret,
		    struct kt_err *e)
{
	kt_auto(kc_answer) struct kc_answer old = { 0 }, new = { 0 };
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	char name[KC_ANSWER_NAME_BYTES];
	int r;

	make_name(d->name ? d->name : d->url, d->keyring, name);
	if (kc_answer_read(d->cache_dir, name, &old) == 0 && is_of(&old, d) &&
	    (d->offline || (!refresh && kc_answer_is_fresh(&old)))) {
		old.remembered = true;
		take(&old, ret);
		return 0;
	}
	if (d->offline)
		return kt_fail(e, KT_E_KERNEL, EHOSTUNREACH,
			       "'%s' was never fetched, and there is no network to do so now",
			       d->url);
	kc_answer_done(&old);
	r = kc_answer_begin(d->cache_dir, name, NULL, d->progress, &w, &old, e);
	if (r < 0)
		return r;
	if (r == 1 && is_of(&old, d)) {
		take(&old, ret);
		return 0;
	}
	r = ask(d, w.dir, &old, &new, e);
	if (r == 0)
		r = kc_answer_write(d->cache_dir, name, &new, e);
	if (r < 0)
		return r;
	take(&new, ret);
	return 0;
}

int kc_document_last(const char *cache_dir, const char *document, struct kc_answer *ret)
{
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	char name[KC_ANSWER_NAME_BYTES];

	make_name(document, NULL, name);
	if (kc_answer_read(cache_dir, name, &a) < 0 || !a.text)
		return -ENOENT;
	take(&a, ret);
	return 0;
}

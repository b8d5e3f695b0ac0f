/* SPDX-License-Identifier: GPL-2.0-only */
/* What a server said, remembered in index/ until it is asked again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel-cache/internal.h"

enum { NAME_DIGITS = 16 };
/* Goes up when the same bytes of a server would be understood in another way. */
#define RULE "3"

void kc_answer_done(struct kc_answer *a)
{
	free(a->from);
	free(a->validator);
	free(a->text);
	kc_pick_done(&a->pick);
	*a = (struct kc_answer){ 0 };
}

void kc_answer_name(const char *const *parts, size_t nr, char ret[static KC_ANSWER_NAME_BYTES])
{
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;

	kt_sha256_init(&s);
	kt_sha256_add(&s, RULE, sizeof(RULE));
	for (size_t i = 0; i < nr; i++) {
		kt_sha256_add(&s, parts[i] ? "+" : "-", 1);
		if (parts[i])
			kt_sha256_add(&s, parts[i], strlen(parts[i]) + 1);
	}
	kt_sha256_hex(&s, hex);
	(void)kt_snprintf(ret, KC_ANSWER_NAME_BYTES, "index-%.*s", NAME_DIGITS, hex);
}

static char *path_of(const char *cache_dir, const char *name)
{
	return kt_fmt("%s/index/%s.json", cache_dir, name);
}

int kc_answer_read(const char *cache_dir, const char *name, struct kc_answer *ret)
{
	kt_auto(mem) char *path = path_of(cache_dir, name);
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	kt_auto(cjson) cJSON *root = NULL;
	const cJSON *pick;
	const char *from;
	uint64_t fetched;

	if (!path || kc_json_load(path, &root, NULL) < 0)
		return -ENOENT;
	from = kc_json_get_str(root, "from");
	pick = cJSON_GetObjectItemCaseSensitive(root, "newest");
	if (!from || kc_json_get_u64(root, "fetched", &fetched) < 0 ||
	    (pick && kc_pick_read(pick, &a.pick) < 0))
		return -ENOENT;
	a.fetched = (time_t)fetched;
	if (kc_dup(from, &a.from) < 0 ||
	    kc_dup(kc_json_get_str(root, "validator"), &a.validator) < 0 ||
	    kc_dup(kc_json_get_str(root, "text"), &a.text) < 0 || (!a.pick.key && !a.text))
		return -ENOENT;
	*ret = a;
	a = (struct kc_answer){ 0 };
	return 0;
}

int kc_answer_write(const char *cache_dir, const char *name, const struct kc_answer *a,
		    struct kt_err *e)
{
	kt_auto(mem) char *path = path_of(cache_dir, name);
	kt_auto(mem) char *dir = kt_fmt("%s/index", cache_dir);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_json j;
	int r;

	kt_json_init(&j, &text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_str(&j, "from", a->from);
	kt_json_i64(&j, "fetched", a->fetched);
	if (a->validator)
		kt_json_str(&j, "validator", a->validator);
	if (a->pick.key) {
		kt_json_object_begin(&j, "newest");
		kc_pick_write(&a->pick, &j);
		kt_json_object_end(&j);
	}
	if (a->text)
		kt_json_str(&j, "text", a->text);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!path || !dir || !kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, ENOMEM, "remember what '%s' said", a->from);
	r = kt_mkdir_p(dir, 0755, e);
	if (r == 0)
		r = kt_file_write_atomic(path, text.data, text.len, 0644, e);
	/* Where nothing can be written it is asked again the next time; what was asked for may be there all the same. */
	return r == -EROFS || r == -EACCES ? 0 : r;
}

bool kc_answer_is_fresh(const struct kc_answer *a)
{
	time_t now = time(NULL);

	/* One from the future is of another clock. */
	return a->fetched <= now && now - a->fetched < KC_INDEX_FRESH_SECONDS;
}

/* Tells one answer from the next, which may be of the same second. */
static struct timespec written_at(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

int kc_answer_begin(const char *cache_dir, const char *name, const char *purpose,
		    const struct kc_progress *progress, struct kc_work *w, struct kc_answer *ret,
		    struct kt_err *e)
{
	kt_auto(mem) char *path = path_of(cache_dir, name);
	struct timespec before, after;
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look up %s", name);
	before = written_at(path);
	r = kc_work_begin(cache_dir, name, purpose, progress, w, e);
	if (r < 0)
		return r;
	after = written_at(path);
	if (kc_answer_read(cache_dir, name, ret) < 0)
		return 0;
	return kc_answer_is_fresh(ret) &&
	       (after.tv_sec != before.tv_sec || after.tv_nsec != before.tv_nsec);
}

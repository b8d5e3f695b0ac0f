/* SPDX-License-Identifier: GPL-2.0-only */
/* What the probe found, kept until this host is another: booted anew, its /dev/kvm changed, or this program. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "vmm/kvm/internal.h"

#define FILE_NAME "kvm-probe.json"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define DEVICE "/dev/kvm"
enum { SCHEMA_VERSION = 1, FILE_MAX = 4096, KEY_BYTES = 256 };
/* One more whenever the probe tries something else. */
#define PROGRAM KTSTR_VERSION " probe 1"

struct answer {
	bool can_run;
	char text[256]; /* what is missing */
};

/*
 * All that an answer depends on. The kernel makes the device's node anew, with another inode, when the module is loaded
 * again; ctime is for those who make it themselves.
 */
static int host_key(char ret[KEY_BYTES])
{
	char boot_id[64];
	struct stat st;

	if (kt_file_read_small(BOOT_ID, boot_id, sizeof(boot_id)) <= 0 || stat(DEVICE, &st) < 0)
		return -ENOENT;
	return kt_snprintf(ret, KEY_BYTES,
			   PROGRAM ", boot %s, device %llx inode %llu on %llx, %lld.%09ld", boot_id,
			   (unsigned long long)st.st_rdev, (unsigned long long)st.st_ino,
			   (unsigned long long)st.st_dev, (long long)st.st_ctim.tv_sec,
			   st.st_ctim.tv_nsec);
}

/* A plain file of our own and no other, whatever lies there. */
static ssize_t read_own_file(const char *path, char *buf, size_t size)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size >= (off_t)size)
		return -EINVAL;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if (*s < ' ' || *s > '~')
			return false;
	}
	return true;
}

static int parse(const char *text, const char *key, struct answer *ret)
{
	cJSON *j = cJSON_Parse(text);
	const char *its_key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "host"));
	const char *missing = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "missing"));
	const cJSON *can = cJSON_GetObjectItemCaseSensitive(j, "can_run");
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(j, "schema_version");
	int r = -EINVAL;

	if (its_key && kt_streq(its_key, key) && cJSON_IsBool(can) && cJSON_IsNumber(version) &&
	    version->valueint == SCHEMA_VERSION && missing && is_printable(missing) &&
	    cJSON_IsTrue(can) == (missing[0] == '\0')) {
		ret->can_run = cJSON_IsTrue(can);
		r = kt_snprintf(ret->text, sizeof(ret->text), "%s", missing);
	}
	cJSON_Delete(j);
	return r;
}

static int load(const char *cache_dir, const char *key, struct answer *ret)
{
	kt_auto(mem) char *path = kt_fmt("%s/" FILE_NAME, cache_dir);
	char text[FILE_MAX];
	ssize_t n = path ? read_own_file(path, text, sizeof(text)) : -ENOMEM;

	return n < 0 ? (int)n : parse(text, key, ret);
}

static void store(const char *cache_dir, const char *key, const struct answer *a)
{
	kt_auto(mem) char *path = kt_fmt("%s/" FILE_NAME, cache_dir);
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	struct kt_json j;

	kt_json_init(&j, &b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_str(&j, "host", key);
	kt_json_bool(&j, "can_run", a->can_run);
	kt_json_str(&j, "missing", a->text);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!path || !kt_buf_ok(&b))
		return;
	if (kt_mkdir_p(cache_dir, 0755, &e) < 0 ||
	    kt_file_write_atomic(path, b.data, b.len, 0644, &e) < 0)
		kt_log(KT_AREA_VMM, KT_DEBUG, "%s; KVM is probed again next time",
		       kt_err_text(&e, text, sizeof(text)));
}

static int probe_and_store(const char *cache_dir, const char *key, struct kt_err *e)
{
	struct answer a = { .can_run = true };
	struct kt_err why = { 0 };
	int r = kvm_probe_run(&why);

	if (r < 0 && e)
		*e = why;
	if (r < 0 && r != -ENOTSUP)
		return r; /* may be otherwise next time */
	if (r < 0) {
		a.can_run = false;
		(void)kt_err_text(&why, a.text, sizeof(a.text));
	}
	if (key)
		store(cache_dir, key, &a);
	return r;
}

int kvm_probe(const char *cache_dir, bool anew, struct kvm_caps *ret_caps, struct kt_err *e)
{
	kt_auto(fd) int fd = -1;
	char key[KEY_BYTES];
	struct kvm_caps caps;
	struct answer a;
	bool has_key;
	int r = kvm_open(&fd, &caps, e); /* who may use it can change at any time */

	if (r < 0)
		return r;
	if (ret_caps)
		*ret_caps = caps;
	has_key = cache_dir && host_key(key) == 0;
	if (anew || !has_key || load(cache_dir, key, &a) < 0)
		return probe_and_store(cache_dir, has_key ? key : NULL, e);
	kt_log(KT_AREA_VMM, KT_DEBUG, "KVM was probed before, in this boot");
	if (a.can_run)
		return 0;
	(void)kt_fail(e, KT_E_HOST, 0, "%s", a.text);
	return -ENOTSUP;
}

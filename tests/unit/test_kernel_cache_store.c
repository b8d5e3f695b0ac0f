/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries after they were installed: files that change, who uses them, what metadata.json may say, where locks hold. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/internal.h"
#include "tests/unit/kernel_image.h"

struct fixture {
	char dir[128], cache[160];
	struct kc_opts opts;
};

static char logged[8192];

static void on_log(void *ctx, enum kt_level level, const char *line)
{
	size_t len = strlen(logged);

	(void)ctx;
	(void)level;
	(void)kt_snprintf(logged + len, sizeof(logged) - len, "%s\n", line);
}

static void fresh(void **state, struct fixture *f)
{
	kt_auto(buf) struct kt_buf image = { 0 };
	kt_auto(mem) char *path = NULL;
	static int nr;

	nr++;
	*f = (struct fixture){ 0 };
	(void)kt_snprintf(f->dir, sizeof(f->dir), "%s/%d", (char *)*state, nr);
	(void)kt_snprintf(f->cache, sizeof(f->cache), "%s/cache", f->dir);
	assert_int_equal(kt_mkdir_p(f->dir, 0755, NULL), 0);
	path = kt_fmt("%s/bzImage", f->dir);
	assert_true(image_make(&(struct image_opts){ .release = "7.2.0-t" }, &image));
	assert_int_equal(kt_file_write_atomic(path, image.data, image.len, 0644, NULL), 0);
	f->opts = (struct kc_opts){ .cache_dir = f->cache, .project_dir = f->dir };
	logged[0] = '\0';
}

/* A new entry that nobody uses. Caller frees the key. */
static char *make_entry(const struct fixture *f)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	struct kt_err e = { 0 };

	if (kc_get("path:bzImage", &f->opts, &k, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return strdup(k->key);
}

static char *file_of(const struct fixture *f, const char *key, const char *name)
{
	return kt_fmt("%s/kernels/%s/%s", f->cache, key, name);
}

static int load(const struct fixture *f, const char *key, struct kt_err *e)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL;

	return kc_entry_load(f->cache, key, &k, e);
}

/* One byte of it becomes another; its size and modification time stay. */
static void flip_byte(const char *path)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;
	char c;
	int fd;

	assert_int_equal(stat(path, &st), 0);
	times[1] = st.st_mtim;
	assert_int_equal(chmod(path, 0644), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, st.st_size / 2), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, st.st_size / 2), 1);
	close(fd);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* How often files were summed, by what the log says at debug. */
static unsigned nr_summed(void)
{
	unsigned nr = 0;

	for (const char *p = logged; (p = strstr(p, "; summing it")); p++)
		nr++;
	return nr;
}

static void watch_sums(bool on)
{
	assert_int_equal(kt_log_configure(on ? "kernel-cache=debug" : "kernel-cache=info", NULL),
			 0);
	kt_log_set_hook(on ? on_log : NULL, NULL);
	logged[0] = '\0';
}

static void a_new_entry_is_not_summed_when_it_is_used(void **state)
{
	kt_auto(mem) char *key = NULL;
	struct fixture f;

	fresh(state, &f);
	key = make_entry(&f);
	watch_sums(true);
	assert_int_equal(load(&f, key, NULL), 0);
	assert_int_equal(nr_summed(), 0);
	watch_sums(false);
}

static void a_file_overwritten_with_as_many_bytes_is_found_at_the_next_use(void **state)
{
	kt_auto(mem) char *key = NULL, *image = NULL;
	struct kt_err e = { 0 };
	struct fixture f;

	fresh(state, &f);
	key = make_entry(&f);
	image = file_of(&f, key, "image");
	flip_byte(image);
	assert_int_equal(load(&f, key, &e), -EBADMSG);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_true(kt_starts_with(unit_err_text(&e), "'"));
	assert_non_null(strstr(unit_err_text(&e), "/image': expected sha256 "));
	assert_non_null(strstr(unit_err_text(&e), ", found "));
	/* And once more: what did not match is not remembered as if it had. */
	assert_int_equal(load(&f, key, NULL), -EBADMSG);
	flip_byte(image);
	assert_int_equal(load(&f, key, NULL), 0);
}

static void what_only_looks_changed_is_summed_once(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	kt_auto(mem) char *key = NULL, *image = NULL, *used = NULL;
	struct fixture f;
	struct stat st;

	fresh(state, &f);
	key = make_entry(&f);
	image = file_of(&f, key, "image");
	used = kt_fmt("%s/used/%s", f.cache, key);
	assert_int_equal(utimensat(AT_FDCWD, used, old, 0), 0);
	/* A clock that is wrong in either direction, or a copy of the cache. */
	assert_int_equal(utimensat(AT_FDCWD, image, old, 0), 0);
	watch_sums(true);
	assert_int_equal(load(&f, key, NULL), 0);
	assert_int_equal(nr_summed(), 1);
	logged[0] = '\0';
	assert_int_equal(load(&f, key, NULL), 0);
	assert_int_equal(nr_summed(), 0);
	watch_sums(false);
	/* Looking is not using. */
	assert_int_equal(stat(used, &st), 0);
	assert_int_equal(st.st_mtime, 1000);
}

static void broken_stamps_cost_time_and_nothing_else(void **state)
{
	static const char *const texts[] = { "",
					     "{",
					     "[]",
					     "{\"schema_version\":1}",
					     "{\"schema_version\":1,\"files\":7}",
					     "{\"schema_version\":1,\"files\":{\"image\":7}}",
					     "{\"schema_version\":9}" };
	kt_auto(mem) char *key = NULL, *used = NULL;
	struct fixture f;

	fresh(state, &f);
	key = make_entry(&f);
	used = kt_fmt("%s/used/%s", f.cache, key);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(kt_file_write_atomic(used, texts[i], strlen(texts[i]), 0644, NULL),
				 0);
		assert_int_equal(load(&f, key, NULL), 0);
	}
	assert_int_equal(unlink(used), 0);
	assert_int_equal(load(&f, key, NULL), 0);
}

/* Its own process, so that what this one remembers does not matter. */
static int verify_elsewhere(const struct fixture *f, const char *key)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct kc_entry *k = NULL;
		struct kt_err e = { 0 };

		if (kc_entry_load(f->cache, key, &k, &e) < 0)
			_exit(2);
		_exit(kc_verify(k, &e) == -EBADMSG && e.kind == KT_E_KERNEL ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void verify_reads_what_a_use_believes(void **state)
{
	kt_auto(mem) char *key = NULL, *image = NULL, *used = NULL;
	kt_auto(buf) struct kt_buf stamps = { 0 };
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	struct kt_err e = { 0 };
	struct fixture f;
	struct stat st;
	char *at;

	fresh(state, &f);
	key = make_entry(&f);
	assert_int_equal(verify_elsewhere(&f, key), 0);
	image = file_of(&f, key, "image");
	used = kt_fmt("%s/used/%s", f.cache, key);
	flip_byte(image);
	/* A disk that forgets leaves the times alone; so put the stamp right by hand. */
	assert_int_equal(kt_file_read(used, 1 << 16, &stamps, NULL), 0);
	assert_int_equal(stat(image, &st), 0);
	at = strstr(stamps.data, "\"image\"");
	assert_non_null(at);
	at = strrchr(strtok_r(at, ",}", &(char *){ NULL }), ' ');
	assert_non_null(at);
	{
		kt_auto(mem) char *text = NULL;
		kt_auto(buf) struct kt_buf again = { 0 };
		kt_auto(mem) char *ctime_text =
			kt_fmt(" %lld.%09ld\"", (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
		size_t before = (size_t)(at - stamps.data);

		assert_int_equal(kt_file_read(used, 1 << 16, &again, NULL), 0);
		text = kt_fmt("%.*s%s%s", (int)before, again.data, ctime_text,
			      strchr(again.data + before, '"') + 1);
		assert_int_equal(kt_file_write_atomic(used, text, strlen(text), 0644, NULL), 0);
	}
	assert_int_equal(load(&f, key, NULL), 0);
	assert_int_equal(kc_entry_load(f.cache, key, &k, NULL), 0);
	assert_int_equal(kc_verify(k, &e), -EBADMSG);
	assert_non_null(strstr(unit_err_text(&e), "/image': expected sha256 "));
	/* From now on everybody knows. */
	assert_int_equal(load(&f, key, NULL), -EBADMSG);
}

static void an_entry_in_use_cannot_be_claimed_and_one_that_is_claimed_can_be_waited_for(
	void **state)
{
	kt_auto(kc_entry) struct kc_entry *a = NULL, *b = NULL;
	kt_auto(mem) char *key = NULL;
	struct kt_err e = { 0 };
	struct fixture f;
	int fd = -1;

	fresh(state, &f);
	key = make_entry(&f);
	assert_int_equal(kc_entry_load(f.cache, key, &a, NULL), 0);
	assert_int_equal(kc_entry_load(f.cache, key, &b, NULL), 0);
	assert_true(a->use_fd >= 0 && b->use_fd >= 0);
	assert_int_equal(kc_use_claim(f.cache, key, &fd, &e), -EWOULDBLOCK);
	assert_int_equal(e.kind, KT_E_NONE);
	kc_entry_free(a);
	a = NULL;
	assert_int_equal(kc_use_claim(f.cache, key, &fd, &e), -EWOULDBLOCK);
	kc_entry_free(b);
	b = NULL;
	assert_int_equal(kc_use_claim(f.cache, key, &fd, &e), 0);
	{
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid) {
			/* Waits for the other, then finds nothing. */
			close(fd);
			_exit(load(&f, key, NULL) == -ENOENT ? 0 : 1);
		}
		{
			kt_auto(mem) char *dir = kt_fmt("%s/kernels/%s", f.cache, key);

			assert_int_equal(kt_remove_tree(dir, NULL), 0);
		}
		close(fd);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void metadata_comes_back_as_it_was_written(void **state)
{
	kt_auto(kc_metadata) struct kc_metadata n = { 0 };
	kt_auto(mem) char *path = NULL;
	static char sum[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct kc_metadata m = { .spec = (char *)"6.12",
				 .key = (char *)"6.12.40-x86_64-b1",
				 .release = (char *)"6.12.40",
				 .version = (char *)"6.12.40",
				 .source_key = (char *)"6.12.40-x86_64-s1",
				 .commit = (char *)"abc",
				 .flavour = (char *)"minimal",
				 .base = (char *)"allnoconfig",
				 .options = (char *)"CONFIG_A=\"b c\" CONFIG_D=n",
				 .nr_options = 2,
				 .toolchain = (char *)"gcc",
				 .pahole = (char *)"1.24",
				 .builtin_hash = sum,
				 .config_hash = sum,
				 .dirty = true,
				 .keep_debug = true,
				 .build_ms = 123456,
				 .objects = 1700,
				 .created = 1000 };
	struct fixture f;

	fresh(state, &f);
	path = kt_fmt("%s/metadata.json", f.dir);
	m.file[KC_FILE_IMAGE].present = true;
	m.file[KC_FILE_IMAGE].bytes = 7;
	memcpy(m.file[KC_FILE_IMAGE].sha256, sum, KT_SHA256_HEX);
	assert_int_equal(kc_metadata_write(&m, path, NULL), 0);
	assert_int_equal(kc_metadata_read(path, &n, NULL), 0);
	assert_string_equal(n.source_key, m.source_key);
	assert_string_equal(n.commit, "abc");
	assert_string_equal(n.flavour, "minimal");
	assert_string_equal(n.base, "allnoconfig");
	assert_string_equal(n.options, "CONFIG_A=\"b c\" CONFIG_D=n");
	assert_int_equal(n.nr_options, 2);
	assert_string_equal(n.toolchain, "gcc");
	assert_string_equal(n.pahole, "1.24");
	assert_string_equal(n.builtin_hash, sum);
	assert_string_equal(n.config_hash, sum);
	assert_true(n.dirty && n.keep_debug);
	assert_int_equal(n.build_ms, 123456);
	assert_int_equal(n.objects, 1700);
	assert_null(n.url);
}

/* metadata.json of the entry, with the first @from in it replaced by @to. */
static void edit_metadata(const struct fixture *f, const char *key, const char *from,
			  const char *to)
{
	kt_auto(mem) char *path = file_of(f, key, "metadata.json");
	kt_auto(buf) struct kt_buf text = { 0 }, changed = { 0 };
	const char *at;

	assert_int_equal(kt_file_read(path, 1 << 20, &text, NULL), 0);
	at = strstr(text.data, from);
	if (!at)
		fail_msg("no '%s' in it", from);
	kt_buf_add(&changed, text.data, (size_t)(at - text.data));
	kt_buf_adds(&changed, to);
	kt_buf_adds(&changed, at + strlen(from));
	assert_int_equal(kt_file_write_atomic(path, changed.data, changed.len, 0644, NULL), 0);
}

static void entries_of_the_first_version_are_read(void **state)
{
	kt_auto(mem) char *key = NULL;
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	struct fixture f;

	fresh(state, &f);
	key = make_entry(&f);
	edit_metadata(&f, key, "\"schema_version\": 2", "\"schema_version\": 1");
	assert_int_equal(kc_entry_load(f.cache, key, &k, NULL), 0);
	assert_int_equal(k->state, KC_STATE_CURRENT);
	assert_null(k->source_key);
	assert_int_equal(k->build_ms, 0);
}

static void damaged(void *ctx, const char *key, const char *why)
{
	(void)key;
	(void)why;
	(*(unsigned *)ctx)++;
}

static void an_entry_of_a_newer_version_is_named_and_left_alone(void **state)
{
	kt_auto(mem) char *key = NULL, *dir = NULL, *want = NULL;
	kt_auto(kc_list) struct kc_list l = { 0 };
	struct kc_clean_opts clean = { .corrupt = true, .by_count = true, .by_size = true };
	struct kc_cleaned cleaned;
	struct kt_err e = { 0 };
	struct fixture f;
	unsigned nr = 0;

	fresh(state, &f);
	key = make_entry(&f);
	dir = kt_fmt("%s/kernels/%s", f.cache, key);
	edit_metadata(&f, key, "\"schema_version\": 2", "\"schema_version\": 3");
	assert_int_equal(load(&f, key, &e), -EPROTONOSUPPORT);
	want = kt_fmt(
		"'%s/metadata.json' was made by a newer ktstr-make (schema_version 3, this one knows 2)",
		dir);
	assert_string_equal(unit_err_text(&e), want);
	kt_log_set_hook(on_log, NULL);
	assert_int_equal(kc_list(f.cache, &l, damaged, &nr, NULL), 0);
	kt_log_set_hook(NULL, NULL);
	assert_int_equal(nr, 0);
	assert_int_equal(l.nr, 0);
	assert_non_null(strstr(logged, "leaving the cached kernel "));
	assert_non_null(strstr(logged, want));
	clean.cache_dir = f.cache;
	assert_int_equal(kc_clean(&clean, &cleaned, NULL, NULL, NULL), 0);
	assert_int_equal(cleaned.removed, 0);
	assert_int_equal(access(dir, F_OK), 0);
}

static void what_metadata_must_not_say_is_damage(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "\"schema_version\": 2", "\"schema_version\": 0" },
		{ "\"schema_version\": 2", "\"schema_version\": \"2\"" },
		{ "\"notes\": null", "\"build\": 7, \"notes\": null" },
		{ "\"notes\": null", "\"build\": {}, \"notes\": null" },
		{ "\"notes\": null",
		  "\"build\": {\"milliseconds\": -1, \"objects\": 1}, \"notes\": null" },
		{ "\"notes\": null",
		  "\"build\": {\"milliseconds\": 1, \"objects\": 1, \"source_key\": \"../../x\"}, \"notes\": null" },
		{ "\"notes\": null",
		  "\"build\": {\"milliseconds\": 1, \"objects\": 1, \"builtin_hash\": \"0\"}, \"notes\": null" },
		{ "\"files\"", "\"fails\"" },
		{ "\"sha256\": \"", "\"sha256\": \"X" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(mem) char *key = NULL;
		struct kt_err e = { 0 };
		struct fixture f;

		fresh(state, &f);
		key = make_entry(&f);
		edit_metadata(&f, key, rows[i].from, rows[i].to);
		if (load(&f, key, &e) != -EBADMSG || e.kind != KT_E_KERNEL)
			fail_msg("%s -> %s: %s", rows[i].from, rows[i].to, unit_err_text(&e));
	}
}

static void states_are_told_apart(void **state)
{
	static char other[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct kc_metadata m = { .version = (char *)"7.2.0-t", .flavour = (char *)"minimal" };
	struct fixture f;

	fresh(state, &f);
	assert_int_equal(kc_state_of(f.cache, &m), KC_STATE_CURRENT);
	m.builtin_hash = other;
	assert_int_equal(kc_state_of(f.cache, &m), KC_STATE_STALE);
	m.dirty = true;
	assert_int_equal(kc_state_of(f.cache, &m), KC_STATE_DIRTY);
	assert_string_equal(kc_state_names[KC_STATE_CURRENT], "current");
	assert_string_equal(kc_state_names[KC_STATE_CORRUPT], "corrupt");
	assert_string_equal(kc_state_names[KC_STATE_DIRTY], "dirty");
	assert_string_equal(kc_state_names[KC_STATE_STALE], "stale");
	assert_string_equal(kc_state_names[KC_STATE_EOL], "EOL");
}

static void file_systems_without_locks_between_machines_are_known(void **state)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} rows[] = {
		{ 0x6969, "NFS" },
		{ 0x517B, "SMB" },
		{ 0xFF534D42, "CIFS" },
		{ 0xFE534D42, "SMB" },
		{ 0x5346414F, "AFS" },
		{ 0x6B414653, "AFS" },
		{ 0x00C36400, "Ceph" },
		{ 0x0BD00BD0, "Lustre" },
		{ 0x01021997, "9P" },
		{ 0x73757245, "Coda" },
		{ EXT4_SUPER_MAGIC, NULL },
		{ TMPFS_MAGIC, NULL },
		{ OVERLAYFS_SUPER_MAGIC, NULL },
		{ BTRFS_SUPER_MAGIC, NULL },
		{ 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = kc_remote_fs_name(rows[i].magic);

		if (!rows[i].name)
			assert_null(name);
		else
			assert_string_equal(name, rows[i].name);
	}
}

static void logs_of_the_dead_are_removed_and_of_the_living_are_not(void **state)
{
	static const struct {
		const char *name;
		int days;
		bool stays;
	} rows[] = {
		{ "6.1-dead.build.log.zst.part", 0, false },
		{ "6.1-alive.build.log.zst.part", 0, true },
		{ "6.2-failed.build.log.zst", 29, true },
		{ "6.2-old.build.log.zst", 31, false },
		{ "6.1-alive.build.log.zst", 31, true },
		{ "not-ours.txt", 31, true },
	};
	kt_auto(kc_work) struct kc_work alive = KC_WORK_NONE;
	kt_auto(mem) char *logs = NULL;
	struct fixture f;

	fresh(state, &f);
	logs = kt_fmt("%s/logs", f.cache);
	assert_int_equal(kt_mkdir_p(logs, 0755, NULL), 0);
	assert_int_equal(kc_work_begin(f.cache, "6.1-alive", NULL, NULL, &alive, NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", logs, rows[i].name);
		const time_t then = time(NULL) - (time_t)rows[i].days * 24 * 60 * 60;
		const struct timespec times[2] = { { .tv_sec = then }, { .tv_sec = then } };

		assert_int_equal(kt_file_write_atomic(path, "x", 1, 0644, NULL), 0);
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	}
	kc_remove_stale(f.cache, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", logs, rows[i].name);

		if ((access(path, F_OK) == 0) != rows[i].stays)
			fail_msg("%s", rows[i].name);
	}
}

/* Whoever was killed while removing one has left some of it in the way. */
static void an_entry_is_removed_although_the_last_removal_was_cut(void **state)
{
	kt_auto(mem) char *key = NULL, *left = NULL, *dir = NULL;
	struct fixture f;

	fresh(state, &f);
	key = make_entry(&f);
	left = kt_fmt("%s/tmp/%s/removed/some", f.cache, key);
	dir = kt_fmt("%s/kernels/%s", f.cache, key);
	assert_int_equal(kt_mkdir_p(left, 0755, NULL), 0);
	assert_int_equal(kc_entry_remove(f.cache, key, NULL), 0);
	assert_int_not_equal(access(dir, F_OK), 0);
}

struct said {
	char text[256];
	int ready;
};

static void on_step(void *ctx, const char *what)
{
	struct said *s = ctx;

	if (!kt_starts_with(what, "waiting for "))
		return;
	(void)kt_snprintf(s->text, sizeof(s->text), "%s", what);
	(void)!write(s->ready, "x", 1);
}

static void who_waits_is_told_for_whom(void **state)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(mem) char *want = NULL;
	struct fixture f;
	int waits[2], text[2];
	struct said said = { 0 };
	char c;
	pid_t pid;

	fresh(state, &f);
	want = kt_fmt("waiting for pid %d (builds 6.12.117 for /home/x/proj)", (int)getpid());
	assert_int_equal(pipe2(waits, O_CLOEXEC), 0);
	assert_int_equal(pipe2(text, O_CLOEXEC), 0);
	assert_int_equal(kc_work_begin(f.cache, "6.12.117-x", "builds 6.12.117 for /home/x/proj",
				       NULL, &w, NULL),
			 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		const struct kc_progress p = { .step = on_step, .ctx = &said };
		struct kc_work mine = KC_WORK_NONE;

		said.ready = waits[1];
		if (kc_work_begin(f.cache, "6.12.117-x", NULL, &p, &mine, NULL) < 0 ||
		    write(text[1], said.text, sizeof(said.text)) != sizeof(said.text))
			_exit(1);
		kc_work_end(&mine);
		_exit(0);
	}
	assert_int_equal(read(waits[0], &c, 1), 1);
	kc_work_end(&w);
	assert_int_equal(read(text[0], said.text, sizeof(said.text)), sizeof(said.text));
	assert_string_equal(said.text, want);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 2; i++) {
		close(waits[i]);
		close(text[i]);
	}
}

/* Its key is known only when it is made: even so nobody puts it there while another works on that key. */
static void a_local_image_is_installed_under_the_lock_of_its_key(void **state)
{
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;
	kt_auto(mem) char *key = NULL, *from = NULL, *to = NULL, *dir = NULL;
	struct fixture f;
	int waits[2], status;
	char c;
	pid_t pid;

	fresh(state, &f);
	key = make_entry(&f);
	from = kt_fmt("%s/bzImage", f.dir);
	to = kt_fmt("%s/other", f.dir);
	dir = kt_fmt("%s/kernels/%s", f.cache, key);
	assert_int_equal(kt_remove_tree(dir, NULL), 0);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(pipe2(waits, O_CLOEXEC), 0);
	assert_int_equal(kc_lock(f.cache, key, NULL, NULL, &lock, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct said said = { .ready = waits[1] };
		const struct kc_progress p = { .step = on_step, .ctx = &said };
		struct kc_entry *k = NULL;

		f.opts.progress = &p;
		_exit(kc_get("path:other", &f.opts, &k, NULL) == 0 && kt_streq(k->key, key) ? 0
											    : 1);
	}
	close(waits[1]);
	assert_int_equal(read(waits[0], &c, 1), 1);
	assert_int_not_equal(access(dir, F_OK), 0);
	kt_lock_release(&lock);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(dir, F_OK), 0);
	close(waits[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_entry_is_not_summed_when_it_is_used),
		cmocka_unit_test(a_file_overwritten_with_as_many_bytes_is_found_at_the_next_use),
		cmocka_unit_test(what_only_looks_changed_is_summed_once),
		cmocka_unit_test(broken_stamps_cost_time_and_nothing_else),
		cmocka_unit_test(verify_reads_what_a_use_believes),
		cmocka_unit_test(
			an_entry_in_use_cannot_be_claimed_and_one_that_is_claimed_can_be_waited_for),
		cmocka_unit_test(metadata_comes_back_as_it_was_written),
		cmocka_unit_test(entries_of_the_first_version_are_read),
		cmocka_unit_test(an_entry_of_a_newer_version_is_named_and_left_alone),
		cmocka_unit_test(what_metadata_must_not_say_is_damage),
		cmocka_unit_test(states_are_told_apart),
		cmocka_unit_test(file_systems_without_locks_between_machines_are_known),
		cmocka_unit_test(logs_of_the_dead_are_removed_and_of_the_living_are_not),
		cmocka_unit_test(an_entry_is_removed_although_the_last_removal_was_cut),
		cmocka_unit_test(a_local_image_is_installed_under_the_lock_of_its_key),
		cmocka_unit_test(who_waits_is_told_for_whom),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

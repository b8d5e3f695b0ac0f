/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries: installed whole, loaded, listed, found by key; and what is said of damaged ones. Sources
 * are local images.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "kernel-cache/internal.h"
#include "tests/unit/kernel_image.h"

enum { GETTERS = 6, CACHED_GET_MS = 10, CACHED_GETS = 20 };

struct fixture {
	char dir[128], cache[160], image[160];
	struct kc_opts opts;
};

static char logged[4096];

static void on_log(void *ctx, enum kt_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)kt_snprintf(logged, sizeof(logged), "%s", line);
}

static void write_image(const char *path, const struct image_opts *o)
{
	kt_auto(buf) struct kt_buf image = { 0 };

	assert_true(image_make(o, &image));
	assert_int_equal(kt_file_write_atomic(path, image.data, image.len, 0644, NULL), 0);
}

static void write_text(const char *dir, const char *name, const char *text)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);

	assert_int_equal(kt_file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void fresh(void **state, struct fixture *f)
{
	static int nr;

	nr++;
	*f = (struct fixture){ 0 };
	(void)kt_snprintf(f->dir, sizeof(f->dir), "%s/%d", (char *)*state, nr);
	(void)kt_snprintf(f->cache, sizeof(f->cache), "%s/cache", f->dir);
	(void)kt_snprintf(f->image, sizeof(f->image), "%s/bzImage", f->dir);
	assert_int_equal(kt_mkdir_p(f->dir, 0755, NULL), 0);
	write_image(f->image, &(struct image_opts){ .release = "7.2.0-t" });
	f->opts = (struct kc_opts){ .cache_dir = f->cache, .project_dir = f->dir };
	logged[0] = '\0';
}

static struct kc_entry *get(const struct fixture *f, const char *spec)
{
	struct kc_entry *k = NULL;
	struct kt_err e = { 0 };

	if (kc_get(spec, &f->opts, &k, &e) < 0)
		fail_msg("%s: %s", spec, unit_err_text(&e));
	return k;
}

static void assert_refused(const struct fixture *f, const char *spec, int errnum, enum kt_kind kind,
			   const char *text)
{
	struct kc_entry *k = NULL;
	struct kt_err e = { 0 };

	assert_int_equal(kc_get(spec, &f->opts, &k, &e), -errnum);
	assert_string_equal(unit_err_text(&e), text);
	assert_int_equal(e.kind, kind);
}

static void a_local_image_becomes_an_entry_of_its_own(void **state)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	kt_auto(buf) struct kt_buf json = { 0 };
	kt_auto(mem) char *lock = NULL;
	struct fixture f;
	struct kt_json j;
	struct stat st;

	fresh(state, &f);
	k = get(&f, "path:bzImage");
	assert_true(kt_starts_with(k->key, "7.2.0-t-x86_64-p"));
	assert_string_equal(k->spec, "path:bzImage");
	assert_string_equal(k->release, "7.2.0-t");
	assert_true(kt_starts_with(k->image, f.cache));
	assert_non_null(k->vmlinux);
	assert_null(k->config);
	assert_null(k->url);
	assert_null(k->notes);
	assert_true(k->facts.has_sched_ext);
	assert_int_equal(k->facts.ops_timeout_offset, IMAGE_TIMEOUT_OFFSET);
	assert_int_equal(stat(k->image, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	kt_json_init(&j, &json, false);
	kc_entry_json(k, &j, NULL);
	kt_json_finish(&j);
	assert_non_null(strstr(kt_buf_str(&json), "\"source\":\"path:bzImage\""));
	/* The project gets no lock file for what is on this machine only. */
	lock = kt_fmt("%s/ktstr.lock", f.dir);
	assert_int_not_equal(access(lock, F_OK), 0);
}

static void the_image_can_change_without_the_entry_changing(void **state)
{
	kt_auto(kc_entry) struct kc_entry *a = NULL, *b = NULL, *c = NULL;
	struct fixture f;

	fresh(state, &f);
	a = get(&f, "path:bzImage");
	write_image(f.image, &(struct image_opts){ .release = "7.2.0-t", .salt = "another build" });
	b = get(&f, "path:bzImage");
	assert_string_not_equal(a->key, b->key);
	write_image(f.image, &(struct image_opts){ .release = "7.2.0-t" });
	c = get(&f, "path:bzImage");
	assert_string_equal(a->key, c->key);
}

static void a_cached_kernel_is_had_in_milliseconds(void **state)
{
	uint64_t best = UINT64_MAX;
	struct fixture f;

	fresh(state, &f);
	kc_entry_free(get(&f, "path:bzImage"));
	for (int i = 0; i < CACHED_GETS; i++) {
		uint64_t start = kt_now_ns();

		kc_entry_free(get(&f, "path:bzImage"));
		if (kt_now_ns() - start < best)
			best = kt_now_ns() - start;
	}
	assert_in_range(best, 0, CACHED_GET_MS * 1000 * 1000);
}

static void a_tree_gives_config_and_the_vmlinux_that_belongs_to_the_image(void **state)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL, *other = NULL;
	kt_auto(buf) struct kt_buf elf = { 0 };
	struct fixture f;
	kt_auto(mem) char *boot = NULL, *image = NULL, *vmlinux = NULL;

	fresh(state, &f);
	unlink(f.image);
	boot = kt_fmt("%s/tree/arch/x86/boot", f.dir);
	image = kt_fmt("%s/bzImage", boot);
	vmlinux = kt_fmt("%s/tree/vmlinux", f.dir);
	assert_int_equal(kt_mkdir_p(boot, 0755, NULL), 0);
	write_image(image, &(struct image_opts){ .release = "7.2.0-t" });
	write_text(f.dir, "tree/.config", "CONFIG_X=y\n");
	/* The same types, but with more in it: what the unstripped vmlinux of a build is. */
	image_make_elf(&(struct image_opts){ .release = "x", .salt = "symbols" }, &elf);
	assert_int_equal(kt_file_write_atomic(vmlinux, elf.data, elf.len, 0644, NULL), 0);
	k = get(&f, "path:tree");
	assert_null(k->notes);
	assert_non_null(k->config);
	{
		kt_auto(buf) struct kt_buf kept = { 0 };

		assert_int_equal(kt_file_read(k->vmlinux, 1 << 20, &kept, NULL), 0);
		assert_non_null(memmem(kept.data, kept.len, "symbols", 7));
	}
	/* Of another build. */
	kt_buf_reset(&elf);
	image_make_elf(
		&(struct image_opts){ .release = "x", .salt = "symbols", .no_sched_ext = true },
		&elf);
	assert_int_equal(kt_file_write_atomic(vmlinux, elf.data, elf.len, 0644, NULL), 0);
	other = get(&f, "path:tree");
	assert_string_equal(other->notes,
			    "the vmlinux beside the image is of another build and was not used");
	assert_true(other->facts.has_sched_ext);
}

static void what_is_no_kernel_is_refused_by_name(void **state)
{
	kt_auto(mem) char *text = NULL, *none = NULL, *two = NULL, *gone = NULL;
	struct kc_entry *k = NULL;
	struct kt_err e = { 0 };
	struct fixture f;

	fresh(state, &f);
	write_text(f.dir, "text", "hello");
	text = kt_fmt("'%s/text' is no x86 kernel image (bzImage)", f.dir);
	assert_refused(&f, "path:text", EBADMSG, KT_E_KERNEL, text);
	gone = kt_fmt("there is no kernel at '%s/gone': No such file or directory", f.dir);
	assert_refused(&f, "path:gone", ENOENT, KT_E_KERNEL, gone);
	unlink(f.image);
	none = kt_fmt(
		"no kernel image in '%s' (arch/x86/boot/bzImage, bzImage, vmlinuz, vmlinuz-*)",
		f.dir);
	assert_refused(&f, "path:.", ENOENT, KT_E_KERNEL, none);
	write_text(f.dir, "vmlinuz-1", "");
	write_text(f.dir, "vmlinuz-2", "");
	two = kt_fmt("several kernel images in '%s' (", f.dir);
	assert_int_equal(kc_get("path:.", &f.opts, &k, &e), -EINVAL);
	assert_true(kt_starts_with(unit_err_text(&e), two));
}

static void a_key_is_found_by_itself_and_by_a_unique_prefix(void **state)
{
	kt_auto(kc_entry) struct kc_entry *a = NULL, *b = NULL, *by_key = NULL, *by_prefix = NULL;
	kt_auto(mem) char *other = NULL;
	struct kc_entry *k = NULL;
	struct kt_err e = { 0 };
	struct fixture f;

	fresh(state, &f);
	other = kt_fmt("%s/other", f.dir);
	write_image(other, &(struct image_opts){ .release = "7.2.0-u" });
	a = get(&f, "path:bzImage");
	b = get(&f, "path:other");
	by_key = get(&f, a->key);
	assert_string_equal(by_key->key, a->key);
	assert_string_equal(by_key->spec, a->key);
	by_prefix = get(&f, "7.2.0-u");
	assert_string_equal(by_prefix->key, b->key);
	assert_int_equal(kc_get("7.2.0-", &f.opts, &k, &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_true(kt_starts_with(
		unit_err_text(&e),
		"several kernels in the cache have a key that begins with '7.2.0-': "));
	assert_non_null(strstr(unit_err_text(&e), a->key));
	assert_non_null(strstr(unit_err_text(&e), b->key));
	assert_refused(
		&f, "7.9-none", ENOENT, KT_E_KERNEL,
		"no kernel in the cache has a key that begins with '7.9-none'; 'ktstr-make kernel list' shows them");
}

static char *seen_key, *seen_why;

static void on_damaged(void *ctx, const char *key, const char *why)
{
	(void)ctx;
	free(seen_key);
	free(seen_why);
	seen_key = strdup(key);
	seen_why = strdup(why);
}

/* Ways to damage an entry, and what is said then; %s is its directory. */
static void cut_vmlinux(const char *dir)
{
	kt_auto(mem) char *path = kt_fmt("%s/vmlinux", dir);

	assert_int_equal(truncate(path, 5), 0);
}

static void remove_image(const char *dir)
{
	kt_auto(mem) char *path = kt_fmt("%s/image", dir);

	assert_int_equal(unlink(path), 0);
}

static void link_image(const char *dir)
{
	kt_auto(mem) char *path = kt_fmt("%s/image", dir);

	remove_image(dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void remove_metadata(const char *dir)
{
	kt_auto(mem) char *path = kt_fmt("%s/metadata.json", dir);

	assert_int_equal(unlink(path), 0);
}

static void cut_metadata(const char *dir)
{
	kt_auto(mem) char *path = kt_fmt("%s/metadata.json", dir);

	assert_int_equal(truncate(path, 100), 0);
}

static void empty_metadata(const char *dir)
{
	write_text(dir, "metadata.json", "{\"schema_version\":1}");
}

static const struct damage {
	void (*make)(const char *dir);
	const char *before, *after;
} damages[] = {
	{ cut_vmlinux, "'%s/vmlinux' has 5 bytes, metadata.json says ", NULL },
	{ remove_image, "'%s/image' is missing", "" },
	{ link_image, "'%s/image' is no regular file", "" },
	{ remove_metadata, "'%s/metadata.json' is missing", "" },
	{ cut_metadata, "'%s/metadata.json' is no JSON object", "" },
	{ empty_metadata, "'%s/metadata.json' lacks something or has a value of a wrong type", "" },
};

static void expand(const char *pattern, const char *dir, char *buf, size_t size)
{
	const char *mark = strstr(pattern, "%s");

	(void)kt_snprintf(buf, size, "%.*s%s%s", (int)(mark - pattern), pattern, dir, mark + 2);
}

static void damaged_entries_are_named_moved_away_and_made_anew(void **state)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		kt_auto(kc_entry) struct kc_entry *k = NULL, *again = NULL;
		kt_auto(kc_list) struct kc_list l = { 0 };
		kt_auto(mem) char *moved = NULL, *by_key = NULL;
		char want[1024];
		struct kt_err e = { 0 };
		struct kc_entry *none = NULL;
		struct fixture f;

		fresh(state, &f);
		k = get(&f, "path:bzImage");
		damages[i].make(k->dir);
		expand(damages[i].before, k->dir, want, sizeof(want));
		assert_int_equal(kc_list(f.cache, &l, on_damaged, NULL, &e), 0);
		assert_int_equal(l.nr, 0);
		assert_string_equal(seen_key, k->key);
		assert_true(kt_starts_with(seen_why, want));
		if (damages[i].after)
			assert_string_equal(seen_why, want);
		assert_int_equal(kc_get(k->key, &f.opts, &none, &e), -EBADMSG);
		by_key = kt_fmt("the cached kernel %s is damaged (%s); get it again by its source",
				k->key, seen_why);
		assert_string_equal(unit_err_text(&e), by_key);
		kt_log_set_hook(on_log, NULL);
		again = get(&f, "path:bzImage");
		kt_log_set_hook(NULL, NULL);
		assert_string_equal(again->key, k->key);
		assert_non_null(strstr(logged, seen_why));
		assert_non_null(strstr(logged, " is damaged ("));
		moved = kt_fmt("%s/damaged/%s", f.cache, k->key);
		assert_int_equal(access(moved, F_OK), 0);
	}
	free(seen_key);
	free(seen_why);
	seen_key = seen_why = NULL;
}

static void the_list_has_the_last_used_first(void **state)
{
	kt_auto(kc_entry) struct kc_entry *a = NULL, *b = NULL;
	kt_auto(kc_list) struct kc_list empty = { 0 }, l = { 0 }, m = { 0 };
	kt_auto(mem) char *other = NULL, *used = NULL;
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct fixture f;

	fresh(state, &f);
	assert_int_equal(kc_list(f.cache, &empty, NULL, NULL, NULL), 0);
	assert_int_equal(empty.nr, 0);
	other = kt_fmt("%s/other", f.dir);
	write_image(other, &(struct image_opts){ .release = "7.2.0-u" });
	a = get(&f, "path:bzImage");
	b = get(&f, "path:other");
	used = kt_fmt("%s/used/%s", f.cache, a->key);
	assert_int_equal(utimensat(AT_FDCWD, used, old, 0), 0);
	assert_int_equal(kc_list(f.cache, &l, NULL, NULL, NULL), 0);
	assert_int_equal(l.nr, 2);
	assert_string_equal(l.v[0]->key, b->key);
	assert_int_equal(l.v[1]->last_used, 1000);
	free(used);
	used = kt_fmt("%s/used/%s", f.cache, b->key);
	kc_entry_free(get(&f, "path:bzImage"));
	assert_int_equal(utimensat(AT_FDCWD, used, old, 0), 0);
	assert_int_equal(kc_list(f.cache, &m, NULL, NULL, NULL), 0);
	assert_string_equal(m.v[0]->key, a->key);
}

static void processes_that_want_one_kernel_at_once_all_get_it(void **state)
{
	kt_auto(kc_list) struct kc_list l = { 0 };
	kt_auto(mem) char *tmp = NULL;
	struct fixture f;
	pid_t pids[GETTERS];

	fresh(state, &f);
	for (int i = 0; i < GETTERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (!pids[i]) {
			struct kc_entry *k;

			_exit(kc_get("path:bzImage", &f.opts, &k, NULL) == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < GETTERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(kc_list(f.cache, &l, NULL, NULL, NULL), 0);
	assert_int_equal(l.nr, 1);
	tmp = kt_fmt("%s/tmp", f.cache);
	assert_int_equal(rmdir(tmp), 0); /* nothing was left in it */
}

static void work_of_the_dead_is_removed_and_of_the_living_is_not(void **state)
{
	kt_auto(kc_work) struct kc_work alive = KC_WORK_NONE;
	kt_auto(mem) char *dead = NULL;
	struct fixture f;
	int ready[2];
	char c;
	pid_t pid;

	fresh(state, &f);
	dead = kt_fmt("%s/tmp/7.0-dead/entry", f.cache);
	assert_int_equal(kt_mkdir_p(dead, 0755, NULL), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (kc_work_begin(f.cache, "7.0-alive", NULL, NULL, &alive, NULL) < 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	kc_entry_free(get(&f, "path:bzImage"));
	assert_int_not_equal(access(dead, F_OK), 0);
	{
		kt_auto(mem) char *living = kt_fmt("%s/tmp/7.0-alive", f.cache);

		assert_int_equal(access(living, F_OK), 0);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		write_image(f.image, &(struct image_opts){ .release = "7.2.0-t", .salt = "2" });
		kc_entry_free(get(&f, "path:bzImage"));
		assert_int_not_equal(access(living, F_OK), 0);
	}
	close(ready[0]);
	close(ready[1]);
}

static void an_old_kernel_is_taken_with_a_note(void **state)
{
	kt_auto(kc_entry) struct kc_entry *a = NULL, *b = NULL, *c = NULL;
	struct fixture f;

	fresh(state, &f);
	write_image(f.image, &(struct image_opts){ .release = "6.1.0-t", .no_sched_ext = true });
	a = get(&f, "path:bzImage");
	assert_string_equal(a->notes, "the kernel has no sched_ext");
	write_image(f.image, &(struct image_opts){ .release = "6.1.0-t", .no_btf = true });
	b = get(&f, "path:bzImage");
	assert_string_equal(b->notes, "the kernel has no BTF");
	assert_non_null(b->vmlinux);
	{
		kt_auto(buf) struct kt_buf payload = { 0 }, image = { 0 };

		kt_buf_adds(&payload, "not compressed in any way");
		image_wrap("6.1.0-t", &payload, &image);
		assert_int_equal(kt_file_write_atomic(f.image, image.data, image.len, 0644, NULL),
				 0);
	}
	c = get(&f, "path:bzImage");
	assert_null(c->vmlinux);
	assert_non_null(strstr(
		c->notes, "is compressed in a way that is not known here (no known magic number)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_local_image_becomes_an_entry_of_its_own),
		cmocka_unit_test(the_image_can_change_without_the_entry_changing),
		cmocka_unit_test(a_cached_kernel_is_had_in_milliseconds),
		cmocka_unit_test(a_tree_gives_config_and_the_vmlinux_that_belongs_to_the_image),
		cmocka_unit_test(what_is_no_kernel_is_refused_by_name),
		cmocka_unit_test(a_key_is_found_by_itself_and_by_a_unique_prefix),
		cmocka_unit_test(damaged_entries_are_named_moved_away_and_made_anew),
		cmocka_unit_test(the_list_has_the_last_used_first),
		cmocka_unit_test(processes_that_want_one_kernel_at_once_all_get_it),
		cmocka_unit_test(work_of_the_dead_is_removed_and_of_the_living_is_not),
		cmocka_unit_test(an_old_kernel_is_taken_with_a_note),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

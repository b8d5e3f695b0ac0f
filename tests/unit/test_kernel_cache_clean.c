/* SPDX-License-Identifier: GPL-2.0-only */
/* What "kernel clean" removes and what it leaves: by count, size and age, the damaged, the dead, never what is used. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel-cache/internal.h"
#include "tests/unit/kernel_image.h"

enum { KERNELS = 4, HOUR = 3600, TREE_BYTES = 1 << 20 };

/* Kernels a, b, c, d and source trees s, t: used 1 h (a, s), 2 h (b), 3 h (c, t) and 4 h ago (d). */
struct fixture {
	char dir[128], cache[160];
	char *key[KERNELS];
	struct kc_opts opts;
	char removed[512]; /* letters in the order of removal, "!" for damaged ones */
};

static void used_ago(const struct fixture *f, const char *key, int hours)
{
	kt_auto(mem) char *used = kt_fmt("%s/used/%s", f->cache, key);
	struct timespec times[2] = { { .tv_sec = time(NULL) - hours * HOUR } };

	times[1] = times[0];
	close(open(used, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	assert_int_equal(utimensat(AT_FDCWD, used, times, 0), 0);
}

static void make_tree(const struct fixture *f, const char *key, int hours)
{
	kt_auto(mem) char *dir = kt_fmt("%s/sources/%s/kernel", f->cache, key);
	kt_auto(mem) char *file = kt_fmt("%s/fork.c", dir);
	kt_auto(mem) char *about = kt_fmt("%s/sources/%s.json", f->cache, key);
	kt_auto(mem) char *data = calloc(1, TREE_BYTES);

	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	assert_int_equal(kt_file_write_atomic(file, data, TREE_BYTES, 0644, NULL), 0);
	assert_int_equal(kt_file_write_atomic(about, "{}", 2, 0644, NULL), 0);
	used_ago(f, key, hours);
}

static void setup(void **state, struct fixture *f)
{
	static int nr;

	nr++;
	*f = (struct fixture){ 0 };
	(void)kt_snprintf(f->dir, sizeof(f->dir), "%s/%d", (char *)*state, nr);
	(void)kt_snprintf(f->cache, sizeof(f->cache), "%s/cache", f->dir);
	assert_int_equal(kt_mkdir_p(f->dir, 0755, NULL), 0);
	f->opts = (struct kc_opts){ .cache_dir = f->cache, .project_dir = f->dir };
	for (int i = 0; i < KERNELS; i++) {
		kt_auto(buf) struct kt_buf image = { 0 };
		kt_auto(mem) char *name = kt_fmt("bzImage-%d", i);
		kt_auto(mem) char *path = kt_fmt("%s/%s", f->dir, name);
		kt_auto(mem) char *spec = kt_fmt("path:%s", name);
		kt_auto(kc_entry) struct kc_entry *k = NULL;

		assert_true(image_make(&(struct image_opts){ .release = "7.2.0-t", .salt = name },
				       &image));
		assert_int_equal(kt_file_write_atomic(path, image.data, image.len, 0644, NULL), 0);
		assert_int_equal(kc_get(spec, &f->opts, &k, NULL), 0);
		f->key[i] = strdup(k->key);
		used_ago(f, k->key, i + 1);
	}
	make_tree(f, "s", 1);
	make_tree(f, "t", 3);
}

static void teardown(struct fixture *f)
{
	for (int i = 0; i < KERNELS; i++)
		free(f->key[i]);
}

/* A directory with a file in it, which takes room on every file system. */
static void make_full(const char *dir)
{
	kt_auto(mem) char *file = kt_fmt("%s/file", dir);

	assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
	assert_int_equal(kt_file_write_atomic(file, "text", 4, 0644, NULL), 0);
}

static void on_removed(void *ctx, const char *kind, const char *key, uint64_t bytes,
		       const char *why)
{
	struct fixture *f = ctx;
	size_t len = strlen(f->removed);
	const char *name = key;
	char letter[2] = "";

	assert_true(bytes > 0);
	assert_true(*why);
	for (int i = 0; i < KERNELS; i++) {
		if (kt_streq(key, f->key[i])) {
			letter[0] = (char)('a' + i);
			name = letter;
		}
	}
	(void)kt_snprintf(f->removed + len, sizeof(f->removed) - len, "%s%s%s", len ? " " : "",
			  name, kt_streq(kind, "damaged") ? "!" : "");
}

/* What is there, in the same letters. */
static void present(const struct fixture *f, char *ret, size_t size)
{
	struct kt_buf all = { 0 };

	for (int i = 0; i < KERNELS; i++) {
		kt_auto(mem) char *dir = kt_fmt("%s/kernels/%s", f->cache, f->key[i]);

		if (access(dir, F_OK) == 0)
			kt_buf_addc(&all, (char)('a' + i));
	}
	for (const char *p = "st"; *p; p++) {
		kt_auto(mem) char *dir = kt_fmt("%s/sources/%c", f->cache, *p);
		kt_auto(mem) char *about = kt_fmt("%s/sources/%c.json", f->cache, *p);

		/* Both or none. */
		assert_int_equal(access(dir, F_OK), access(about, F_OK));
		if (access(dir, F_OK) == 0)
			kt_buf_addc(&all, *p);
	}
	(void)kt_snprintf(ret, size, "%s", kt_buf_str(&all));
	kt_buf_done(&all);
}

static struct kc_cleaned clean(struct fixture *f, struct kc_clean_opts o)
{
	struct kc_cleaned cleaned;
	struct kt_err e = { 0 };

	o.cache_dir = f->cache;
	f->removed[0] = '\0';
	if (kc_clean(&o, &cleaned, on_removed, f, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	return cleaned;
}

static void limits_remove_the_least_recently_used(void **state)
{
	static const struct {
		struct kc_clean_opts o;
		const char *removed, *left;
	} rows[] = {
		{ { 0 }, "", "abcdst" },
		{ { .by_count = true, .keep = 4 }, "", "abcdst" },
		{ { .by_count = true, .keep = 2 }, "c d", "abst" },
		{ { .by_count = true, .keep = 0 }, "a b c d", "st" },
		{ { .by_age = true, .older_s = 2 * HOUR + HOUR / 2 }, "c t d", "abs" },
		{ { .by_age = true, .older_s = 100 * HOUR }, "", "abcdst" },
		/* Trees first, the older one first, then kernels. */
		{ { .by_size = true, .max_bytes = TREE_BYTES + TREE_BYTES / 2 }, "t", "abcds" },
		{ { .by_size = true, .max_bytes = TREE_BYTES / 2 }, "t s", "abcd" },
		{ { .by_size = true, .max_bytes = 0 }, "t s d c b a", "" },
		{ { .by_size = true, .max_bytes = UINT64_MAX }, "", "abcdst" },
		{ { .sources = true }, "s t", "abcd" },
		{ { .corrupt = true }, "", "abcdst" },
		/* They add up. */
		{ { .by_count = true, .keep = 3, .by_age = true, .older_s = 2 * HOUR + HOUR / 2 },
		  "c t d",
		  "abs" },
		{ { .sources = true, .by_count = true, .keep = 1 }, "s t b c d", "a" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kc_clean_opts dry = rows[i].o;
		struct kc_cleaned would, did;
		struct fixture f;
		char left[16];

		setup(state, &f);
		dry.dry_run = true;
		would = clean(&f, dry);
		/* The order among those of the same time is of no importance: "a" and "s", "c" and "t". */
		if (strlen(f.removed) != strlen(rows[i].removed))
			fail_msg("row %zu, dry: %s", i, f.removed);
		present(&f, left, sizeof(left));
		assert_string_equal(left, "abcdst");
		did = clean(&f, rows[i].o);
		if (strlen(f.removed) != strlen(rows[i].removed))
			fail_msg("row %zu: %s", i, f.removed);
		if (rows[i].o.by_size)
			assert_string_equal(f.removed, rows[i].removed);
		present(&f, left, sizeof(left));
		if (!kt_streq(left, rows[i].left))
			fail_msg("row %zu: left %s", i, left);
		assert_int_equal(would.removed, did.removed);
		assert_int_equal(would.freed_bytes, did.freed_bytes);
		assert_int_equal(did.kept_in_use, 0);
		teardown(&f);
	}
}

static void what_is_used_or_worked_on_stays(void **state)
{
	kt_auto(kc_entry) struct kc_entry *a = NULL;
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE, tree = KC_WORK_NONE;
	struct kc_cleaned cleaned;
	struct fixture f;
	char left[16];
	int use = -1;

	setup(state, &f);
	assert_int_equal(kc_entry_load(f.cache, f.key[0], &a, NULL), 0);
	assert_int_equal(kc_work_begin(f.cache, f.key[1], NULL, NULL, &w, NULL), 0);
	assert_int_equal(kc_use_begin(f.cache, "s", &use, NULL), 0);
	assert_int_equal(kc_work_begin(f.cache, "source-t", NULL, NULL, &tree, NULL), 0);
	cleaned = clean(&f, (struct kc_clean_opts){ .by_size = true });
	present(&f, left, sizeof(left));
	assert_string_equal(left, "abst");
	assert_int_equal(cleaned.removed, 2);
	assert_int_equal(cleaned.kept_in_use, 4);
	assert_int_equal(access(w.dir, F_OK), 0);
	close(use);
	kc_work_end(&tree);
	kc_work_end(&w);
	kc_entry_free(a);
	a = NULL;
	cleaned = clean(&f, (struct kc_clean_opts){ .by_size = true });
	present(&f, left, sizeof(left));
	assert_string_equal(left, "");
	assert_int_equal(cleaned.kept_in_use, 0);
	teardown(&f);
}

static void a_clock_that_was_wrong_is_not_old_age(void **state)
{
	struct fixture f;

	setup(state, &f);
	used_ago(&f, f.key[0], -100000);
	(void)clean(&f, (struct kc_clean_opts){ .by_age = true, .older_s = 90 * HOUR });
	assert_string_equal(f.removed, "");
	teardown(&f);
}

/* The time of a directory says nothing of what is done below it. */
static void repositories_and_objects_go_by_their_last_use(void **state)
{
	static const char *const names[] = { "git/0123456789abcdef", "git/fedcba9876543210",
					     "objects/objects-0123", "objects/objects-4567" };
	struct fixture f;

	setup(state, &f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
		kt_auto(mem) char *dir = kt_fmt("%s/%s", f.cache, names[i]);
		kt_auto(mem) char *below = kt_fmt("%s/x", dir);

		make_full(below);
		assert_int_equal(utimensat(AT_FDCWD, dir, old, 0), 0);
	}
	used_ago(&f, "0123456789abcdef", 5);
	used_ago(&f, "objects-4567", 5);
	(void)clean(&f, (struct kc_clean_opts){ .by_age = true, .older_s = 90 * HOUR });
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		kt_auto(mem) char *dir = kt_fmt("%s/%s", f.cache, names[i]);

		assert_int_equal(access(dir, F_OK) == 0, i == 0 || i == 3);
	}
	teardown(&f);
}

static void the_damaged_and_what_the_dead_left_are_removed(void **state)
{
	kt_auto(mem) char *image = NULL, *moved = NULL, *dead = NULL, *trash = NULL, *tmp = NULL;
	struct kc_cleaned cleaned;
	struct fixture f;
	char left[16];

	setup(state, &f);
	image = kt_fmt("%s/kernels/%s/image", f.cache, f.key[2]);
	assert_int_equal(truncate(image, 5), 0);
	moved = kt_fmt("%s/damaged/9.9-x86_64-d1/image", f.cache);
	dead = kt_fmt("%s/tmp/7.0-dead/x", f.cache);
	trash = kt_fmt("%s/tmp/.trash-1-0/x", f.cache);
	tmp = kt_fmt("%s/tmp", f.cache);
	make_full(moved);
	assert_int_equal(kt_mkdir_p(dead, 0755, NULL), 0);
	assert_int_equal(kt_mkdir_p(trash, 0755, NULL), 0);
	cleaned = clean(&f, (struct kc_clean_opts){ .corrupt = true, .dry_run = true });
	assert_int_equal(cleaned.removed, 2);
	assert_int_equal(access(dead, F_OK), 0);
	cleaned = clean(&f, (struct kc_clean_opts){ .corrupt = true });
	assert_int_equal(cleaned.removed, 2);
	assert_non_null(strstr(f.removed, "9.9-x86_64-d1!"));
	present(&f, left, sizeof(left));
	assert_string_equal(left, "abdst");
	assert_int_equal(unit_nr_entries(tmp), 0);
	teardown(&f);
}

/* The trash of the living is not touched by others, who may be getting a kernel meanwhile. */
static void trash_belongs_to_whoever_makes_it(void **state)
{
	kt_auto(kc_trash) struct kc_trash t = KC_TRASH_NONE;
	kt_auto(mem) char *tree = NULL;
	struct kt_err e = { 0 };
	struct fixture f;

	setup(state, &f);
	tree = kt_fmt("%s/sources/s", f.cache);
	assert_int_equal(kc_trash_begin(f.cache, &t, NULL), 0);
	assert_int_equal(kc_trash_move(&t, tree, &e), 0);
	assert_int_not_equal(access(tree, F_OK), 0);
	kc_remove_stale(f.cache, NULL);
	assert_int_equal(access(t.dir, F_OK), 0);
	assert_int_equal(kc_trash_move(&t, tree, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_NONE);
	teardown(&f);
}

static void make_dirty(const struct fixture *f, const char *key, const char *spec)
{
	kt_auto(mem) char *path = kt_fmt("%s/kernels/%s/metadata.json", f->cache, key);
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };

	assert_int_equal(kc_metadata_read(path, &m, NULL), 0);
	free(m.spec);
	m.spec = strdup(spec);
	m.flavour = strdup("minimal");
	m.dirty = true;
	assert_int_equal(kc_metadata_write(&m, path, NULL), 0);
}

static void a_new_dirty_kernel_replaces_the_old_ones_of_its_tree(void **state)
{
	kt_auto(kc_entry) struct kc_entry *used = NULL;
	struct fixture f;
	char left[16];

	setup(state, &f);
	make_dirty(&f, f.key[0], "path:tree");
	make_dirty(&f, f.key[1], "path:tree");
	make_dirty(&f, f.key[2], "path:other");
	kc_drop_old_dirty(f.cache, "path:tree", f.key[0]);
	present(&f, left, sizeof(left));
	assert_string_equal(left, "acdst");
	make_dirty(&f, f.key[3], "path:tree");
	assert_int_equal(kc_entry_load(f.cache, f.key[3], &used, NULL), 0);
	assert_int_equal(used->state, KC_STATE_DIRTY);
	kc_drop_old_dirty(f.cache, "path:tree", f.key[0]);
	present(&f, left, sizeof(left));
	assert_string_equal(left, "acdst");
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_remove_the_least_recently_used),
		cmocka_unit_test(what_is_used_or_worked_on_stays),
		cmocka_unit_test(a_clock_that_was_wrong_is_not_old_age),
		cmocka_unit_test(repositories_and_objects_go_by_their_last_use),
		cmocka_unit_test(the_damaged_and_what_the_dead_left_are_removed),
		cmocka_unit_test(trash_belongs_to_whoever_makes_it),
		cmocka_unit_test(a_new_dirty_kernel_replaces_the_old_ones_of_its_tree),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* A cache shared through a directory: there and back, and whatever else may be found in it. */
#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/store/remote.h"
#include "tests/unit/kernel_image.h"

struct fixture {
	char dir[128], here[160], there[160], shared[160];
	char key[128];
};

static char logged[8192];

static void on_log(void *ctx, enum kt_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)kt_snprintf(logged, sizeof(logged), "%s", line);
}

/* A kernel in the cache "here", and an empty one "there". */
static void fresh(void **state, struct fixture *f)
{
	kt_auto(buf) struct kt_buf image = { 0 };
	kt_auto(mem) char *path = NULL;
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	static int nr;

	nr++;
	*f = (struct fixture){ 0 };
	(void)kt_snprintf(f->dir, sizeof(f->dir), "%s/%d", (char *)*state, nr);
	(void)kt_snprintf(f->here, sizeof(f->here), "%s/here", f->dir);
	(void)kt_snprintf(f->there, sizeof(f->there), "%s/there", f->dir);
	(void)kt_snprintf(f->shared, sizeof(f->shared), "%s/a #shared%%20 one", f->dir);
	assert_int_equal(kt_mkdir_p(f->shared, 0755, NULL), 0);
	path = kt_fmt("%s/bzImage", f->dir);
	assert_true(image_make(&(struct image_opts){ .release = "7.2.0-t" }, &image));
	assert_int_equal(kt_file_write_atomic(path, image.data, image.len, 0644, NULL), 0);
	{
		const struct kc_opts o = { .cache_dir = f->here, .project_dir = f->dir };

		assert_int_equal(kc_get("path:bzImage", &o, &k, NULL), 0);
	}
	(void)kt_snprintf(f->key, sizeof(f->key), "%s", k->key);
	logged[0] = '\0';
}

static void put(const struct fixture *f, const char *remote)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	const struct kc_opts o = { .remote = remote };

	assert_int_equal(kc_work_begin(f->here, f->key, NULL, NULL, &w, NULL), 0);
	kt_log_set_hook(on_log, NULL);
	kc_remote_put(f->here, f->key, &o);
	kt_log_set_hook(NULL, NULL);
	assert_int_equal(unit_nr_entries(w.dir), 0);
}

static int get(const struct fixture *f, const char *remote, struct kt_err *e)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	const struct kc_opts o = { .remote = remote };
	int r;

	assert_int_equal(kc_work_begin(f->there, f->key, NULL, NULL, &w, NULL), 0);
	kt_log_set_hook(on_log, NULL);
	r = kc_remote_get(f->there, f->key, &o, e);
	kt_log_set_hook(NULL, NULL);
	assert_int_equal(unit_nr_entries(w.dir), 0);
	return r;
}

static void a_kernel_goes_there_and_comes_back(void **state)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	struct kt_err e = { 0 };
	struct fixture f;

	fresh(state, &f);
	assert_int_equal(get(&f, f.shared, &e), -ENOENT);
	assert_string_equal(logged, "");
	put(&f, f.shared);
	assert_string_equal(logged, "");
	{
		kt_auto(mem) char *v1 = kt_fmt("%s/v1", f.shared);

		assert_int_equal(unit_nr_entries(v1), 2);
		put(&f, f.shared);
		assert_int_equal(unit_nr_entries(v1), 2);
	}
	assert_int_equal(get(&f, f.shared, &e), 0);
	assert_string_equal(logged, "");
	assert_int_equal(kc_entry_load(f.there, f.key, &k, &e), 0);
	assert_int_equal(kc_verify(k, &e), 0);
	assert_string_equal(k->spec, "path:bzImage");
	assert_true(k->facts.has_sched_ext);
}

static void what_is_not_committed_stays_here(void **state)
{
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	kt_auto(mem) char *path = NULL;
	struct fixture f;

	fresh(state, &f);
	path = kt_fmt("%s/kernels/%s/metadata.json", f.here, f.key);
	assert_int_equal(kc_metadata_read(path, &m, NULL), 0);
	m.dirty = true;
	m.flavour = strdup("minimal");
	assert_int_equal(kc_metadata_write(&m, path, NULL), 0);
	put(&f, f.shared);
	assert_string_equal(logged, "");
	assert_int_equal(unit_nr_entries(f.shared), 0);
}

struct member {
	const char *name;
	const char *text; /* NULL: a link to /etc/passwd */
	bool hard;
};

static void write_archive(const char *path, const struct member *members, size_t nr)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_add_filter_zstd(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (size_t i = 0; i < nr; i++) {
		struct archive_entry *entry = archive_entry_new();

		archive_entry_set_pathname(entry, members[i].name);
		archive_entry_set_perm(entry, 0644);
		archive_entry_set_filetype(entry, members[i].text || members[i].hard ? AE_IFREG
										     : AE_IFLNK);
		if (members[i].text)
			archive_entry_set_size(entry, (int64_t)strlen(members[i].text));
		else if (members[i].hard)
			archive_entry_set_hardlink(entry, "/etc/passwd");
		else
			archive_entry_set_symlink(entry, "/etc/passwd");
		assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
		if (members[i].text)
			assert_int_equal(archive_write_data(a, members[i].text,
							    strlen(members[i].text)),
					 strlen(members[i].text));
		archive_entry_free(entry);
	}
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
}

static void archives_with_anything_else_are_refused(void **state)
{
	static const struct {
		struct member v[2];
		const char *shown;
	} rows[] = {
		{ { { "../image", "x", false } }, "../image" },
		{ { { "/etc/image", "x", false } }, "/etc/image" },
		{ { { "image", NULL, false } }, "image" },
		{ { { "image", NULL, true } }, "image" },
		{ { { "a/image", "x", false } }, "a/image" },
		{ { { "x\033[2J", "x", false } }, "x\\x1b[2J" },
		{ { { "image", "x", false }, { "image", "y", false } }, "image" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(mem) char *archive = NULL, *dir = NULL, *want = NULL;
		struct kt_err e = { 0 };
		struct fixture f;

		fresh(state, &f);
		archive = kt_fmt("%s/archive", f.dir);
		dir = kt_fmt("%s/out", f.dir);
		assert_int_equal(kt_mkdir_p(dir, 0755, NULL), 0);
		write_archive(archive, rows[i].v, rows[i].v[1].name ? 2 : 1);
		assert_int_equal(kc_unpack_pack(archive, dir, &e), -EBADMSG);
		want = kt_fmt("'%s' has '%s' in it, which no kernel of the cache has", archive,
			      rows[i].shown);
		assert_string_equal(unit_err_text(&e), want);
		assert_int_equal(e.kind, KT_E_KERNEL);
	}
}

static void replace_in(const char *path, const char *from, const char *to)
{
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

static void a_broken_index_is_a_warning_and_is_sent_anew(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} rows[] = {
		{ "{", "<", "' is no JSON object" },
		{ "\"key\": \"", "\"key\": \"x", "' lacks something or is of another kernel" },
		{ "\"archive\": \"", "\"archive\": \"../",
		  "' lacks something or is of another kernel" },
		{ "\"archive\": \"7", "\"archive\": \"8", "' is not there" },
		{ "\"size\": ", "\"size\": 9", " bytes, found " },
		{ "\"sha256\": \"", "\"sha256\": \"z",
		  "' lacks something or is of another kernel" },
		{ "\"schema_version\": 1", "\"schema_version\": 0", "' has schema_version 0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(mem) char *index = NULL;
		struct kt_err e = { 0 };
		struct fixture f;

		fresh(state, &f);
		put(&f, f.shared);
		index = kt_fmt("%s/v1/%s.json", f.shared, f.key);
		replace_in(index, rows[i].from, rows[i].to);
		assert_int_equal(get(&f, f.shared, &e), -ENOENT);
		assert_int_equal(e.kind, KT_E_NONE);
		if (!strstr(logged, "get a kernel from the shared cache: ") ||
		    !strstr(logged, rows[i].why) || !strstr(logged, "; going on without it"))
			fail_msg("row %zu: %s", i, logged);
	}
}

/* Other bytes, as many of them: of which cache only the sum knows. */
static void damage_archive(const struct fixture *f)
{
	kt_auto(mem) char *v1 = kt_fmt("%s/v1", f->shared);
	kt_auto(dir) DIR *dir = opendir(v1);
	struct dirent *d;

	assert_non_null(dir);
	while ((d = readdir(dir))) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", v1, d->d_name);
		FILE *file;

		if (!kt_ends_with(d->d_name, ".tar.zst"))
			continue;
		file = fopen(path, "r+e");
		assert_non_null(file);
		assert_int_equal(fseek(file, 100, SEEK_SET), 0);
		assert_true(fputs("something else", file) >= 0);
		assert_int_equal(fclose(file), 0);
		return;
	}
	fail_msg("no archive in '%s'", v1);
}

static void a_wrong_archive_is_a_warning_and_is_replaced(void **state)
{
	struct kt_err e = { 0 };
	struct fixture f;

	fresh(state, &f);
	put(&f, f.shared);
	damage_archive(&f);
	assert_int_equal(get(&f, f.shared, &e), -ENOENT);
	assert_non_null(strstr(logged, "': expected sha256 "));
	/* Then it is sent again, although there is an index. */
	put(&f, f.shared);
	logged[0] = '\0';
	assert_int_equal(get(&f, f.shared, &e), 0);
	assert_string_equal(logged, "");
}

static void a_place_that_is_none_is_left_alone_after_one_line(void **state)
{
	kt_auto(mem) char *none = NULL;
	struct kt_err e = { 0 };
	struct fixture f;

	fresh(state, &f);
	none = kt_fmt("%s/none", f.dir);
	assert_int_equal(get(&f, none, &e), -ENOENT);
	assert_non_null(strstr(logged, "there is no directory '"));
	logged[0] = '\0';
	assert_int_equal(get(&f, none, &e), -ENOENT);
	put(&f, none);
	assert_string_equal(logged, "");
	assert_int_not_equal(access(none, F_OK), 0);
}

static void places_are_understood(void **state)
{
	static const struct {
		const char *remote, *base, *dir, *why;
		bool https, loopback;
	} rows[] = {
		{ "/x/y/", "file:///x/y", "/x/y", NULL, false, false },
		{ "/x y", "file:///x%20y", "/x y", NULL, false, false },
		{ "file:///x%20y/", "file:///x%20y", "/x y", NULL, false, false },
		{ "http://h.example/c/", "http://h.example/c", NULL, NULL, false, false },
		{ "https://h.example/", "https://h.example", NULL, NULL, true, false },
		{ "http://127.0.0.1:81/c", "http://127.0.0.1:81/c", NULL, NULL, false, true },
		{ "http://[::1]:81/c", "http://[::1]:81/c", NULL, NULL, false, true },
		{ "http://localhost/c", "http://localhost/c", NULL, NULL, false, true },
		{ "http://localhost.example/c", "http://localhost.example/c", NULL, NULL, false,
		  false },
		{ "http://127.0.0.1.example/c", "http://127.0.0.1.example/c", NULL, NULL, false,
		  false },
		{ "ftp://h/c", NULL, NULL,
		  "the shared kernel cache 'ftp://h/c' is none of http://, https://, file:// and a directory",
		  false, false },
		{ "http://u:secret@h/c", NULL, NULL,
		  "the URL of the shared kernel cache has a user name or password in it; take it out and set KTSTR_CACHE_TOKEN",
		  false, false },
		{ "http://h/c?k=secret", NULL, NULL,
		  "the URL of the shared kernel cache has a '?' or '#' in it", false, false },
		{ "http://", NULL, NULL,
		  "the URL of the shared kernel cache is none that can be read", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(kc_place) struct kc_place p = { 0 };
		struct kt_err e = { 0 };
		int r = kc_place_parse(rows[i].remote, &p, &e);

		if (rows[i].why) {
			assert_int_equal(r, -EINVAL);
			assert_string_equal(unit_err_text(&e), rows[i].why);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", rows[i].remote, unit_err_text(&e));
		assert_string_equal(p.base, rows[i].base);
		assert_int_equal(!p.dir, !rows[i].dir);
		if (p.dir)
			assert_string_equal(p.dir, rows[i].dir);
		assert_int_equal(p.https, rows[i].https);
		assert_int_equal(p.loopback, rows[i].loopback);
	}
}

static void a_token_goes_only_where_nobody_else_reads_it(void **state)
{
	const struct kc_place far = { 0 }, near = { .loopback = true }, safe = { .https = true };
	struct kt_err e = { 0 };

	(void)state;
	unsetenv("KTSTR_CACHE_TOKEN_INSECURE");
	assert_int_equal(kc_http_token_check(&near, "t", &e), 0);
	assert_int_equal(kc_http_token_check(&safe, "t", &e), 0);
	assert_int_equal(kc_http_token_check(&far, "t", &e), -EPERM);
	assert_non_null(strstr(unit_err_text(&e), "KTSTR_CACHE_TOKEN_INSECURE=1"));
	assert_int_equal(kc_http_token_check(&safe, "t\r\nX: y", &e), -EINVAL);
	assert_string_equal(unit_err_text(&e),
			    "KTSTR_CACHE_TOKEN has characters that no token has");
	setenv("KTSTR_CACHE_TOKEN_INSECURE", "1", 1);
	assert_int_equal(kc_http_token_check(&far, "t", &e), 0);
	unsetenv("KTSTR_CACHE_TOKEN_INSECURE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_goes_there_and_comes_back),
		cmocka_unit_test(what_is_not_committed_stays_here),
		cmocka_unit_test(archives_with_anything_else_are_refused),
		cmocka_unit_test(a_broken_index_is_a_warning_and_is_sent_anew),
		cmocka_unit_test(a_wrong_archive_is_a_warning_and_is_replaced),
		cmocka_unit_test(a_place_that_is_none_is_left_alone_after_one_line),
		cmocka_unit_test(places_are_understood),
		cmocka_unit_test(a_token_goes_only_where_nobody_else_reads_it),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

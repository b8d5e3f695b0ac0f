/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sources/: a tree is there whole or not at all, whatever came in between; what is there is used, what cannot be
 * trusted is made again.
 */
#include "tests/unit/unpack_archive.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/proc.h"
#include "kernel-cache/source/trees.h"

#define KEY "6.12.117-x86_64-t0123456789ab"

/* A cache, a tarball to make trees of, and a request for it. */
struct place {
	char cache[160], tarball[176], tree[224], json[232], work[224];
	char url[256];
	char sha256[KT_SHA256_HEX];
	struct kc_build_opts build;
	struct kc_opts opts;
	struct kc_request q;
	struct kc_pick p;
};

static unsigned nr_warnings;
static char last_warning[1024];

static void on_log(void *ctx, enum kt_level level, const char *line)
{
	(void)ctx;
	if (level != KT_WARN)
		return;
	nr_warnings++;
	(void)kt_snprintf(last_warning, sizeof(last_warning), "%s", line); /* cut is fine */
}

static void make_tarball(struct place *l, unsigned nr_files, bool with_kconfig)
{
	kt_auto(buf) struct kt_buf archive = { 0 };
	struct archive *a = unpack_begin_tar("gzip", &archive);
	unsigned seed = 1;

	unpack_add_member(
		a,
		&(struct member){ .path = "l/Makefile",
				  .text = "# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\n"
					  "EXTRAVERSION =\nNAME = Baby\n" });
	if (with_kconfig)
		unpack_add_member(a, &(struct member){ .path = "l/Kconfig", .text = "config X\n" });
	for (unsigned i = 0; i < nr_files; i++) {
		kt_auto(mem) char *path = kt_fmt("l/d%u/f%u", i / 40, i);
		char text[3000];

		for (size_t n = 0; n < sizeof(text) - 1; n++) {
			seed = seed * 1103515245 + 12345;
			text[n] = (char)('!' + (seed >> 16) % 90);
		}
		text[sizeof(text) - 1] = '\0';
		unpack_add_member(a, &(struct member){ .path = path, .text = text });
	}
	unpack_end_tar(a);
	assert_int_equal(kt_file_write_atomic(l->tarball, archive.data, archive.len, 0644, NULL),
			 0);
	assert_int_equal(kt_sha256_file(l->tarball, l->sha256, NULL), 0);
	l->p.image.bytes = archive.len;
}

static void make_place(void **state, unsigned nr_files, struct place *l)
{
	const char *dir = *state;

	*l = (struct place){ 0 };
	(void)kt_snprintf(l->cache, sizeof(l->cache), "%s/cache", dir); /* all fit */
	(void)kt_snprintf(l->tarball, sizeof(l->tarball), "%s/www/l.tar.gz", dir);
	(void)kt_snprintf(l->tree, sizeof(l->tree), "%s/sources/" KEY, l->cache);
	(void)kt_snprintf(l->json, sizeof(l->json), "%s.json", l->tree);
	(void)kt_snprintf(l->work, sizeof(l->work), "%s/tmp/source-" KEY, l->cache);
	(void)kt_snprintf(l->url, sizeof(l->url), "file://%s", l->tarball);
	assert_int_equal(kt_remove_tree(l->cache, NULL), 0);
	{
		kt_auto(mem) char *www = kt_fmt("%s/www", dir);

		assert_int_equal(kt_mkdir_p(www, 0755, NULL), 0);
	}
	make_tarball(l, nr_files, true);
	l->p.key = (char *)KEY;
	l->p.package = (char *)"linux";
	l->p.version = (char *)"6.12.117";
	l->p.image.url = l->url;
	l->p.image.sha256 = l->sha256;
	l->opts.build = &l->build;
	l->q = (struct kc_request){ .cache_dir = l->cache, .spec = "6.12.117", .o = &l->opts };
	l->q.parsed.form = KC_FORM_VERSION;
	nr_warnings = 0;
}

static void assert_whole(const struct place *l, const struct kc_tree *t, unsigned nr_files)
{
	assert_string_equal(t->dir, l->tree);
	assert_string_equal(t->key, KEY);
	assert_string_equal(t->version, "6.12.117");
	assert_null(t->commit);
	assert_false(t->dirty);
	assert_true(t->use_fd >= 0);
	unpack_assert_text(t->dir, "Kconfig", "config X\n");
	for (unsigned i = 0; i < nr_files; i++) {
		kt_auto(mem) char *path = kt_fmt("%s/d%u/f%u", t->dir, i / 40, i);
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, 2999);
	}
}

static void assert_get(const struct place *l, unsigned nr_files)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	struct kt_err e = { 0 };

	if (kc_tree_get(&l->q, &l->p, &t, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_whole(l, &t, nr_files);
}

static void assert_no_tree(const struct place *l)
{
	assert_int_not_equal(access(l->tree, F_OK), 0);
}

static void a_tree_is_made_once_and_found_again(void **state)
{
	struct place l;
	kt_auto(mem) char *used = NULL;
	kt_auto(kc_tree_record) struct kc_tree_record about = { 0 };
	size_t nr = 9;
	uint64_t bytes = 9;

	make_place(state, 100, &l);
	assert_int_equal(kc_sources_usage(l.cache, &nr, &bytes, NULL), 0);
	assert_int_equal(nr, 0);
	assert_get(&l, 100);
	assert_int_not_equal(access(l.work, F_OK), 0);
	assert_int_equal(unlink(l.tarball), 0);
	l.opts.offline = true;
	assert_get(&l, 100);
	used = kt_fmt("%s/used/" KEY, l.cache);
	assert_int_equal(access(used, F_OK), 0);
	assert_int_equal(kc_tree_record_read(l.cache, KEY, &about, NULL), 0);
	assert_int_equal(about.files, 102);
	assert_string_equal(about.sha256, l.sha256);
	assert_string_equal(about.url, l.url);
	assert_false(about.synced);
	assert_int_equal(kc_sources_usage(l.cache, &nr, &bytes, NULL), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(bytes, about.bytes);
	assert_in_range(bytes, 102 * 4096, 102 * 4096 + 10 * 4096);
	assert_int_equal(nr_warnings, 0);
}

static void a_tree_in_use_cannot_be_claimed(void **state)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	struct place l;
	int fd = -1;

	make_place(state, 1, &l);
	assert_int_equal(kc_tree_get(&l.q, &l.p, &t, NULL), 0);
	assert_int_equal(kc_use_claim(l.cache, KEY, &fd, NULL), -EWOULDBLOCK);
	kc_tree_done(&t);
	assert_int_equal(kc_use_claim(l.cache, KEY, &fd, NULL), 0);
	close(fd);
}

static void assert_made_again(const struct place *l, const char *why)
{
	kt_auto(mem) char *want =
		kt_fmt("the unpacked source " KEY " is damaged (%s); making it again", why);
	kt_auto(mem) char *stray = kt_fmt("%s/stray", l->tree);

	nr_warnings = 0;
	assert_int_equal(kt_file_write_atomic(stray, "x", 1, 0644, NULL), 0);
	assert_get(l, 10);
	assert_int_not_equal(access(stray, F_OK), 0);
	assert_int_equal(nr_warnings, 1);
	if (!kt_ends_with(last_warning, want))
		fail_msg("'%s' instead of '%s'", last_warning, want);
}

static void a_damaged_tree_is_made_again_with_one_warning(void **state)
{
	static const char *const files[] = { "Makefile", "Kconfig" };
	kt_auto(mem) char *no_json = NULL, *no_object = NULL, *lacks = NULL;
	struct place l;

	make_place(state, 10, &l);
	no_json = kt_fmt("there is no '%s'", l.json);
	no_object = kt_fmt("'%s' is no JSON object", l.json);
	lacks = kt_fmt("'%s' lacks something or has a value of a wrong type", l.json);
	assert_get(&l, 10);
	assert_int_equal(unlink(l.json), 0);
	assert_made_again(&l, no_json);
	assert_int_equal(kt_file_write_atomic(l.json, "{", 1, 0644, NULL), 0);
	assert_made_again(&l, no_object);
	assert_int_equal(kt_file_write_atomic(l.json, "{\"schema_version\":1}", 20, 0644, NULL), 0);
	assert_made_again(&l, lacks);
	for (size_t i = 0; i < 2; i++) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", l.tree, files[i]);
		kt_auto(mem) char *why = kt_fmt("it has no %s", files[i]);

		assert_int_equal(unlink(path), 0);
		assert_made_again(&l, why);
	}
}

static void set_boot(const struct place *l, const char *boot_id, bool synced)
{
	struct kc_tree_record about = { 0 };

	assert_int_equal(kc_tree_record_read(l->cache, KEY, &about, NULL), 0);
	free(about.boot_id);
	about.boot_id = strdup(boot_id);
	about.synced = synced;
	assert_int_equal(kc_tree_record_write(l->cache, &about, NULL), 0);
	kc_tree_record_done(&about);
}

static void a_tree_of_another_boot_is_believed_only_when_it_was_synced(void **state)
{
	kt_auto(kc_tree_record) struct kc_tree_record about = { 0 };
	struct place l;

	make_place(state, 10, &l);
	assert_get(&l, 10);
	set_boot(&l, "00000000-1111-2222-3333-444444444444", false);
	kc_tree_synced(l.cache, KEY); /* which nobody of this boot can say */
	assert_made_again(&l, "the machine went down before it was safely on disk");
	kc_tree_synced(l.cache, KEY);
	assert_int_equal(kc_tree_record_read(l.cache, KEY, &about, NULL), 0);
	assert_true(about.synced);
	set_boot(&l, "00000000-1111-2222-3333-444444444444", true);
	assert_int_equal(unlink(l.tarball), 0);
	nr_warnings = 0;
	assert_get(&l, 10);
	assert_int_equal(nr_warnings, 0);
	kc_tree_synced(l.cache, "no-such-tree");
}

static void a_tree_of_a_newer_version_of_us_is_left_alone(void **state)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	struct place l;

	make_place(state, 1, &l);
	assert_get(&l, 1);
	assert_int_equal(kt_file_write_atomic(l.json, "{\"schema_version\":99}", 21, 0644, NULL),
			 0);
	assert_int_equal(kc_tree_get(&l.q, &l.p, &t, NULL), -EPROTONOSUPPORT);
	assert_int_equal(access(l.tree, F_OK), 0);
}

static void assert_fails(const struct place *l, int errnum, const char *want)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	struct kt_err e = { 0 };

	assert_int_equal(kc_tree_get(&l->q, &l->p, &t, &e), -errnum);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_string_equal(unit_err_text(&e), want);
	assert_null(t.dir);
	assert_no_tree(l);
}

static void a_file_with_other_bytes_gives_no_tree(void **state)
{
	kt_auto(mem) char *want = NULL, *gone = NULL, *other = NULL;
	char pinned[KT_SHA256_HEX];
	struct place l;

	make_place(state, 3, &l);
	memcpy(pinned, l.sha256, sizeof(pinned));
	make_tarball(&l, 4, true);
	want = kt_fmt("get the source of 6.12.117: '%s': expected sha256 %s, found %s", l.tarball,
		      pinned, l.sha256);
	l.p.image.sha256 = pinned;
	assert_fails(&l, EBADMSG, want);
	/* Bytes that do not unpack are first of all wrong bytes. */
	assert_int_equal(kt_file_write_atomic(l.tarball, "not a tar", 9, 0644, NULL), 0);
	assert_int_equal(kt_sha256_file(l.tarball, l.sha256, NULL), 0);
	other = kt_fmt("get the source of 6.12.117: '%s': expected sha256 %s, found %s", l.tarball,
		       pinned, l.sha256);
	assert_fails(&l, EBADMSG, other);
	assert_int_equal(unlink(l.tarball), 0);
	gone = kt_fmt("get the source of 6.12.117: '%s' is not there", l.tarball);
	assert_fails(&l, ENOENT, gone);
	assert_int_not_equal(access(l.work, F_OK), 0);
}

/* Whatever is under a key, who asks for certain bytes gets these. */
static void a_tree_of_other_bytes_under_the_same_key_is_made_again(void **state)
{
	kt_auto(mem) char *why = NULL;
	struct place l;

	make_place(state, 9, &l);
	assert_get(&l, 9);
	make_tarball(&l, 10, true);
	why = kt_fmt("it is of another source ('%s')", l.url);
	assert_made_again(&l, why);
}

/* What ktstr.lock says was written on another machine. */
static void a_file_is_looked_for_where_the_spec_says(void **state)
{
	kt_auto(mem) char *elsewhere = NULL;
	struct place l;

	make_place(state, 5, &l);
	elsewhere = kt_fmt("file:///nowhere%s", l.tarball);
	l.p.image.url = elsewhere;
	l.opts.project_dir = *state;
	l.q.parsed.form = KC_FORM_TARBALL;
	l.q.parsed.arg = (char *)"www/l.tar.gz";
	assert_get(&l, 5);
}

static void what_is_no_kernel_source_gives_no_tree(void **state)
{
	kt_auto(mem) char *want = NULL;
	struct place l;

	make_place(state, 3, &l);
	make_tarball(&l, 3, false);
	want = kt_fmt(
		"get the source of 6.12.117: '%s' is no kernel source: it has no Kconfig at its top",
		l.url);
	assert_fails(&l, EBADMSG, want);
	assert_int_equal(kt_file_write_atomic(l.tarball, "not a tar", 9, 0644, NULL), 0);
	assert_int_equal(kt_sha256_file(l.tarball, l.sha256, NULL), 0);
	assert_fails(
		&l, EBADMSG,
		"get the source of 6.12.117: 'l.tar.gz' is no whole tar archive: Unrecognized archive format");
}

static void put_tarball(const struct place *l, size_t len, char flip)
{
	kt_auto(mem) char *to = kt_fmt("%s/tarball", l->work);
	kt_auto(buf) struct kt_buf b = { 0 };

	assert_int_equal(kt_mkdir_p(l->work, 0755, NULL), 0);
	assert_int_equal(kt_file_read(l->tarball, SIZE_MAX, &b, NULL), 0);
	b.data[len / 2] ^= flip;
	assert_int_equal(kt_file_write_atomic(to, b.data, len, 0644, NULL), 0);
}

static void without_a_network_only_what_is_here_will_do(void **state)
{
	static const char want[] =
		"the source of 6.12.117 is not in the cache; run 'ktstr-make kernel fetch 6.12.117' once with a network";
	struct place l;

	make_place(state, 10, &l);
	l.opts.offline = true;
	l.p.image.url = (char *)"http://127.0.0.1:1/l.tar.gz";
	assert_fails(&l, ENOENT, want);
	/* As whoever resolved a URL leaves it. */
	put_tarball(&l, l.p.image.bytes, 0);
	assert_get(&l, 10);
	assert_int_not_equal(access(l.work, F_OK), 0);
	assert_int_equal(unlink(l.json), 0);
	{
		kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
		struct kt_err e = { 0 };

		assert_int_equal(kc_tree_get(&l.q, &l.p, &t, &e), -ENOENT);
		assert_true(kt_starts_with(
			unit_err_text(&e),
			"the source of 6.12.117 is not in the cache undamaged (there is no '"));
	}
}

/* ---- over HTTP ---- */

struct server {
	struct kt_proc proc;
	int out;
	char log[192], url[256];
};

/* The program of tests/faultd, with the directory of the tarball. @rule NULL: it behaves. */
static void start_server(void **state, const struct place *l, const char *rule, struct server *s)
{
	const char *build = getenv("O");
	kt_auto(mem) char *program = kt_fmt("%s/tests/faultd", build ? build : "build");
	kt_auto(mem) char *www = kt_fmt("%s/www", (char *)*state);
	const char *argv[] = { program, "--log", s->log, www, rule, NULL };
	struct kt_proc_opts o = { .argv = argv };
	char port[16] = "";
	struct kt_err e = { 0 };
	int fds[2];
	ssize_t n;

	(void)kt_snprintf(s->log, sizeof(s->log), "%s/log", www); /* fits */
	(void)unlink(s->log);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	o.stdout_fd = fds[1];
	s->proc = (struct kt_proc)KT_PROC_NONE;
	if (kt_proc_start(&o, &s->proc, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	close(fds[1]);
	n = read(fds[0], port, sizeof(port) - 1);
	assert_true(n > 1);
	port[strcspn(port, "\n")] = '\0';
	s->out = fds[0];
	(void)kt_snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%s/%s", port,
			  strrchr(l->tarball, '/') + 1); /* fits */
}

static void stop_server(struct server *s)
{
	kt_proc_kill(&s->proc);
	close(s->out);
}

static unsigned nr_requests(const struct server *s, const char *with)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	unsigned nr = 0;

	assert_int_equal(kt_file_read(s->log, 1 << 20, &b, NULL), 0);
	for (const char *p = kt_buf_str(&b); (p = strstr(p, with)); p += strlen(with))
		nr++;
	return nr;
}

static void a_tree_comes_over_the_network(void **state)
{
	struct server s;
	struct place l;

	make_place(state, 300, &l);
	start_server(state, &l, NULL, &s);
	l.p.image.url = s.url;
	assert_get(&l, 300);
	assert_int_equal(nr_requests(&s, "GET "), 1);
	assert_get(&l, 300);
	assert_int_equal(nr_requests(&s, "GET "), 1);
	stop_server(&s);
}

static void a_download_that_was_cut_is_kept_and_continued(void **state)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	kt_auto(mem) char *tarball = NULL, *tree = NULL;
	struct server s;
	struct place l;
	struct stat st;

	make_place(state, 300, &l);
	tarball = kt_fmt("%s/tarball", l.work);
	tree = kt_fmt("%s/tree", l.work);
	put_tarball(&l, 100000, 0);
	l.p.image.url = (char *)"http://127.0.0.1:1/l.tar.gz";
	assert_int_equal(kc_tree_get(&l.q, &l.p, &t, NULL), -EHOSTUNREACH);
	assert_int_equal(stat(tarball, &st), 0);
	assert_int_equal(st.st_size, 100000);
	assert_int_not_equal(access(tree, F_OK), 0);
	assert_no_tree(&l);
	start_server(state, &l, NULL, &s);
	l.p.image.url = s.url;
	assert_get(&l, 300);
	assert_int_equal(nr_requests(&s, " 100000 206 "), 1);
	assert_int_equal(nr_requests(&s, "GET "), 1);
	stop_server(&s);
}

/* Somebody else who works in the cache clears away what the dead left. */
static void somebody_works(const struct place *l)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;

	assert_int_equal(kc_work_begin(l->cache, "other", NULL, NULL, &w, NULL), 0);
}

static void set_age(const char *path, time_t seconds)
{
	const struct timespec times[2] = { { .tv_sec = time(NULL) - seconds },
					   { .tv_sec = time(NULL) - seconds } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_is_kept_is_kept_for_a_week(void **state)
{
	enum { DAY = 24 * 60 * 60 };
	kt_auto(mem) char *tarball = NULL, *marker = NULL;
	struct place l;

	make_place(state, 1, &l);
	tarball = kt_fmt("%s/tarball", l.work);
	marker = kt_fmt("%s/keep", l.work);
	l.p.image.url = (char *)"http://127.0.0.1:1/l.tar.gz";
	for (int i = 0; i < 3; i++) {
		kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;

		put_tarball(&l, 100, 0);
		assert_int_equal(kc_tree_get(&l.q, &l.p, &t, NULL), -EHOSTUNREACH);
		somebody_works(&l);
		assert_int_equal(access(tarball, F_OK), 0);
		set_age(marker, 6 * DAY);
		somebody_works(&l);
		assert_int_equal(access(tarball, F_OK), 0);
		if (i == 0)
			set_age(marker, 8 * DAY);
		else if (i == 1)
			set_age(marker, -8 * DAY); /* the clock was wrong */
		else
			assert_int_equal(unlink(marker), 0); /* whoever left it was killed */
		somebody_works(&l);
		assert_int_not_equal(access(l.work, F_OK), 0);
	}
}

/* Cut again and again while it is unpacked; what was kept turns out to be wrong. */
static void whatever_the_network_does_the_tree_is_right(void **state)
{
	static const char *const rules[] = { "l.tar=cut:30000x5", "l.tar=norange", "l.tar=wrongx1",
					     NULL };
	struct server s;
	struct place l;

	for (size_t i = 0; i < 4; i++) {
		make_place(state, 200, &l);
		start_server(state, &l, rules[i], &s);
		l.p.image.url = s.url;
		if (i == 1)
			put_tarball(&l, 50000, 0);
		else if (i > 1)
			put_tarball(&l, 50000, 1); /* not what the server has */
		assert_get(&l, 200);
		stop_server(&s);
	}
	make_place(state, 200, &l);
	start_server(state, &l, "l.tar=wrong", &s);
	l.p.image.url = s.url;
	{
		kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
		struct kt_err e = { 0 };

		assert_int_equal(kc_tree_get(&l.q, &l.p, &t, &e), -EBADMSG);
		assert_non_null(strstr(unit_err_text(&e), "expected sha256 "));
	}
	assert_no_tree(&l);
	assert_int_not_equal(access(l.work, F_OK), 0);
	stop_server(&s);
}

/* ---- several at once, and killed ---- */

static void get_and_exit(const struct place *l)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	int r;

	kt_log_set_hook(on_log, NULL);
	r = kc_tree_get(&l->q, &l->p, &t, NULL);
	_exit(r == 0 && access(t.dir, F_OK) == 0 && nr_warnings == 0 ? 0 : 1);
}

static void ten_who_want_one_tree_fetch_it_once(void **state)
{
	struct server s;
	struct place l;
	pid_t pids[10];

	make_place(state, 200, &l);
	start_server(state, &l, NULL, &s);
	l.p.image.url = s.url;
	for (int i = 0; i < 10; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			get_and_exit(&l);
	}
	for (int i = 0; i < 10; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_int_equal(nr_requests(&s, "GET "), 1);
	stop_server(&s);
}

static void killed_at_any_time_it_is_whole_or_not_there(void **state)
{
	uint64_t begun, whole_us;
	struct place l;
	unsigned made = 0;

	make_place(state, 300, &l);
	begun = kt_now_ns();
	assert_get(&l, 300);
	whole_us = (kt_now_ns() - begun) / 1000;
	for (unsigned i = 0; i < 40; i++) {
		/* Spread over what it took once, and a little longer. */
		struct timespec wait = { .tv_nsec =
						 (long)(whole_us * (i + 1) / 32 % 900000 * 1000) };
		int status;
		pid_t pid;

		assert_int_equal(kt_remove_tree(l.tree, NULL), 0);
		(void)unlink(l.json);
		pid = fork();
		if (pid == 0)
			get_and_exit(&l);
		(void)nanosleep(&wait, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (access(l.tree, F_OK) == 0) {
			kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
			bool offline = l.opts.offline;

			made++;
			l.opts.offline = true;
			assert_int_equal(kc_tree_get(&l.q, &l.p, &t, NULL), 0);
			assert_whole(&l, &t, 300);
			l.opts.offline = offline;
		}
		nr_warnings = 0;
		assert_get(&l, 300);
		assert_int_equal(nr_warnings, 0);
	}
	print_message("# it was there %u times of 40\n", made);
}

static void versions_are_as_kernel_org_says_them(void **state)
{
	static const char *const rows[][2] = {
		{ "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nEXTRAVERSION =\n", "6.12.117" },
		{ "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\nEXTRAVERSION =\n", "6.12" },
		{ "VERSION = 6\nPATCHLEVEL = 15\nSUBLEVEL = 0\nEXTRAVERSION = -rc3\n", "6.15-rc3" },
		{ "# x\nVERSION=2\nPATCHLEVEL=6\nSUBLEVEL=32\nEXTRAVERSION=.71\nVERSION = 9\n",
		  "2.6.32.71" },
		{ "VERSION = 6\nPATCHLEVEL = 12", "6.12" },
		{ "VERSION = 6\n", NULL },
		{ "", NULL },
		{ "VERSION = x\nPATCHLEVEL = 1\n", NULL },
		{ "VERSION = 6\nPATCHLEVEL = 1\nEXTRAVERSION = $(shell date)\n", NULL },
		{ " VERSION = 6\nPATCHLEVEL = 1\n", NULL },
	};
	const char *dir = *state;
	kt_auto(mem) char *path = kt_fmt("%s/Makefile", dir);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(mem) char *version = NULL;
		struct kt_err e = { 0 };
		int r;

		assert_int_equal(
			kt_file_write_atomic(path, rows[i][0], strlen(rows[i][0]), 0644, NULL), 0);
		r = kc_tree_version(dir, &version, &e);
		assert_int_equal(r, rows[i][1] ? 0 : -EBADMSG);
		if (rows[i][1])
			assert_string_equal(version, rows[i][1]);
		else
			assert_int_equal(e.kind, KT_E_KERNEL);
	}
	assert_int_equal(unlink(path), 0);
}

static int setup(void **state)
{
	kt_log_set_hook(on_log, NULL);
	return unit_tmp_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_is_made_once_and_found_again),
		cmocka_unit_test(a_tree_in_use_cannot_be_claimed),
		cmocka_unit_test(a_damaged_tree_is_made_again_with_one_warning),
		cmocka_unit_test(a_tree_of_another_boot_is_believed_only_when_it_was_synced),
		cmocka_unit_test(a_tree_of_a_newer_version_of_us_is_left_alone),
		cmocka_unit_test(a_file_with_other_bytes_gives_no_tree),
		cmocka_unit_test(a_tree_of_other_bytes_under_the_same_key_is_made_again),
		cmocka_unit_test(a_file_is_looked_for_where_the_spec_says),
		cmocka_unit_test(what_is_no_kernel_source_gives_no_tree),
		cmocka_unit_test(without_a_network_only_what_is_here_will_do),
		cmocka_unit_test(a_tree_comes_over_the_network),
		cmocka_unit_test(a_download_that_was_cut_is_kept_and_continued),
		cmocka_unit_test(what_is_kept_is_kept_for_a_week),
		cmocka_unit_test(whatever_the_network_does_the_tree_is_right),
		cmocka_unit_test(ten_who_want_one_tree_fetch_it_once),
		cmocka_unit_test(killed_at_any_time_it_is_whole_or_not_there),
		cmocka_unit_test(versions_are_as_kernel_org_says_them),
	};

	return cmocka_run_group_tests(tests, setup, unit_tmp_teardown);
}

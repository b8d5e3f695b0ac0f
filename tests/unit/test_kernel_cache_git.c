/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels from git: URLs, names, and commits fetched from a real git daemon. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "kernel-cache/source/git.h"

enum { GIT_MS = 60000, OUTPUT_MAX = 1 << 20, DAEMON_TRIES = 400, DAEMON_WAIT_MS = 25 };

struct server {
	struct kt_proc proc;
	int port;
};

struct fixture {
	char dir[128], cache[160], origin[160], out[160];
	struct server server;
	char url[256];
	struct kc_opts opts;
	struct kc_build_opts build;
};

static char logged[1 << 16];

static void on_log(void *ctx, enum kt_level level, const char *line)
{
	size_t len = strlen(logged);

	(void)ctx;
	(void)level;
	(void)kt_snprintf(logged + len, sizeof(logged) - len, "%s\n", line);
}

/* Run a line of shell in @dir; returns its output without the last newline. */
static char *sh(const char *dir, const char *line)
{
	const char *argv[] = { "bash", "-ec", line, NULL };
	const char *env[] = { "GIT_CONFIG_GLOBAL=/dev/null",
			      "GIT_CONFIG_SYSTEM=/dev/null",
			      "GIT_AUTHOR_NAME=t",
			      "GIT_AUTHOR_EMAIL=t@example.invalid",
			      "GIT_COMMITTER_NAME=t",
			      "GIT_COMMITTER_EMAIL=t@example.invalid",
			      NULL };
	kt_auto(buf) struct kt_buf out = { 0 }, err = { 0 };
	struct kt_proc_end end = { 0 };
	struct kt_err e = { 0 };

	if (kt_proc_run(&(struct kt_proc_opts){ .argv = argv, .env_set = env, .cwd = dir }, GIT_MS,
			OUTPUT_MAX, &out, &err, &end, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	if (end.signalled || end.code)
		fail_msg("%s: %s%s", line, kt_buf_str(&out), kt_buf_str(&err));
	while (out.len && out.data[out.len - 1] == '\n')
		out.data[--out.len] = '\0';
	return out.data ? kt_buf_take(&out) : strdup("");
}

static void run(const char *dir, const char *line)
{
	free(sh(dir, line));
}

static bool answers(int port)
{
	kt_auto(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };

	return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static int free_port(void)
{
	kt_auto(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

/* git daemon takes no port 0, so a port that was free a moment ago is tried until one is still free. */
static void serve(struct fixture *f)
{
	/* Itself, not through "git", whose end it would not notice. */
	/* Itself, not through "git", which would leave it behind when a test fails. */
	kt_auto(mem) char *program = sh(f->dir, "echo \"$(git --exec-path)/git-daemon\"");

	for (int attempt = 0; attempt < 20; attempt++) {
		int port = free_port();
		kt_auto(mem) char *port_arg = kt_fmt("--port=%d", port);
		kt_auto(mem) char *base = kt_fmt("--base-path=%s", f->dir);
		const char *argv[] = { program,        "--listen=127.0.0.1", port_arg, base,
				       "--export-all", "--reuseaddr",        NULL };

		f->server.port = port;
		assert_int_equal(kt_proc_start(&(struct kt_proc_opts){ .argv = argv },
					       &f->server.proc, NULL),
				 0);
		for (int i = 0; i < DAEMON_TRIES; i++) {
			if (answers(port)) {
				(void)kt_snprintf(f->url, sizeof(f->url),
						  "git://127.0.0.1:%d/origin", port);
				return;
			}
			if (kt_proc_wait(&f->server.proc, DAEMON_WAIT_MS, NULL, NULL) == 0)
				break;
		}
		kt_proc_kill(&f->server.proc);
	}
	fail_msg("git daemon does not start");
}

/* Three commits on master, a branch, a plain and an annotated tag, and a name that is both. */
static void fresh(void **state, struct fixture *f)
{
	static int nr;

	*f = (struct fixture){ .server = { .proc = KT_PROC_NONE } };
	nr++;
	(void)kt_snprintf(f->dir, sizeof(f->dir), "%s/%d", (char *)*state, nr);
	(void)kt_snprintf(f->cache, sizeof(f->cache), "%s/cache", f->dir);
	(void)kt_snprintf(f->origin, sizeof(f->origin), "%s/origin", f->dir);
	(void)kt_snprintf(f->out, sizeof(f->out), "%s/out", f->dir);
	assert_int_equal(kt_mkdir_p(f->origin, 0755, NULL), 0);
	assert_int_equal(kt_mkdir_p(f->cache, 0755, NULL), 0);
	run(f->origin,
	    "git -c init.defaultBranch=master init -q . && mkdir -p arch/x86 scripts &&"
	    "echo one >Makefile && echo k >arch/x86/Kconfig && echo x >scripts/run &&"
	    "chmod +x scripts/run && ln -s ../Makefile scripts/link && git add -A &&"
	    "git commit -qm 1 && git tag v1 && echo two >Makefile && git commit -qam 2 &&"
	    "git tag -a -m t v2 && git tag both && git checkout -q -b fix &&"
	    "echo fixed >Makefile && git commit -qam f && git branch both && git checkout -q master &&"
	    "echo three >Makefile && git commit -qam 3");
	f->opts = (struct kc_opts){ .cache_dir = f->cache, .build = &f->build };
	logged[0] = '\0';
	kt_log_set_hook(on_log, NULL);
}

static void done(struct fixture *f)
{
	kt_log_set_hook(NULL, NULL);
	kt_proc_kill(&f->server.proc);
}

static struct kc_request request(struct fixture *f, const char *url, const char *ref)
{
	return (struct kc_request){
		.cache_dir = f->cache,
		.spec = "git+x",
		.parsed = { .form = KC_FORM_GIT, .arg = (char *)url, .arg2 = (char *)ref },
		.o = &f->opts,
	};
}

static int pick(struct fixture *f, const char *ref, struct kc_pick *ret, struct kt_err *e)
{
	struct kc_request q = request(f, f->url, ref);

	return kc_git_resolver.newest(&q, true, ret, e);
}

static void assert_commit(struct fixture *f, const char *ref, const char *rev)
{
	kt_auto(mem) char *line = kt_fmt("git rev-parse '%s'", rev);
	kt_auto(mem) char *expected = sh(f->origin, line);
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	struct kt_err e = { 0 };

	if (pick(f, ref, &p, &e) < 0)
		fail_msg("%s", unit_err_text(&e));
	assert_string_equal(p.commit, expected);
	assert_string_equal(p.image.url, f->url);
	assert_null(p.image.sha256);
	assert_int_equal(strlen(p.version), 13);
	assert_memory_equal(p.key, p.version, 13);
}

static int export_to(struct fixture *f, const struct kc_request *q, const struct kc_pick *p,
		     struct kt_err *e)
{
	assert_int_equal(kt_remove_tree(f->out, NULL), 0);
	assert_int_equal(kt_mkdir_p(f->out, 0755, NULL), 0);
	return kc_git_export(q, p, f->out, e);
}

static void get(struct fixture *f, const char *ref)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	struct kc_request q = request(f, f->url, ref);
	struct kt_err e = { 0 };

	if (kc_git_resolver.newest(&q, true, &p, &e) < 0 || export_to(f, &q, &p, &e) < 0)
		fail_msg("%s\n%s", unit_err_text(&e), logged);
}

static void assert_makefile(struct fixture *f, const char *text)
{
	kt_auto(mem) char *found = sh(f->out, "cat Makefile");

	assert_string_equal(found, text);
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not contain '%s'", text, part);
}

/* How many commits the repository in the cache has. */
static void assert_commits(struct fixture *f, const char *expected)
{
	kt_auto(mem) char *found =
		sh(f->cache, "git --git-dir=\"$(echo git/*)\" rev-list --all --count");

	assert_string_equal(found, expected);
}

/* ---- URLs ---- */
static void a_password_is_shown_nowhere(void **state)
{
	static const struct {
		const char *url, *shown;
	} rows[] = {
		{ "https://me:secret@example.invalid/a.git", "https://example.invalid/a.git" },
		{ "https://token@example.invalid/a.git", "https://example.invalid/a.git" },
		{ "https://me:se@cret@example.invalid/a", "https://example.invalid/a" },
		{ "https://example.invalid/a@b", "https://example.invalid/a@b" },
		{ "ssh://git@example.invalid/a", "ssh://git@example.invalid/a" },
		{ "git+ssh://git:secret@example.invalid/a", "ssh://git@example.invalid/a" },
		{ "git@example.invalid:a/b", "git@example.invalid:a/b" },
		{ "/no/such/dir", "/no/such/dir" },
	};

	(void)state;
	assert_int_equal(kc_git_begin(NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(kc_git_url) struct kc_git_url u = { 0 };
		kt_auto(mem) char *text = NULL;

		assert_int_equal(kc_git_url_parse(rows[i].url, NULL, &u, NULL), 0);
		assert_string_equal(u.shown, rows[i].shown);
		text = kt_fmt("cannot reach %s", u.full);
		text = kc_git_hide(&u, text);
		assert_null(strstr(text, "secret"));
		assert_null(strstr(text, "token"));
	}
}

static void a_new_password_is_the_same_repository(void **state)
{
	kt_auto(kc_git_url) struct kc_git_url a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(kc_git_url_parse("https://me:1@x.invalid/a", NULL, &a, NULL), 0);
	assert_int_equal(kc_git_url_parse("https://me:2@x.invalid/a", NULL, &b, NULL), 0);
	assert_string_equal(a.name, b.name);
	assert_null(a.path);
}

static void directories_are_told_from_servers(void **state)
{
	kt_auto(kc_git_url) struct kc_git_url a = { 0 }, b = { 0 }, c = { 0 };
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(kc_git_url_parse("../x:y", "/no/such", &a, NULL), 0);
	assert_string_equal(a.path, "/no/such/../x:y");
	assert_int_equal(kc_git_url_parse("file:///a%20b", NULL, &b, NULL), 0);
	assert_string_equal(b.path, "/a b");
	assert_int_equal(kc_git_url_parse("host:a/b", NULL, &c, NULL), 0);
	assert_null(c.path);
	assert_int_equal(kc_git_url_parse("ftp://me:secret@x.invalid/a", NULL, &c, &e),
			 -EPROTONOSUPPORT);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_contains(unit_err_text(&e),
			"cannot fetch 'ftp://x.invalid/a' with git: it is fetched "
			"from https://, http://, ssh://, git://");
}

/* ---- names ---- */
static void branches_and_tags_give_their_commit(void **state)
{
	struct fixture f;

	fresh(state, &f);
	serve(&f);
	assert_commit(&f, NULL, "master");
	assert_commit(&f, "master", "master");
	assert_commit(&f, "fix", "fix");
	assert_commit(&f, "v1", "v1");
	assert_commit(&f, "v2", "v2^{commit}");
	assert_commit(&f, "refs/tags/v2", "v2^{commit}");
	assert_commit(&f, "heads/fix", "fix");
	assert_string_equal(logged, "");
	assert_commit(&f, "both", "fix");
	assert_contains(logged, "has a branch and a tag 'both'; taking the branch");
	done(&f);
}

static void names_that_are_not_there_are_answered_with_the_nearest(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	struct fixture f;
	struct kt_err e = { 0 };

	fresh(state, &f);
	serve(&f);
	assert_int_equal(pick(&f, "mster", &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_contains(unit_err_text(&e), f.url);
	assert_contains(unit_err_text(&e), "has no branch or tag 'mster'; did you mean 'master'?");
	assert_int_equal(pick(&f, "nothing-like-it", &p, &e), -ENOENT);
	assert_contains(unit_err_text(&e), "(it has 3 branches and 3 tags)");
	assert_int_equal(pick(&f, "0123456789ab", &p, &e), -ENOENT);
	assert_contains(unit_err_text(&e), "if it is a commit, give the whole 40 digits");
	done(&f);
}

static void a_whole_commit_needs_no_network(void **state)
{
	static const char hex[] = "0123456789ABCDEF0123456789abcdef01234567";
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	struct fixture f;

	fresh(state, &f);
	(void)kt_snprintf(f.url, sizeof(f.url), "git://127.0.0.1:1/none");
	assert_int_equal(pick(&f, hex, &p, NULL), 0);
	assert_string_equal(p.commit, "0123456789abcdef0123456789abcdef01234567");
	assert_string_equal(p.key, "g0123456789ab-x86_64-s0123456789ab");
	assert_string_equal(p.version, "g0123456789ab");
	done(&f);
}

static void no_network_is_said_and_the_last_answer_stays(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 }, again = { 0 };
	struct fixture f;
	struct kc_request q;
	struct kt_err e = { 0 };

	fresh(state, &f);
	serve(&f);
	q = request(&f, f.url, "master");
	assert_int_equal(kc_git_resolver.last(&q, &p, NULL), -ENOENT);
	assert_int_equal(kc_git_resolver.newest(&q, false, &p, NULL), 0);
	kt_proc_kill(&f.server.proc);
	f.server.proc = (struct kt_proc)KT_PROC_NONE;
	assert_int_equal(kc_git_resolver.newest(&q, true, &again, &e), -EHOSTUNREACH);
	assert_contains(unit_err_text(&e), "ask the git repository 'git://127.0.0.1:");
	/* Fresh enough: not asked. */
	assert_int_equal(kc_git_resolver.newest(&q, false, &again, NULL), 0);
	assert_string_equal(again.commit, p.commit);
	kc_pick_done(&again);
	assert_int_equal(kc_git_resolver.last(&q, &again, NULL), 0);
	assert_string_equal(again.key, p.key);
	done(&f);
}

static void a_repository_that_is_not_there_is_no_network_trouble(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	struct fixture f;
	struct kt_err e = { 0 };

	fresh(state, &f);
	serve(&f);
	(void)kt_snprintf(f.url + strlen(f.url), 8, "/no");
	assert_int_equal(pick(&f, "master", &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_KERNEL);
	done(&f);
}

/* ---- commits ---- */
static void files_come_with_their_modes_and_links(void **state)
{
	kt_auto(mem) char *found = NULL;
	struct fixture f;

	fresh(state, &f);
	serve(&f);
	get(&f, "master");
	assert_makefile(&f, "three");
	found = sh(f.out, "find . -type f -printf '%p %m\\n' -o -type l -printf '%p %l\\n' | sort");
	assert_string_equal(found, "./Makefile 644\n./arch/x86/Kconfig 644\n./scripts/link "
				   "../Makefile\n./scripts/run 755");
	done(&f);
}

static void one_commit_is_fetched_and_no_history(void **state)
{
	struct fixture f;

	fresh(state, &f);
	run(f.origin, "git config uploadpack.allowAnySHA1InWant true");
	serve(&f);
	get(&f, "v1");
	assert_makefile(&f, "one");
	assert_commits(&f, "1");
	get(&f, "fix");
	assert_makefile(&f, "fixed");
	assert_commits(&f, "2");
	/* There already: the server is not asked for objects. */
	get(&f, "v1");
	assert_makefile(&f, "one");
	assert_commits(&f, "2");
	done(&f);
}

static void a_tip_is_fetched_alone_where_commits_are_not_given(void **state)
{
	struct fixture f;

	fresh(state, &f);
	serve(&f);
	get(&f, "v2");
	assert_makefile(&f, "two");
	assert_commits(&f, "1");
	done(&f);
}

static void a_commit_inside_a_history_is_found_where_it_must_be_fetched_whole(void **state)
{
	kt_auto(mem) char *commit = NULL;
	struct fixture f;

	fresh(state, &f);
	run(f.origin, "git tag -d v1 v2 both");
	commit = sh(f.origin, "git rev-parse master~2");
	serve(&f);
	get(&f, "master");
	assert_commits(&f, "1");
	get(&f, commit);
	assert_makefile(&f, "one");
	assert_commits(&f, "4");
	assert_contains(logged,
			"gives no single commits; fetching the whole history of all branches "
			"and tags");
	done(&f);
}

static void any_commit_is_fetched_alone_where_it_is_given(void **state)
{
	kt_auto(mem) char *commit = NULL;
	struct fixture f;

	fresh(state, &f);
	run(f.origin, "git tag -d v1 v2 both && git config uploadpack.allowAnySHA1InWant true");
	commit = sh(f.origin, "git rev-parse master~2");
	serve(&f);
	get(&f, commit);
	assert_makefile(&f, "one");
	assert_commits(&f, "1");
	done(&f);
}

static void a_commit_that_is_gone_says_so(void **state)
{
	static const char hex[] = "0123456789abcdef0123456789abcdef01234567";
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	struct fixture f;
	struct kc_request q;
	struct kt_err e = { 0 };

	fresh(state, &f);
	serve(&f);
	q = request(&f, f.url, hex);
	assert_int_equal(kc_git_resolver.newest(&q, false, &p, NULL), 0);
	assert_int_equal(export_to(&f, &q, &p, &e), -ENOENT);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_contains(unit_err_text(&e), hex);
	assert_contains(unit_err_text(&e), f.url);
	done(&f);
}

static void offline_takes_what_the_cache_has(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 }, other = { 0 };
	struct fixture f;
	struct kc_request q;
	struct kt_err e = { 0 };

	fresh(state, &f);
	serve(&f);
	get(&f, "master");
	q = request(&f, f.url, "fix");
	assert_int_equal(kc_git_resolver.newest(&q, false, &other, NULL), 0);
	f.opts.offline = true;
	assert_int_equal(export_to(&f, &q, &other, &e), -ENOENT);
	assert_contains(unit_err_text(&e),
			"is not in the cache, and --offline forbids to fetch it");
	q = request(&f, f.url, "master");
	assert_int_equal(kc_git_resolver.last(&q, &p, NULL), 0);
	assert_int_equal(export_to(&f, &q, &p, NULL), 0);
	assert_makefile(&f, "three");
	q = request(&f, f.url, "v1");
	assert_int_equal(kc_git_resolver.newest(&q, true, &other, &e), -ENOENT);
	assert_contains(unit_err_text(&e), "--offline forbids to ask");
	done(&f);
}

/* ---- bad days ---- */
static void a_damaged_repository_is_fetched_anew(void **state)
{
	static const char *const damages[] = {
		"for p in git/*/objects/pack/*.pack; do chmod u+w $p; printf x | dd of=$p seek=40 bs=1 conv=notrunc; done",
		"for p in git/*/objects/pack/*.pack; do chmod u+w $p; truncate -s 50 $p; done",
		"rm git/*/objects/pack/*.pack",
		"rm git/*/objects/pack/*.idx",
		"rm git/*/HEAD",
		"printf garbage >$(echo git/*)/config",
		"printf garbage >$(echo git/*)/shallow",
		"for r in $(find git/*/refs/ktstr -type f); do printf garbage >$r; done",
		"mkdir -p git/x && rm -r git/* && mkdir git/x",
	};
	struct fixture f;

	fresh(state, &f);
	serve(&f);
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		print_message("# %s\n", damages[i]);
		get(&f, "v2");
		run(f.cache, damages[i]);
		get(&f, "v2");
		assert_makefile(&f, "two");
		run(f.cache, "rm -rf git");
	}
	done(&f);
}

static void what_a_killed_fetch_left_is_removed(void **state)
{
	kt_auto(mem) char *found = NULL;
	struct fixture f;

	fresh(state, &f);
	serve(&f);
	get(&f, "v1");
	run(f.cache, "cd git/* && touch objects/pack/pack_git2_abc123 shallow.lock config.lock "
		     "refs/ktstr/tags/v2.lock objects/tmp_object_git2_1");
	get(&f, "v2");
	assert_makefile(&f, "two");
	found = sh(f.cache, "find . -name '*.lock' -path '*git/*' -o -name '*git2_*'");
	assert_string_equal(found, "");
	done(&f);
}

static void assert_refused(struct fixture *f, const char *how, const char *why)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	struct kc_request q = request(f, f->origin, "bad");
	struct kt_err e = { 0 };
	kt_auto(mem) char *found = NULL;

	run(f->origin, how);
	assert_int_equal(kc_git_resolver.newest(&q, true, &p, &e), 0);
	assert_int_equal(export_to(f, &q, &p, &e), -EINVAL);
	assert_int_equal(e.kind, KT_E_KERNEL);
	assert_contains(unit_err_text(&e), why);
	found = sh(f->dir, "find . -name outside");
	assert_string_equal(found, "");
}

static void nothing_leads_out_of_the_tree(void **state)
{
	struct fixture f;

	fresh(state, &f);
	assert_refused(&f,
		       "git checkout -q -B bad && ln -sf /etc/passwd l && git add l && "
		       "git commit -qm x",
		       "'l' in '");
	assert_refused(&f, "ln -sf ../x l && git add l && git commit -qm x",
		       "leads out of the tree");
	assert_refused(&f, "rm l && ln -s ../../../x scripts/l && git add -A && git commit -qm x",
		       "'scripts/l' in '");
	assert_refused(&f,
		       "rm scripts/l && ln -s run/../../../x scripts/l && git add -A && "
		       "git commit -qm x",
		       "'scripts/l' in '");
	/* What git itself would not put together. */
	assert_refused(&f,
		       "b=$(echo bad | git hash-object -w --stdin) && "
		       "t=$(printf \"100644 ..\\0$(printf %s $b | sed 's/../\\\\x&/g')\" | "
		       "git hash-object -w -t tree --literally --stdin) && "
		       "git update-ref refs/heads/bad $(git commit-tree -m x $t)",
		       "'..' in '");
	assert_refused(&f,
		       "b=$(echo bad | git hash-object -w --stdin) && "
		       "t=$(printf \"100644 ../outside\\0$(printf %s $b | sed 's/../\\\\x&/g')\" | "
		       "git hash-object -w -t tree --literally --stdin) && "
		       "git update-ref refs/heads/bad $(git commit-tree -m x $t)",
		       "'../outside' in '");
	done(&f);
}

static void a_link_and_a_directory_of_one_name_are_refused(void **state)
{
	struct fixture f;

	fresh(state, &f);
	/* The link first: what comes after it must not be written through it. */
	assert_refused(
		&f,
		"b=$(printf .. | git hash-object -w --stdin) && x=$(echo | git hash-object -w "
		"--stdin) && bytes() { printf %s $1 | sed 's/../\\\\x&/g'; } && "
		"s=$(printf \"100644 outside\\0$(bytes $x)\" | git hash-object -w -t tree "
		"--stdin) && l=$(printf . | git hash-object -w --stdin) && "
		"t=$(printf \"120000 a\\0$(bytes $l)40000 a\\0$(bytes $s)\" | git hash-object "
		"-w -t tree --literally --stdin) && "
		"git branch bad $(git commit-tree -m x $t)",
		"it is there twice");
	done(&f);
}

/* ---- repositories on this machine ---- */
static void a_directory_is_read_without_a_copy(void **state)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	kt_auto(mem) char *before = NULL, *after = NULL, *url = NULL;
	struct fixture f;
	struct kc_request q;
	struct kt_err e = { 0 };

	fresh(state, &f);
	run(f.origin, "git worktree add -q ../tree fix && git clone -q --shared . ../shared");
	before = sh(f.dir, "find origin tree shared -printf '%p %T@\\n' | sort");
	url = kt_fmt("file://%s/tree", f.dir);
	q = request(&f, url, NULL);
	f.opts.offline = true;
	assert_int_equal(kc_git_resolver.newest(&q, true, &p, &e), 0);
	assert_int_equal(export_to(&f, &q, &p, &e), 0);
	assert_makefile(&f, "fixed");
	kc_pick_done(&p);
	f.opts.project_dir = f.dir;
	q = request(&f, "shared", "v2");
	assert_int_equal(kc_git_resolver.newest(&q, true, &p, &e), 0);
	assert_int_equal(export_to(&f, &q, &p, &e), 0);
	assert_makefile(&f, "two");
	/* What ktstr.lock says was written on another machine. */
	free(p.image.url);
	p.image.url = strdup("/nowhere/shared");
	assert_int_equal(export_to(&f, &q, &p, &e), 0);
	assert_makefile(&f, "two");
	after = sh(f.dir, "find origin tree shared -printf '%p %T@\\n' | sort");
	assert_string_equal(before, after);
	assert_int_equal(access(f.cache, F_OK), 0);
	free(url);
	url = kt_fmt("%s/git", f.cache);
	assert_int_equal(access(url, F_OK), -1);
	done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_shown_nowhere),
		cmocka_unit_test(a_new_password_is_the_same_repository),
		cmocka_unit_test(directories_are_told_from_servers),
		cmocka_unit_test(branches_and_tags_give_their_commit),
		cmocka_unit_test(names_that_are_not_there_are_answered_with_the_nearest),
		cmocka_unit_test(a_whole_commit_needs_no_network),
		cmocka_unit_test(no_network_is_said_and_the_last_answer_stays),
		cmocka_unit_test(a_repository_that_is_not_there_is_no_network_trouble),
		cmocka_unit_test(files_come_with_their_modes_and_links),
		cmocka_unit_test(one_commit_is_fetched_and_no_history),
		cmocka_unit_test(a_tip_is_fetched_alone_where_commits_are_not_given),
		cmocka_unit_test(a_commit_inside_a_history_is_found_where_it_must_be_fetched_whole),
		cmocka_unit_test(any_commit_is_fetched_alone_where_it_is_given),
		cmocka_unit_test(a_commit_that_is_gone_says_so),
		cmocka_unit_test(offline_takes_what_the_cache_has),
		cmocka_unit_test(a_damaged_repository_is_fetched_anew),
		cmocka_unit_test(what_a_killed_fetch_left_is_removed),
		cmocka_unit_test(nothing_leads_out_of_the_tree),
		cmocka_unit_test(a_link_and_a_directory_of_one_name_are_refused),
		cmocka_unit_test(a_directory_is_read_without_a_copy),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}

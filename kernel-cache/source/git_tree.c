/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of a commit, written by ourselves rather than by a checkout: no filters, hooks or configuration take part,
 * and nothing that a hostile repository has for a name or a link leads out of the directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel-cache/source/git.h"

enum { DEPTH_MAX = 64, PATH_BYTES = 4096, PROGRESS_NS = 100 * 1000 * 1000 };

struct writer {
	git_repository *repo;
	const struct kc_git_url *url;
	const struct kc_progress *progress;
	const char *dir;
	char path[PATH_BYTES]; /* of what is being written, below dir; for errors */
	uint64_t nr, bytes, reported_ns;
};

static git_blob *free_blob(git_blob *b)
{
	git_blob_free(b);
	return NULL;
}
KT_DEFINE_AUTO(git_blob, git_blob *, free_blob);

static int refused(const struct writer *w, const char *why, struct kt_err *e)
{
	return kt_fail(e, KT_E_KERNEL, EINVAL, "'%s' in '%s': %s", w->path, w->url->shown, why);
}

static int disk_failed(const struct writer *w, int errnum, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, errnum, "write '%s/%s' (%llu files so far)", w->dir, w->path,
		       (unsigned long long)w->nr);
}

static int object_failed(const struct writer *w, struct kt_err *e)
{
	const git_error *last = git_error_last();

	if (last && last->klass == GIT_ERROR_NOMEMORY)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s' of '%s'", w->path, w->url->shown);
	return kt_fail(e, KT_E_KERNEL, EBADMSG, "read '%s' of '%s': %s", w->path, w->url->shown,
		       last && last->message ? last->message : "no reason given");
}

static int count(struct writer *w, size_t bytes, struct kt_err *e)
{
	const struct kc_progress *p = w->progress;
	uint64_t now;

	w->nr++;
	w->bytes += bytes;
	if (w->nr > KC_UNPACK_MEMBERS_MAX)
		return refused(w, "there are more than 500000 files, which no kernel has", e);
	if (w->bytes > KC_UNPACK_BYTES_MAX)
		return refused(w, "the files are larger than 16 GiB together, which no kernel is",
			       e);
	if (!p || !p->count)
		return 0;
	now = kt_now_ns();
	if (now - w->reported_ns >= PROGRESS_NS) {
		w->reported_ns = now;
		p->count(p->ctx, w->nr, 0, -1);
	}
	return 0;
}

static bool is_plain_name(const char *name)
{
	return *name && !strchr(name, '/') && !kt_streq(name, ".") && !kt_streq(name, "..") &&
	       strcasecmp(name, ".git") != 0;
}

/*
 * A link may climb at its beginning only, and not above the top (@depth directories up): then it stays inside even
 * when what it goes through is such a link too.
 */
static bool stays_inside(const char *target, unsigned depth)
{
	bool named = false;

	if (*target == '/' || !*target)
		return false;
	while (*target) {
		size_t len = strcspn(target, "/");

		if (len == 2 && strncmp(target, "..", 2) == 0) {
			if (named || depth == 0)
				return false;
			depth--;
		} else if (len && !(len == 1 && *target == '.')) {
			named = true;
		}
		target += len;
		target += strspn(target, "/");
	}
	return true;
}

static int write_link(struct writer *w, int at, const char *name, git_blob *blob, unsigned depth,
		      struct kt_err *e)
{
	size_t len = (size_t)git_blob_rawsize(blob);
	char target[PATH_BYTES];

	if (len >= sizeof(target) || memchr(git_blob_rawcontent(blob), 0, len))
		return refused(w, "this is not a symbolic link that Linux can have", e);
	memcpy(target, git_blob_rawcontent(blob), len);
	target[len] = '\0';
	if (!stays_inside(target, depth))
		return kt_fail(e, KT_E_KERNEL, EINVAL,
			       "'%s' in '%s' is a symbolic link that leads out of the tree: '%s'",
			       w->path, w->url->shown, target);
	return symlinkat(target, at, name) < 0 ? disk_failed(w, errno, e) : 0;
}

static int write_file(struct writer *w, int at, const char *name, git_blob *blob, bool executable,
		      struct kt_err *e)
{
	kt_auto(fd) int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				    executable ? 0755 : 0644);
	int r;

	if (fd < 0 && errno == EEXIST)
		return refused(w, "it is there twice", e);
	if (fd < 0)
		return disk_failed(w, errno, e);
	r = kt_write_all(fd, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	if (r == 0 && close(kt_take_fd(fd)) < 0)
		r = -errno;
	return r < 0 ? disk_failed(w, -r, e) : 0;
}

static int write_blob(struct writer *w, int at, const git_tree_entry *entry, unsigned depth,
		      struct kt_err *e)
{
	kt_auto(git_blob) git_blob *blob = NULL;
	const char *name = git_tree_entry_name(entry);
	git_filemode_t mode = git_tree_entry_filemode(entry);
	int r;

	if (git_blob_lookup(&blob, w->repo, git_tree_entry_id(entry)) < 0)
		return object_failed(w, e);
	r = count(w, (size_t)git_blob_rawsize(blob), e);
	if (r < 0)
		return r;
	if (mode == GIT_FILEMODE_LINK)
		return write_link(w, at, name, blob, depth, e);
	return write_file(w, at, name, blob, mode == GIT_FILEMODE_BLOB_EXECUTABLE, e);
}

static int write_tree(struct writer *w, int at, const git_oid *id, unsigned depth,
		      struct kt_err *e);

static int write_dir(struct writer *w, int at, const git_tree_entry *entry, unsigned depth,
		     struct kt_err *e)
{
	const char *name = git_tree_entry_name(entry);
	kt_auto(fd) int fd = -1;
	int r = count(w, 0, e);

	if (r < 0)
		return r;
	if (depth + 1 >= DEPTH_MAX)
		return refused(w, "directories are nested deeper than 64 levels", e);
	if (mkdirat(at, name, 0755) < 0)
		return errno == EEXIST ? refused(w, "it is there twice", e)
				       : disk_failed(w, errno, e);
	/* A submodule is an empty directory, as after a checkout that does not ask for them. */
	if (git_tree_entry_filemode(entry) == GIT_FILEMODE_COMMIT)
		return 0;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return disk_failed(w, errno, e);
	return write_tree(w, fd, git_tree_entry_id(entry), depth + 1, e);
}

static int write_tree(struct writer *w, int at, const git_oid *id, unsigned depth, struct kt_err *e)
{
	kt_auto(git_tree) git_tree *tree = NULL;
	size_t len = strlen(w->path);
	int r = 0;

	if (git_tree_lookup(&tree, w->repo, id) < 0)
		return object_failed(w, e);
	for (size_t i = 0; r == 0 && i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
		git_filemode_t mode = git_tree_entry_filemode(entry);

		if (kt_snprintf(w->path + len, sizeof(w->path) - len, "%s%s", len ? "/" : "",
				git_tree_entry_name(entry)) < 0)
			return refused(w, "the path is too long", e);
		if (!is_plain_name(git_tree_entry_name(entry)))
			return refused(w, "no file may have such a name", e);
		r = mode == GIT_FILEMODE_TREE || mode == GIT_FILEMODE_COMMIT
			    ? write_dir(w, at, entry, depth, e)
			    : write_blob(w, at, entry, depth, e);
		w->path[len] = '\0';
	}
	return r;
}

/* A commit, or an annotated tag of one. */
static int find_tree(git_repository *repo, const struct kc_git_url *u, const char *commit,
		     git_oid *ret, struct kt_err *e)
{
	kt_auto(git_object) git_object *object = NULL;
	kt_auto(git_object) git_object *tree = NULL;
	git_oid oid;
	int r = git_oid_fromstr(&oid, commit);

	if (r == 0)
		r = git_object_lookup(&object, repo, &oid, GIT_OBJECT_ANY);
	if (r < 0)
		return kc_git_failed(u, r, "read the commit", e);
	if (git_object_type(object) != GIT_OBJECT_COMMIT &&
	    git_object_type(object) != GIT_OBJECT_TAG)
		return kt_fail(e, KT_E_KERNEL, EINVAL, "%s of '%s' is a %s, not a commit", commit,
			       u->shown, git_object_type2string(git_object_type(object)));
	r = git_object_peel(&tree, object, GIT_OBJECT_TREE);
	if (r < 0)
		return kc_git_failed(u, r, "read the files of a commit of", e);
	git_oid_cpy(ret, git_object_id(tree));
	return 0;
}

/*
 * A kernel tells the time of its source, for which its build takes that of the Makefile: of one commit it must be the
 * same wherever and whenever it is written.
 */
static void date(git_repository *repo, const char *commit, int at)
{
	kt_auto(git_object) git_object *object = NULL;
	kt_auto(git_object) git_object *peeled = NULL;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	git_oid oid;

	if (git_oid_fromstr(&oid, commit) < 0 ||
	    git_object_lookup(&object, repo, &oid, GIT_OBJECT_ANY) < 0 ||
	    git_object_peel(&peeled, object, GIT_OBJECT_COMMIT) < 0)
		return;
	times[1].tv_sec = git_commit_time((const git_commit *)peeled);
	/* From the future it would be "clock skew" to make; without a Makefile it is no kernel, which others say. */
	if (times[1].tv_sec > 0 && times[1].tv_sec <= time(NULL))
		(void)utimensat(at, "Makefile", times, AT_SYMLINK_NOFOLLOW);
}

int kc_git_tree_write(git_repository *repo, const struct kc_git_url *u, const char *commit,
		      const char *dir, const struct kc_progress *progress, struct kt_err *e)
{
	struct writer w = { .repo = repo, .url = u, .progress = progress, .dir = dir };
	kt_auto(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	git_oid tree;
	int r;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", dir);
	r = find_tree(repo, u, commit, &tree, e);
	if (r == 0)
		r = write_tree(&w, fd, &tree, 0, e);
	if (r == 0)
		date(repo, commit, fd);
	if (r == 0 && progress && progress->count)
		progress->count(progress->ctx, w.nr, w.nr, 0);
	return r;
}

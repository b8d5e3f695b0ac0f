/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of kernel-cache/ share. */
#ifndef KTSTR_KERNEL_CACHE_INTERNAL_H
#define KTSTR_KERNEL_CACHE_INTERNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "kernel-cache/kernel-cache.h"

/* The guest's architecture, in the kernel's word and in Debian's. */
#define KC_ARCH "x86_64"
#define KC_DEBIAN_ARCH "amd64"

enum {
	KC_SCHEMA_VERSION = 1, /* of every JSON file that we write, but for: */
	KC_METADATA_VERSION = 2, /* metadata.json; 1 had nothing of builds */
	KC_JSON_BYTES_MAX = 4 << 20, /* of any of them */
	KC_INDEX_FRESH_SECONDS = 3600, /* how long an answer of the mirror is believed */
};
#define KC_IMAGE_BYTES_MAX (UINT64_C(512) << 20)
#define KC_VMLINUX_BYTES_MAX (UINT64_C(2) << 30)
#define KC_CONFIG_BYTES_MAX (UINT64_C(4) << 20)

/*
 * The cache directory:
 *   kernels/KEY/{image,vmlinux,config,System.map,build.log.zst,metadata.json}   immutable, renamed in whole
 *   sources/KEY/      an unpacked source tree, renamed in whole; sources/KEY.json beside it says what it is
 *   git/HASH/         a bare repository, one a URL
 *   objects/NAME/     objects of a tree that is not committed, kept from one build to the next
 *   used/KEY          its mtime is the last use of that entry or tree; holds what was verified then
 *   tmp/NAME/         work of whoever holds locks/NAME.lock
 *   locks/NAME.lock   NAME is a KEY, or "index-HASH", "path-HASH", "pins-HASH", "git-HASH" or of objects/
 *   locks/KEY.use     held shared by whoever uses an entry or tree, exclusively by whoever removes it
 *   logs/NAME.build.log.zst   of the last build that failed, for 30 days; NAME as in tmp/
 *   index/NAME.json   what a mirror answered; what a local image became; what a tool's version is
 *   damaged/KEY/      the last damaged entry of that key, for people to look at
 */

/* --- spec.c ---------------------------------------------------------------------------------- */
enum kc_form {
	KC_FORM_DEBIAN_CLOUD, /* arg: the suite */
	KC_FORM_DEBIAN_SOURCE, /* arg: the suite, arg2: the package */
	KC_FORM_PATH, /* arg: the path */
	KC_FORM_GIT, /* arg: the URL, arg2: branch, tag or commit; NULL: the remote's HEAD */
	KC_FORM_TARBALL, /* arg: a URL or a file */
	KC_FORM_STABLE, /* "stable": the newest stable series that has had 8 point releases */
	KC_FORM_SERIES, /* arg: "6.12": the newest of it */
	KC_FORM_VERSION, /* arg: "6.12.40", "6.15-rc3" */
	KC_FORM_RANGE, /* arg, arg2: "6.12", "6.16" */
	KC_FORM_KEY, /* arg: the key or its prefix */
};
struct kc_spec {
	enum kc_form form;
	char *arg, *arg2; /* arg2 NULL where not said */
};
int kc_spec_parse(const char *text, struct kc_spec *ret, struct kt_err *e);
void kc_spec_done(struct kc_spec *s);
static inline void kt_cleanup_kc_spec(struct kc_spec *s)
{
	kc_spec_done(s);
}

/* --- deb_version.c --------------------------------------------------------------------------- */
/* Debian's order of package versions: negative, 0 or positive. */
int kc_deb_version_cmp(const char *a, const char *b);

/* --- names.c --------------------------------------------------------------------------------- */
enum { KC_HASH_NAME_BYTES = 32 };
/* "PREFIX-HASH": of the lock, work directory and memory of whatever belongs to @of. The prefix is a short word. */
void kc_hash_name(const char *prefix, const char *of, char ret[static KC_HASH_NAME_BYTES]);
/* @path as a project means it. @project_dir NULL: as it is. NULL: no memory. Caller frees. */
char *kc_project_path(const char *project_dir, const char *path);
struct stat;
/*
 * Which file this is, in which state, as text: device, inode, size and times. One that was written again has another ctime,
 * whatever is done to its mtime. NULL: no memory. Caller frees.
 */
char *kc_file_identity(const struct stat *st);

/* --- pick.c: a kernel on a mirror ------------------------------------------------------------ */
struct kc_remote {
	char *url;
	char *sha256;
	uint64_t bytes;
};
/*
 * One file of a kernel and perhaps a second with its config: what ktstr.lock pins and an index
 * answers.
 */
struct kc_pick {
	char *key; /* of the entry (prebuilt) or of the source tree */
	char *package; /* name, for people */
	char *version; /* a tree from git: "g" and the first 12 digits of its commit */
	char *commit; /* only from git: image has no sha256 and no size then */
	struct kc_remote image; /* of a source tree: its tarball, package or repository */
	struct kc_remote config; /* url NULL: the config is in the image's package, or nowhere */
};
void kc_pick_done(struct kc_pick *p);
static inline void kt_cleanup_kc_pick(struct kc_pick *p)
{
	kc_pick_done(p);
}
/* Members of the object that is open in @j. */
void kc_pick_write(const struct kc_pick *p, struct kt_json *j);
/*
 * 0 or -EINVAL when something is missing, of a wrong type, not fit to be a file name or a checksum. -EBADMSG: the key is not
 * that of the content.
 */
int kc_pick_read(const cJSON *o, struct kc_pick *ret);
int kc_pick_copy(const struct kc_pick *from, struct kc_pick *ret); /* 0 or -ENOMEM */
/* Compute p->key from the version and both checksums. 0 or -ENOMEM. */
int kc_pick_make_key(struct kc_pick *p);
/*
 * "VERSION-x86_64-LETTER" and the first 12 digits of @hex; what a file name cannot have becomes
 * "_". NULL: no memory.
 */
char *kc_make_key(const char *version, char letter, const char *hex);

/* --- json_in.c ------------------------------------------------------------------------------- */
KT_DEFINE_AUTO(cjson, cJSON *, cJSON_Delete);
/*
 * Read a JSON object of ours. -ENOENT without text when there is no file; broken ones: KT_E_KERNEL,
 * EBADMSG.
 */
int kc_json_load(const char *path, cJSON **ret, struct kt_err *e);
/* The same for a schema_version from 1 to @newest; later ones: EPROTONOSUPPORT, not broken but to be left alone. */
int kc_json_load_upto(const char *path, unsigned newest, cJSON **ret, struct kt_err *e);
/* NULL when missing or not a string. */
const char *kc_json_get_str(const cJSON *o, const char *name);
/* -EINVAL when missing, not a number, negative or not whole. Exact below 2^53. */
int kc_json_get_u64(const cJSON *o, const char *name, uint64_t *ret);
bool kc_json_get_bool(const cJSON *o, const char *name);
/* strdup that takes NULL; *ret is NULL then. 0 or -ENOMEM. */
int kc_dup(const char *s, char **ret);
bool kc_is_key(const char *s); /* fit to be the name of a directory of ours */
bool kc_is_sha256(const char *s); /* 64 lower-case hex digits */
bool kc_is_commit(const char *s); /* 40 lower-case hex digits */

/* --- apt.c ----------------------------------------------------------------------------------- */
/* The archive that @suite is taken from, without a slash at the end. Caller frees. */
int kc_apt_mirror(const char *suite, char **ret, struct kt_err *e);
/*
 * The proxy that apt would use for @url: NULL in @ret when it says nothing, "" for a direct
 * connection.
 */
int kc_apt_proxy(const char *url, char **ret, struct kt_err *e);
/* Acquire::Check-Valid-Until; true without apt. */
int kc_apt_check_valid_until(bool *ret, struct kt_err *e);
const char *kc_debian_keyring(void);

/* --- fetch.c --------------------------------------------------------------------------------- */
struct kc_fetch_opts {
	const char *url;
	const char *path; /* written; what is there already is continued when sha256 is given */
	const char *what; /* for the progress line; NULL: the URL's last part */
	const char *sha256; /* NULL: not known */
	uint64_t bytes; /* 0: not known */
	uint64_t max_bytes; /* more than this is refused */
	bool as_apt; /* by the proxy that apt's configuration names; else by that of the environment, as libcurl has it */
	const char *bearer; /* a token for this server and none that it redirects to; NULL: none */
	/*
	 * NULL: no matter. *etag NULL or that of an earlier answer, replaced by what the server says now. With *etag given
	 * and the answer unchanged, kc_fetch returns 1 and leaves the file as it is. Without sha256 only.
	 */
	char **etag;
	bool html; /* an HTML page is what is wanted */
	/*
	 * NULL: none. Called with what was appended to the file, in order from its first byte (what is there from an earlier
	 * attempt first); restart: all that came before is void. A negative return ends the transfer with it (@e set by
	 * the callee).
	 */
	int (*tee)(void *ctx, const void *data, size_t len, bool restart, struct kt_err *e);
	void *tee_ctx;
	const struct kc_progress *progress; /* may be NULL */
};
/**
 * KT_E_KERNEL: ENOENT gone (404, 410), EHOSTUNREACH no answer or cut again and again, EPROTO an
 * HTML page, EBADMSG not the right bytes (the file is removed), EIO another answer. KT_E_HOST: the
 * file could not be written.
 */
int kc_fetch(const struct kc_fetch_opts *o, struct kt_err *e);

/* --- mirror_fetch.c -------------------------------------------------------------------------- */
/*
 * kc_fetch of a file of the archive: from o->url, and when that is gone or silent from the mirror of this host; the
 * checksum makes both the same.
 */
int kc_debian_fetch(const char *suite, const struct kc_fetch_opts *o, struct kt_err *e);

/* --- release.c ------------------------------------------------------------------------------- */
/* Where the list of packages of main is, from a Release file that was verified. */
struct kc_release {
	char *packages_path; /* below dists/SUITE/ */
	char *by_hash_path; /* NULL: not offered */
	char *packages_sha256;
	uint64_t packages_bytes;
};
void kc_release_done(struct kc_release *r);
static inline void kt_cleanup_kc_release(struct kc_release *r)
{
	kc_release_done(r);
}
/*
 * Check the signature of the InRelease file @path with gpgv and write what was signed to
 * @clear_path. @url: for errors.
 */
int kc_release_verify(const char *path, const char *clear_path, const char *url, struct kt_err *e);
/* The same for any text that is signed in itself, by a key of @keyring, which can be read. */
int kc_signed_verify(const char *path, const char *clear_path, const char *keyring, const char *url,
		     struct kt_err *e);
/* @now and @check_valid_until: refuse it after its Valid-Until. */
int kc_release_parse(const char *text, const char *suite, const char *url, bool check_valid_until,
		     time_t now, struct kc_release *ret, struct kt_err *e);

/* --- packages.c ------------------------------------------------------------------------------ */
/*
 * The newest prebuilt cloud kernel in the compressed Packages file @path; URLs are below @mirror.
 */
int kc_packages_newest_cloud(const char *path, const char *mirror, struct kc_pick *ret,
			     struct kt_err *e);
/* The newest version of the source package @name ("linux-source-6.12"). KT_E_KERNEL, ENOENT: names those there are. */
int kc_packages_newest_source(const char *path, const char *mirror, const char *name,
			      struct kc_pick *ret, struct kt_err *e);

/* --- index.c ----------------------------------------------------------------------------------- */
/**
 * Which kernel @suite has newest: from index/ when that is fresh and @refresh is false, else from
 * the mirror. @package NULL: the prebuilt cloud kernel; else the package of that name. Errors as kc_fetch's;
 * what did not verify is KT_E_KERNEL with EBADMSG.
 */
int kc_index_newest_package(const char *cache_dir, const char *suite, const char *package,
			    bool refresh, const struct kc_progress *progress, struct kc_pick *ret,
			    struct kt_err *e);
/* The last answer, however old, without any network. -ENOENT without text: none. */
int kc_index_last_package(const char *cache_dir, const char *suite, const char *package,
			  struct kc_pick *ret, struct kt_err *e);
static inline int kc_index_newest(const char *cache_dir, const char *suite, bool refresh,
				  const struct kc_progress *progress, struct kc_pick *ret,
				  struct kt_err *e)
{
	return kc_index_newest_package(cache_dir, suite, NULL, refresh, progress, ret, e);
}
static inline int kc_index_last(const char *cache_dir, const char *suite, struct kc_pick *ret,
				struct kt_err *e)
{
	return kc_index_last_package(cache_dir, suite, NULL, ret, e);
}

/* --- deb.c ----------------------------------------------------------------------------------- */
/* Members looked for in a package: wanted ones are written to their file, found is set. */
struct kc_deb_member {
	bool (*match)(const char *path); /* without a leading "./" */
	const char *to;
	uint64_t max_bytes;
	bool found;
};
int kc_deb_extract(const char *deb, struct kc_deb_member *members, size_t nr, struct kt_err *e);

/* --- bzimage.c ------------------------------------------------------------------------------- */
struct kc_bzimage {
	char release[128]; /* "" when the header has none */
	uint64_t payload_offset;
	uint64_t payload_bytes; /* 0: the header does not say */
};
/* KT_E_KERNEL when @path is no x86 bzImage. */
int kc_bzimage_read(const char *path, struct kc_bzimage *ret, struct kt_err *e);
/* Decompress the vmlinux inside @image to @to, as it is. KT_E_KERNEL: why it cannot be had. */
int kc_bzimage_extract(const char *image, const struct kc_bzimage *bz, const char *to,
		       struct kt_err *e);

/* --- facts.c --------------------------------------------------------------------------------- */
/* A file without BTF is not an error: has_btf is false. */
int kc_facts_read(const char *vmlinux, struct kc_facts *ret, struct kt_err *e);
/* Whether both ELF files hold the same BTF, none in both being the same too. */
int kc_btf_same(const char *a, const char *b, bool *ret, struct kt_err *e);

/* --- strip.c --------------------------------------------------------------------------------- */
/*
 * Copy the vmlinux @from to @to without its debug sections; symbols and BTF stay. KT_E_KERNEL: not
 * an ELF file we know.
 */
int kc_strip_vmlinux(const char *from, const char *to, struct kt_err *e);

/* --- metadata.c, entry.c --------------------------------------------------------------------- */
enum kc_file {
	KC_FILE_IMAGE,
	KC_FILE_VMLINUX,
	KC_FILE_CONFIG,
	KC_FILE_SYSTEM_MAP,
	KC_FILE_BUILD_LOG,
	KC_FILE_NR
};
extern const char *const kc_file_names[KC_FILE_NR];
struct kc_metadata {
	char *spec, *key, *release, *version;
	char *url, *sha256; /* of what was downloaded; NULL: local */
	char *notes;
	/* Of what we built; NULL, 0 or false otherwise. */
	char *source_key, *commit, *flavour, *base, *toolchain, *pahole;
	char *options; /* as kc_entry's; NULL: none, or made before they were recorded */
	char *builtin_hash; /* of the built-in fragments of the flavour as they were */
	char *config_hash; /* of the resulting config */
	bool dirty, keep_debug;
	uint64_t build_ms, objects, nr_options;
	time_t created;
	struct {
		bool present;
		uint64_t bytes;
		char sha256[KT_SHA256_HEX];
	} file[KC_FILE_NR];
	struct kc_facts facts;
};
void kc_metadata_done(struct kc_metadata *m);
static inline void kt_cleanup_kc_metadata(struct kc_metadata *m)
{
	kc_metadata_done(m);
}
int kc_metadata_write(const struct kc_metadata *m, const char *path, struct kt_err *e);
/*
 * -ENOENT without text: no file. KT_E_KERNEL, EBADMSG: broken; EPROTONOSUPPORT: made by a newer ktstr-make, to be left
 * alone.
 */
int kc_metadata_read(const char *path, struct kc_metadata *ret, struct kt_err *e);

/**
 * The entry KEY, when it is there and whole: metadata that parses, every file of its recorded size and sum (those of
 * files that are as they were when they were last summed are believed). It is in use from here on until it is freed.
 * -ENOENT without text: no such entry. -EBADMSG: damaged, and @e says how. -EPROTONOSUPPORT: of a newer ktstr-make.
 */
int kc_entry_load(const char *cache_dir, const char *key, struct kc_entry **ret, struct kt_err *e);
/* Remember that it was used now. A cache that cannot be written to is fine. */
void kc_entry_touch(const char *cache_dir, const char *key);

/* --- store/state.c --------------------------------------------------------------------------- */
enum kc_state kc_state_of(const char *cache_dir, const struct kc_metadata *m);

/* --- store/use.c ----------------------------------------------------------------------------- */
/* Shared: -1 in @ret when the cache cannot be written to. Close it to let go. KEY may be that of a source tree. */
int kc_use_begin(const char *cache_dir, const char *key, int *ret, struct kt_err *e);
/* Exclusive, without waiting: -EWOULDBLOCK without text when somebody uses it. */
int kc_use_claim(const char *cache_dir, const char *key, int *ret, struct kt_err *e);

/* --- store/lock_dir.c ------------------------------------------------------------------------ */
/* "NFS" for statfs's f_type of it; NULL for a file system on which locks hold. */
const char *kc_remote_fs_name(uint32_t magic);
/* KT_E_HOST when locks in @cache_dir, which must exist, would not hold. */
int kc_lock_dir_check(const char *cache_dir, struct kt_err *e);

/* --- store/stamp.c: what was summed, and how the file was then -------------------------------------- */
/**
 * Compare each file of the entry in @dir with @m: its size always, its sum unless it is the very file that was last
 * summed. Remembers what it summed. -EBADMSG: a file is not what was recorded.
 */
int kc_stamp_check(const char *cache_dir, const char *dir, const struct kc_metadata *m,
		   struct kt_err *e);
/* Believe that the files in @dir are as @m says: just after they were made. A cache that cannot be written to is fine. */
void kc_stamp_set(const char *cache_dir, const char *dir, const struct kc_metadata *m);
/* Sum everything at the next use. */
void kc_stamp_forget(const char *cache_dir, const char *key);
/* Sum every file whatever was remembered. -EBADMSG as above. */
int kc_stamp_verify(const char *cache_dir, const char *dir, const struct kc_metadata *m,
		    struct kt_err *e);

/* --- store/remote.c: a cache shared with others ------------------------------------------------- */
/**
 * Look for KEY in o->remote and install it. 0: it is in kernels/ now. -ENOENT without text: not there, or not to be
 * had (a warning was logged). Other errors are of our own cache.
 */
int kc_remote_get(const char *cache_dir, const char *key, const struct kc_opts *o,
		  struct kt_err *e);
/* After a build. Whatever goes wrong is a warning. Needs $KTSTR_CACHE_TOKEN for http(s); without it nothing is sent. */
void kc_remote_put(const char *cache_dir, const char *key, const struct kc_opts *o);

/* --- store/work.c ---------------------------------------------------------------------------- */
/* A place to work in, under the lock of its name. */
struct kc_work {
	struct kt_lock lock;
	char *dir; /* tmp/NAME; NULL: none */
	bool keep; /* leave the directory for the next one who comes (a download to be continued) */
};
#define KC_WORK_NONE \
	{ \
		.lock = KT_LOCK_NONE \
	}
/*
 * Take the lock @name (waits, with a progress line) and make its tmp directory. @purpose: what we do, for those who
 * wait for us ("builds 6.12.117 for /home/me/scheds"); NULL: @name. KT_E_HOST when the cache cannot be written to.
 */
int kc_work_begin(const char *cache_dir, const char *name, const char *purpose,
		  const struct kc_progress *progress, struct kc_work *ret, struct kt_err *e);
/* Remove the directory unless keep, then release the lock. */
void kc_work_end(struct kc_work *w);
static inline void kt_cleanup_kc_work(struct kc_work *w)
{
	kc_work_end(w);
}
/* Only the lock. */
int kc_lock(const char *cache_dir, const char *name, const char *purpose,
	    const struct kc_progress *progress, struct kt_lock *ret, struct kt_err *e);
/* -EWOULDBLOCK without text when somebody has it. */
int kc_lock_try(const char *cache_dir, const char *name, const char *purpose, struct kt_lock *ret,
		struct kt_err *e);
/* Remove what the dead left in tmp/, but for NAME (may be NULL). What cannot be removed now will be another time. */
void kc_remove_stale(const char *cache_dir, const char *but);
/* The same of tmp/KEY alone, for an entry that is there: who made it may have died before it had cleared up. */
void kc_remove_left(const char *cache_dir, const char *key);

/*
 * To remove a big directory so that whoever is interrupted leaves nothing half where readers look: rename it, then take
 * one's time. Several processes may hold a trash at once.
 */
struct kc_trash {
	const char *cache_dir; /* borrowed */
	struct kt_lock lock;
	unsigned nr;
	char *dir; /* what was moved and not yet removed; NULL: nothing */
};
#define KC_TRASH_NONE \
	{ \
		.lock = KT_LOCK_NONE \
	}
int kc_trash_begin(const char *cache_dir, struct kc_trash *ret, struct kt_err *e);
/* -ENOENT without text: no such directory. */
int kc_trash_move(struct kc_trash *t, const char *path, struct kt_err *e);
int kc_trash_empty(struct kc_trash *t, struct kt_err *e);
void kc_trash_end(struct kc_trash *t);
static inline void kt_cleanup_kc_trash(struct kc_trash *t)
{
	kc_trash_end(t);
}

/* --- install.c ------------------------------------------------------------------------------- */
/**
 * Make @entry_dir (inside the work directory; has at least an image) an entry of the cache:
 * extracts vmlinux when there is none, reads facts, writes metadata.json, syncs, renames. m->spec,
 * version, url, sha256 are the caller's. An entry of that key that is there already wins.
 */
int kc_install(const char *cache_dir, const char *entry_dir, struct kc_metadata *m,
	       struct kt_err *e);
/* The second half: @entry_dir is whole, with its metadata.json and its files synced. */
int kc_publish(const char *cache_dir, const char *entry_dir, const struct kc_metadata *m,
	       struct kt_err *e);
/* Fill in m->release, vmlinux, facts and file sizes and checksums; the first half of kc_install. */
int kc_complete(const char *entry_dir, struct kc_metadata *m, struct kt_err *e);
/* Add a sentence to m->notes. */
int kc_add_note(struct kc_metadata *m, const char *text, struct kt_err *e);
/* Remove an entry; the caller holds its work lock and its exclusive use lock. A missing one is fine. */
int kc_entry_remove(const char *cache_dir, const char *key, struct kt_err *e);
/*
 * Remove the entries that were built of @spec when it was not committed, but for @keep_key and what is in use: a new one
 * takes their place. A failure is logged.
 */
void kc_drop_old_dirty(const char *cache_dir, const char *spec, const char *keep_key);
/*
 * kc_install of an entry whose key is only known once it is made, so that nobody holds the lock of that key yet: takes it.
 * What is there already and whole stays. @ret: the entry, in use.
 */
int kc_install_by_content(const char *cache_dir, const char *entry_dir, struct kc_metadata *m,
			  const struct kc_progress *progress, struct kc_entry **ret,
			  struct kt_err *e);
/* Move a damaged entry out of the way; logs @why. */
int kc_move_damaged(const char *cache_dir, const char *key, const char *why, struct kt_err *e);

/* --- answer.c: what a server said, in index/NAME.json --------------------------------------------- */
enum { KC_ANSWER_NAME_BYTES = 32 };
struct kc_answer {
	time_t fetched; /* when the server said so, or that it still does */
	char *from; /* the mirror or the URL */
	char *validator; /* tells whether it would say the same again: an ETag, a checksum; NULL: nothing does */
	struct kc_pick pick; /* key NULL: none */
	char *text; /* NULL: none; one of both is there */
	bool remembered; /* nobody was asked for it just now; not kept */
};
void kc_answer_done(struct kc_answer *a);
static inline void kt_cleanup_kc_answer(struct kc_answer *a)
{
	kc_answer_done(a);
}
/* Of lock, work directory and file: @parts (each may be NULL) are all that can change the answer but the server. */
void kc_answer_name(const char *const *parts, size_t nr, char ret[static KC_ANSWER_NAME_BYTES]);
/* -ENOENT: none, or none that can be used. */
int kc_answer_read(const char *cache_dir, const char *name, struct kc_answer *ret);
int kc_answer_write(const char *cache_dir, const char *name, const struct kc_answer *a,
		    struct kt_err *e);
bool kc_answer_is_fresh(const struct kc_answer *a);
/**
 * Before asking anew: @w holds the lock of that name, @purpose as for kc_work_begin. @ret is what is known so far, perhaps nothing. Returns 1 when
 * somebody else has asked while we waited for the lock, and @ret need not be asked for again.
 */
int kc_answer_begin(const char *cache_dir, const char *name, const char *purpose,
		    const struct kc_progress *progress, struct kc_work *w, struct kc_answer *ret,
		    struct kt_err *e);

/* --- lockfile.c ------------------------------------------------------------------------------ */
/* The pin of @spec. -ENOENT without text: none. KT_E_CONFIG: the file is broken. */
int kc_pin_get(const char *project_dir, const char *spec, struct kc_pick *ret, struct kt_err *e);
int kc_pin_set(const char *cache_dir, const char *project_dir, const char *spec,
	       const struct kc_pick *p, struct kt_err *e);
/* The same of a range, which stands for several exact versions. */
int kc_pin_get_range(const char *project_dir, const char *spec, struct kt_strv *ret,
		     struct kt_err *e);
int kc_pin_set_range(const char *cache_dir, const char *project_dir, const char *spec,
		     const struct kt_strv *versions, struct kt_err *e);

/* --- resolve.c: from a spec to a pick, by way of ktstr.lock ------------------------------------ */
/* One call of kc_get and its relatives. */
struct kc_request {
	const char *cache_dir; /* absolute */
	const char *spec; /* as asked */
	struct kc_spec parsed;
	const struct kc_opts *o; /* never NULL; o->build never NULL either */
};
/* A request with what it points to, for the functions of kernel-cache.h. */
struct kc_request_own {
	struct kc_request q;
	struct kc_opts opts;
	char *cache_dir;
};
/* @ret must not move afterwards: q points into it. */
int kc_request_begin(const char *spec, const struct kc_opts *o, struct kc_request_own *ret,
		     struct kt_err *e);
void kc_request_end(struct kc_request_own *own);
static inline void kt_cleanup_kc_request_own(struct kc_request_own *own)
{
	kc_request_end(own);
}
/**
 * What @q stands for now. @newest asks the network: refresh means not to believe what was remembered; errors as
 * kc_fetch's. @last answers from memory only: -ENOENT without text when there is nothing.
 */
struct kc_resolver {
	int (*newest)(const struct kc_request *q, bool refresh, struct kc_pick *ret,
		      struct kt_err *e);
	int (*last)(const struct kc_request *q, struct kc_pick *ret, struct kt_err *e);
};
/**
 * Have what @q stands for: pinned by ktstr.lock, or asked by @by, or without a network remembered; given to @get, and
 * pinned when that is content. @get returns -ENOENT with KT_E_KERNEL when what was resolved is gone from where it was:
 * then it is asked for once more.
 */
int kc_with_pick(const struct kc_request *q, const struct kc_resolver *by,
		 int (*get)(const struct kc_request *q, const struct kc_pick *p, void *ret,
			    struct kt_err *e),
		 void *ret, struct kt_err *e);

/* --- sources: each returns an entry that is whole -------------------------------------------- */
int kc_debian_get(const struct kc_request *q, struct kc_entry **ret, struct kt_err *e);
int kc_local_get(const char *cache_dir, const char *spec, const char *path, const struct kc_opts *o,
		 struct kc_entry **ret, struct kt_err *e);
/* "builds 6.12.117 for /home/me/scheds": what those who wait for us are told. Caller frees; NULL: no memory. */
char *kc_purpose(const struct kc_request *q, const char *does, const char *version);
/* built.c: whatever has to be built. */
bool kc_path_is_source(const struct kc_request *q); /* of a path: spec */
int kc_built_get(const struct kc_request *q, struct kc_entry **ret, struct kt_err *e);

#endif

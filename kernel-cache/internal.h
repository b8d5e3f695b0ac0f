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
	KC_SCHEMA_VERSION = 1, /* of every JSON file that we write */
	KC_JSON_BYTES_MAX = 4 << 20, /* of any of them */
	KC_INDEX_FRESH_SECONDS = 3600, /* how long an answer of the mirror is believed */
};
#define KC_IMAGE_BYTES_MAX (UINT64_C(512) << 20)
#define KC_VMLINUX_BYTES_MAX (UINT64_C(2) << 30)
#define KC_CONFIG_BYTES_MAX (UINT64_C(4) << 20)

/*
 * The cache directory:
 *   kernels/KEY/{image,vmlinux,config,metadata.json}   immutable, renamed in whole
 *   used/KEY          its mtime is the last use of that entry
 *   tmp/NAME/         work of whoever holds locks/NAME.lock
 *   locks/NAME.lock   NAME is a KEY, or "index-HASH", "path-HASH", "pins-HASH"
 *   index/NAME.json   what a mirror answered; what a local image became
 *   damaged/KEY/      the last damaged entry of that key, for people to look at
 */

/* --- spec.c ---------------------------------------------------------------------------------- */
enum kc_form { KC_FORM_DEBIAN_CLOUD, KC_FORM_PATH, KC_FORM_KEY };
struct kc_spec {
	enum kc_form form;
	char *arg; /* the suite, the path, the key or its prefix */
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
	char *key;
	char *package; /* name, for people */
	char *version;
	struct kc_remote image;
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
 * 0 or -EINVAL when something is missing, of a wrong type, or not fit to be a file name or a
 * checksum.
 */
int kc_pick_read(const cJSON *o, struct kc_pick *ret);
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
/* NULL when missing or not a string. */
const char *kc_json_get_str(const cJSON *o, const char *name);
/* -EINVAL when missing, not a number, negative or not whole. Exact below 2^53. */
int kc_json_get_u64(const cJSON *o, const char *name, uint64_t *ret);
bool kc_json_get_bool(const cJSON *o, const char *name);
/* strdup that takes NULL; *ret is NULL then. 0 or -ENOMEM. */
int kc_dup(const char *s, char **ret);
bool kc_is_key(const char *s); /* fit to be the name of a directory of ours */
bool kc_is_sha256(const char *s); /* 64 lower-case hex digits */

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
	const struct kc_progress *progress; /* may be NULL */
};
/**
 * KT_E_KERNEL: ENOENT gone (404, 410), EHOSTUNREACH no answer or cut again and again, EPROTO an
 * HTML page, EBADMSG not the right bytes (the file is removed), EIO another answer. KT_E_HOST: the
 * file could not be written.
 */
int kc_fetch(const struct kc_fetch_opts *o, struct kt_err *e);

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
/* @now and @check_valid_until: refuse it after its Valid-Until. */
int kc_release_parse(const char *text, const char *suite, const char *url, bool check_valid_until,
		     time_t now, struct kc_release *ret, struct kt_err *e);

/* --- packages.c ------------------------------------------------------------------------------ */
/*
 * The newest prebuilt cloud kernel in the compressed Packages file @path; URLs are below @mirror.
 */
int kc_packages_newest_cloud(const char *path, const char *mirror, struct kc_pick *ret,
			     struct kt_err *e);

/* --- index.c --------------------------------------------------------------------------------- */
/**
 * Which kernel @suite has newest: from index/ when that is fresh and @refresh is false, else from
 * the mirror. Errors as kc_fetch's; what did not verify is KT_E_KERNEL with EBADMSG.
 */
int kc_index_newest(const char *cache_dir, const char *suite, bool refresh,
		    const struct kc_progress *progress, struct kc_pick *ret, struct kt_err *e);
/* The last answer, however old, without any network. -ENOENT without text: none. */
int kc_index_last(const char *cache_dir, const char *suite, struct kc_pick *ret, struct kt_err *e);

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
enum kc_file { KC_FILE_IMAGE, KC_FILE_VMLINUX, KC_FILE_CONFIG, KC_FILE_NR };
extern const char *const kc_file_names[KC_FILE_NR];
struct kc_metadata {
	char *spec, *key, *release, *version;
	char *url, *sha256; /* of what was downloaded; NULL: local */
	char *notes;
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
/* -ENOENT without text: no file. KT_E_KERNEL, EBADMSG: broken. */
int kc_metadata_read(const char *path, struct kc_metadata *ret, struct kt_err *e);

/**
 * The entry KEY, when it is there and whole: metadata that parses, every file of its recorded size.
 * -ENOENT without text: no such entry. -EBADMSG: damaged, and @e says how.
 */
int kc_entry_load(const char *cache_dir, const char *key, struct kc_entry **ret, struct kt_err *e);
/* Remember that it was used now. A cache that cannot be written to is fine. */
void kc_entry_touch(const char *cache_dir, const char *key);

/* --- install.c ------------------------------------------------------------------------------- */
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
/* Take the lock @name (waits, with a progress line) and make its tmp directory. */
int kc_work_begin(const char *cache_dir, const char *name, const struct kc_progress *progress,
		  struct kc_work *ret, struct kt_err *e);
/* Remove the directory unless keep, then release the lock. */
void kc_work_end(struct kc_work *w);
static inline void kt_cleanup_kc_work(struct kc_work *w)
{
	kc_work_end(w);
}
/* Only the lock. */
int kc_lock(const char *cache_dir, const char *name, const struct kc_progress *progress,
	    struct kt_lock *ret, struct kt_err *e);

/**
 * Make @entry_dir (inside the work directory; has at least an image) an entry of the cache:
 * extracts vmlinux when there is none, reads facts, writes metadata.json, syncs, renames. m->spec,
 * version, url, sha256 are the caller's. An entry of that key that is there already wins.
 */
int kc_install(const char *cache_dir, const char *entry_dir, struct kc_metadata *m,
	       struct kt_err *e);
/* Fill in m->release, vmlinux, facts and file sizes and checksums; the first half of kc_install. */
int kc_complete(const char *entry_dir, struct kc_metadata *m, struct kt_err *e);
/* Add a sentence to m->notes. */
int kc_add_note(struct kc_metadata *m, const char *text, struct kt_err *e);
/* Move a damaged entry out of the way; logs @why. */
int kc_move_damaged(const char *cache_dir, const char *key, const char *why, struct kt_err *e);

/* --- lockfile.c ------------------------------------------------------------------------------ */
/* The pin of @spec. -ENOENT without text: none. KT_E_CONFIG: the file is broken. */
int kc_pin_get(const char *project_dir, const char *spec, struct kc_pick *ret, struct kt_err *e);
int kc_pin_set(const char *cache_dir, const char *project_dir, const char *spec,
	       const struct kc_pick *p, struct kt_err *e);

/* --- sources: each returns an entry that is whole -------------------------------------------- */
int kc_debian_get(const char *cache_dir, const char *spec, const char *suite,
		  const struct kc_opts *o, struct kc_entry **ret, struct kt_err *e);
int kc_local_get(const char *cache_dir, const char *spec, const char *path, const struct kc_opts *o,
		 struct kc_entry **ret, struct kt_err *e);

#endif

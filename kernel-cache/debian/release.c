/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A suite's InRelease file: signed by whom we trust, for the suite that was asked for, and what it
 * says of Packages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/proc.h"
#include "kernel-cache/internal.h"

enum { GPGV_TIMEOUT_MS = 60000, GPGV_OUTPUT_BYTES = 256 * 1024, LINE_WORDS = 3 };

void kc_release_done(struct kc_release *r)
{
	free(r->packages_path);
	free(r->by_hash_path);
	free(r->packages_sha256);
	*r = (struct kc_release){ 0 };
}

enum {
	HASH_SHA256 = 8,
	VALIDSIG_HASH_WORD = 7
}; /* RFC 4880 9.4: below it are MD5, SHA-1 and the like */

/*
 * What gpgv's status lines say. A file may carry several signatures: one that we can check must be
 * good, none bad.
 */
struct signatures {
	bool good, bad, unknown, expired, weak;
	bool begun; /* GOODSIG was seen, its VALIDSIG with the details is to come */
	char key[64]; /* of the last one that is not good */
};

static void note_key(struct signatures *s, const char *words)
{
	(void)kt_snprintf(s->key, sizeof(s->key), "%.*s", (int)strcspn(words, " "), words);
}

static void read_validsig(struct signatures *s, char *words)
{
	unsigned hash = 0;

	for (int i = 0; i < VALIDSIG_HASH_WORD; i++)
		(void)strsep(&words, " ");
	if (!words || kt_parse_uint(strsep(&words, " "), 0, UINT8_MAX, &hash) < 0 ||
	    hash < HASH_SHA256)
		s->weak = true;
	else
		s->good = true;
	s->begun = false;
}

static void read_status(char *text, struct signatures *s)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (!kt_starts_with(line, "[GNUPG:] "))
			continue;
		line += strlen("[GNUPG:] ");
		if (kt_starts_with(line, "GOODSIG ")) {
			s->begun = true;
		} else if (kt_starts_with(line, "VALIDSIG ") && s->begun) {
			read_validsig(s, line + strlen("VALIDSIG "));
		} else if (kt_starts_with(line, "BADSIG ")) {
			s->bad = true;
			note_key(s, line + strlen("BADSIG "));
		} else if (kt_starts_with(line, "NO_PUBKEY ")) {
			s->unknown = true;
			note_key(s, line + strlen("NO_PUBKEY "));
		} else if (kt_starts_with(line, "EXPKEYSIG ") ||
			   kt_starts_with(line, "REVKEYSIG ") || kt_starts_with(line, "EXPSIG ")) {
			/* Instead of GOODSIG; a VALIDSIG line follows these as well. */
			s->expired = true;
			note_key(s, strchr(line, ' ') + 1);
		}
	}
}

int kc_release_verify(const char *path, const char *clear_path, const char *url, struct kt_err *e)
{
	const char *keyring = kc_debian_keyring();

	if (access(keyring, R_OK) < 0)
		return kt_fail(
			e, KT_E_HOST, errno,
			"read the keyring '%s' (install debian-archive-keyring, or set KTSTR_DEBIAN_KEYRING)",
			keyring);
	return kc_signed_verify(path, clear_path, keyring, url, e);
}

int kc_signed_verify(const char *path, const char *clear_path, const char *keyring, const char *url,
		     struct kt_err *e)
{
	const char *const argv[] = { "gpgv",     "--status-fd", "1",  "--keyring", keyring,
				     "--output", clear_path,    path, NULL };
	kt_auto(buf) struct kt_buf status = { 0 }, talk = { 0 };
	struct signatures s = { 0 };
	struct kt_proc_end end;
	int r;

	(void)unlink(clear_path); /* gpgv does not overwrite */
	r = kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, GPGV_TIMEOUT_MS, GPGV_OUTPUT_BYTES,
			&status, &talk, &end, e);
	if (r < 0)
		return kt_context(e, r, "check the signature of '%s'", url);
	if (status.len)
		read_status(status.data, &s);
	if (s.bad)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': bad signature by key %s", url,
			       s.key);
	if (s.good)
		return 0;
	if (s.expired)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s': signed by key %s, which has expired or was revoked", url,
			       s.key);
	if (s.weak)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s': its signature uses a hash that is not to be trusted", url);
	if (s.unknown)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s': signed by key %s, which is not in the keyring '%s'", url,
			       s.key, keyring);
	return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is not signed: %.*s", url,
		       (int)strcspn(kt_buf_str(&talk), "\n"), kt_buf_str(&talk));
}

/* The parts of the file that matter, as pointers into its text. */
struct fields {
	const char *suite, *codename, *valid_until;
	bool by_hash;
	const char *sum, *name; /* of the chosen Packages file */
	uint64_t bytes;
};

/* In order of preference. */
static const char *const packages_names[] = {
	"main/binary-" KC_DEBIAN_ARCH "/Packages.xz",
	"main/binary-" KC_DEBIAN_ARCH "/Packages.gz",
	"main/binary-" KC_DEBIAN_ARCH "/Packages",
};
enum { NR_NAMES = sizeof(packages_names) / sizeof(packages_names[0]) };

/* " SUM  BYTES NAME" below "SHA256:" */
static void read_sum(char *line, struct fields *f, size_t *best)
{
	char *word[LINE_WORDS] = { 0 };
	size_t nr = 0;
	char *w;

	while ((w = strsep(&line, " ")) && nr < LINE_WORDS) {
		if (*w)
			word[nr++] = w;
	}
	if (nr < LINE_WORDS || !kc_is_sha256(word[0]))
		return;
	for (size_t i = 0; i < *best; i++) {
		uint64_t bytes;

		if (!kt_streq(word[2], packages_names[i]) || kt_parse_u64(word[1], &bytes) < 0)
			continue;
		f->sum = word[0];
		f->bytes = bytes;
		f->name = packages_names[i];
		*best = i;
	}
}

static const char *value_of(char *line, const char *field)
{
	size_t len = strlen(field);

	if (strncmp(line, field, len) != 0 || line[len] != ':')
		return NULL;
	line += len + 1;
	return line + strspn(line, " ");
}

static void read_fields(char *text, struct fields *f)
{
	size_t best = NR_NAMES;
	bool in_sums = false;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		const char *v;

		line[strcspn(line, "\r")] = '\0';
		if (line[0] == ' ') {
			if (in_sums)
				read_sum(line, f, &best);
			continue;
		}
		in_sums = kt_streq(line, "SHA256:");
		if ((v = value_of(line, "Suite")))
			f->suite = v;
		else if ((v = value_of(line, "Codename")))
			f->codename = v;
		else if ((v = value_of(line, "Valid-Until")))
			f->valid_until = v;
		else if ((v = value_of(line, "Acquire-By-Hash")))
			f->by_hash = kt_streq(v, "yes");
	}
}

static int check_date(const struct fields *f, const char *url, time_t now, struct kt_err *e)
{
	struct tm tm = { 0 };
	const char *end = strptime(f->valid_until, "%a, %d %b %Y %H:%M:%S ", &tm);

	if (!end || (!kt_streq(end, "UTC") && !kt_streq(end, "GMT") && !kt_streq(end, "+0000")))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': cannot read its Valid-Until '%s'",
			       url, f->valid_until);
	if (timegm(&tm) < now)
		return kt_fail(
			e, KT_E_KERNEL, EBADMSG,
			"'%s' is out of date: valid until %s (apt's Acquire::Check-Valid-Until is on)",
			url, f->valid_until);
	return 0;
}

static int fill_release(const struct fields *f, struct kc_release *ret)
{
	ret->packages_bytes = f->bytes;
	if (f->by_hash) {
		ret->by_hash_path =
			kt_fmt("main/binary-" KC_DEBIAN_ARCH "/by-hash/SHA256/%s", f->sum);
		if (!ret->by_hash_path)
			return -ENOMEM;
	}
	return kc_dup(f->name, &ret->packages_path) < 0 || kc_dup(f->sum, &ret->packages_sha256) < 0
		       ? -ENOMEM
		       : 0;
}

int kc_release_parse(const char *text, const char *suite, const char *url, bool check_valid_until,
		     time_t now, struct kc_release *ret, struct kt_err *e)
{
	kt_auto(mem) char *copy = strdup(text);
	kt_auto(kc_release) struct kc_release out = { 0 };
	struct fields f = { 0 };

	if (!copy)
		return kt_fail(e, KT_E_HOST, ENOMEM, "parse '%s'", url);
	read_fields(copy, &f);
	if (!(f.suite && kt_streq(f.suite, suite)) && !(f.codename && kt_streq(f.codename, suite)))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is of suite '%s' (%s), not of '%s'",
			       url, f.suite ? f.suite : "", f.codename ? f.codename : "no codename",
			       suite);
	if (check_valid_until && f.valid_until) {
		int r = check_date(&f, url, now, e);

		if (r < 0)
			return r;
	}
	if (!f.name)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' lists no %s", url, packages_names[0]);
	if (fill_release(&f, &out) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "parse '%s'", url);
	*ret = out;
	out = (struct kc_release){ 0 };
	return 0;
}

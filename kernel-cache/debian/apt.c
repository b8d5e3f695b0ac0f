/* SPDX-License-Identifier: GPL-2.0-only */
/* What this host's own apt says: which mirror, through which proxy, how strict. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/proc.h"
#include "kernel-cache/internal.h"

enum { APT_TIMEOUT_MS = 30000, APT_OUTPUT_BYTES = 1 << 20 };

const char *kc_debian_keyring(void)
{
	const char *set = getenv("KTSTR_DEBIAN_KEYRING");

	return set && *set ? set : "/usr/share/keyrings/debian-archive-keyring.gpg";
}

/* -ENOENT without text: there is no such program. */
static int run_apt(const char *const *argv, struct kt_buf *out, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf errors = { 0 };
	struct kt_err ours = { 0 };
	struct kt_proc_end end;
	int r;

	r = kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, APT_TIMEOUT_MS, APT_OUTPUT_BYTES,
			out, &errors, &end, &ours);
	if (r < 0) {
		if (ours.kind == KT_E_TOOL && ours.errnum == ENOENT)
			return -ENOENT;
		if (e)
			*e = ours;
		return r;
	}
	if (end.signalled || end.code) {
		kt_auto(buf) struct kt_buf how = { 0 };

		kt_proc_end_format(&how, &end);
		return kt_fail(e, KT_E_TOOL, EIO, "%s %s: %s", argv[0], kt_buf_str(&how),
			       kt_buf_str(&errors));
	}
	return 0;
}

/* One archive that apt knows, as a line of the listing below. */
struct source {
	const char *origin, *label, *release, *uri;
};

/*
 * How well a source fits: the suite itself, else the main archive, which holds the other suites
 * too; 0: not at all.
 */
static int source_rank(const struct source *s, const char *suite)
{
	size_t len = strlen(s->uri);
	bool known = s->label[0] &&
		     s->label[0] != '$'; /* no Release file yet: the fields stay unexpanded */

	while (len && s->uri[len - 1] == '/')
		len--;
	if (!kt_starts_with(s->uri, "http://") && !kt_starts_with(s->uri, "https://") &&
	    !kt_starts_with(s->uri, "file:"))
		return 0;
	if (kt_streq(s->release, suite))
		return 4;
	if (kt_ends_with(s->release, "-security"))
		return 0;
	if (known && kt_streq(s->origin, "Debian") && kt_streq(s->label, "Debian"))
		return kt_ends_with(s->release, "-updates") ? 2 : 3;
	if (len >= 7 && strncmp(s->uri + len - 7, "/debian", 7) == 0)
		return 1;
	return 0;
}

/* "ORIGIN|LABEL|RELEASE|URI" */
static bool parse_source(char *line, struct source *ret)
{
	ret->origin = strsep(&line, "|");
	ret->label = strsep(&line, "|");
	ret->release = strsep(&line, "|");
	ret->uri = strsep(&line, "|");
	return ret->uri && *ret->uri;
}

static int pick_source(char *listing, const char *suite, char **ret)
{
	char *best = NULL;
	int best_rank = 0;
	char *line;

	while ((line = strsep(&listing, "\n"))) {
		struct source s;
		int rank;

		if (!parse_source(line, &s))
			continue;
		rank = source_rank(&s, suite);
		if (rank <= best_rank)
			continue;
		free(best);
		best = strdup(s.uri);
		if (!best)
			return -ENOMEM;
		best_rank = rank;
	}
	if (!best)
		return -ENOENT;
	*ret = best;
	return 0;
}

static int mirror_of_apt(const char *suite, char **ret, struct kt_err *e)
{
	/*
	 * Without --no-release-info, sources that were never updated are left out, with it, labels
	 * are.
	 */
	static const char *const tries[][6] = {
		{ "apt-get", "indextargets", "--format",
		  "$(ORIGIN)|$(LABEL)|$(RELEASE)|$(REPO_URI)", "Created-By: Packages", NULL },
		{ "apt-get", "indextargets", "--no-release-info", "--format",
		  "$(ORIGIN)|$(LABEL)|$(RELEASE)|$(REPO_URI)", NULL },
	};

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		kt_auto(buf) struct kt_buf out = { 0 };
		int r = run_apt(tries[i], &out, e);

		if (r == -ENOENT)
			break;
		if (r < 0)
			return kt_context(e, r, "ask apt for a Debian mirror");
		r = out.len ? pick_source(out.data, suite, ret) : -ENOENT;
		if (r == -ENOMEM)
			return kt_fail(e, KT_E_HOST, ENOMEM, "ask apt for a Debian mirror");
		if (r == 0)
			return 0;
	}
	return kt_fail(
		e, KT_E_TOOL, ENOENT,
		"apt has no Debian mirror configured; set KTSTR_DEBIAN_MIRROR to the URL of one");
}

int kc_apt_mirror(const char *suite, char **ret, struct kt_err *e)
{
	const char *set = getenv("KTSTR_DEBIAN_MIRROR");
	kt_auto(mem) char *mirror = NULL;
	const char *host;
	size_t len;

	if (set && *set) {
		mirror = strdup(set);
		if (!mirror)
			return kt_fail(e, KT_E_HOST, ENOMEM, "take the mirror '%s'", set);
	} else {
		int r = mirror_of_apt(suite, &mirror, e);

		if (r < 0 || !mirror)
			return r;
	}
	/* The URL goes into ktstr.lock, which people commit: no password must get there. */
	host = strstr(mirror, "://");
	if (host && memchr(host + 3, '@', strcspn(host + 3, "/")))
		return kt_fail(
			e, KT_E_CONFIG, EINVAL,
			"the Debian mirror's URL has a user name in it, which is not supported yet; set KTSTR_DEBIAN_MIRROR");
	for (len = strlen(mirror); len && mirror[len - 1] == '/'; len--)
		mirror[len - 1] = '\0';
	*ret = kt_take(mirror);
	return 0;
}

/* The value of one configuration item; NULL in @ret when unset or there is no apt. */
static int apt_config(const char *item, char **ret, struct kt_err *e)
{
	const char *const argv[] = { "apt-config", "dump", "--no-empty", "--format",
				     "%F=%v%n",    item,   NULL };
	kt_auto(buf) struct kt_buf out = { 0 };
	char *rest, *line;
	int r = run_apt(argv, &out, e);

	*ret = NULL;
	if (r == -ENOENT || (r == 0 && !out.len))
		return 0;
	if (r < 0)
		return kt_context(e, r, "ask apt for %s", item);
	rest = out.data;
	while ((line = strsep(&rest, "\n"))) {
		size_t len = strlen(item);

		if (strncasecmp(line, item, len) != 0 || line[len] != '=')
			continue;
		*ret = strdup(line + len + 1);
		return *ret ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "ask apt for %s", item);
	}
	return 0;
}

int kc_apt_proxy(const char *url, char **ret, struct kt_err *e)
{
	static const char *const schemes[] = { "http", "https" };
	const char *host = strstr(url, "://");
	bool https = kt_starts_with(url, "https://");
	kt_auto(mem) char *proxy = NULL;

	*ret = NULL;
	if (!host || (!https && !kt_starts_with(url, "http://")))
		return 0;
	host += 3;
	/* As apt does: for this host, else for the scheme; https falls back to http. */
	for (int s = https; s >= 0 && !proxy; s--) {
		kt_auto(mem) char *of_scheme = kt_fmt("Acquire::%s::Proxy", schemes[s]);
		kt_auto(mem) char *of_host = kt_fmt("Acquire::%s::Proxy::%.*s", schemes[s],
						    (int)strcspn(host, ":/"), host);
		int r;

		if (!of_scheme || !of_host)
			return kt_fail(e, KT_E_HOST, ENOMEM, "ask apt for a proxy");
		r = apt_config(of_host, &proxy, e);
		if (r == 0 && !proxy)
			r = apt_config(of_scheme, &proxy, e);
		if (r < 0)
			return r;
	}
	if (proxy && strcasecmp(proxy, "DIRECT") == 0)
		proxy[0] = '\0';
	*ret = kt_take(proxy);
	return 0;
}

/* The spellings of apt's StringToBool. */
static bool is_false(const char *s)
{
	static const char *const words[] = { "0", "no", "false", "without", "off", "disable" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(s, words[i]) == 0)
			return true;
	}
	return false;
}

int kc_apt_check_valid_until(bool *ret, struct kt_err *e)
{
	kt_auto(mem) char *value = NULL;
	int r = apt_config("Acquire::Check-Valid-Until", &value, e);

	if (r < 0)
		return r;
	*ret = !value || !is_false(value);
	return 0;
}

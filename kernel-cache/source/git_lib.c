/* SPDX-License-Identifier: GPL-2.0-only */
/* libgit2 as we use it: limits, credentials, and what its errors mean. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel-cache/fetch.h"
#include "kernel-cache/source/git.h"

enum {
	CONNECT_TIMEOUT_S = 10,
	MS = 1000,
	PROGRESS_NS = 100 * 1000 * 1000,
};

static const char ca_file[] = "/etc/ssl/certs/ca-certificates.crt";
static int begun;

static void begin_once(void)
{
	int stall = (int)kc_stall_timeout();
	const char *ca = getenv("SSL_CERT_FILE");

	/*
	 * Never shut down: threads that come and go would otherwise take it down and up again under each other, and
	 * what is set here is for the whole process.
	 */
	begun = git_libgit2_init();
	if (begun < 0)
		return;
	(void)git_libgit2_opts(GIT_OPT_SET_SERVER_CONNECT_TIMEOUT,
			       (stall < CONNECT_TIMEOUT_S ? stall : CONNECT_TIMEOUT_S) * MS);
	(void)git_libgit2_opts(GIT_OPT_SET_SERVER_TIMEOUT, stall * MS);
	(void)git_libgit2_opts(GIT_OPT_SET_USER_AGENT, "ktstr-make/" KTSTR_VERSION);
	if (!ca || !*ca)
		ca = ca_file;
	/* Some builds of libgit2 know of no certificates of their own, and then trust nobody. */
	if (access(ca, R_OK) == 0)
		(void)git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, ca, NULL);
}

int kc_git_begin(struct kt_err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, begin_once);
	return begun < 0 ? kt_fail(e, KT_E_INTERNAL, EINVAL, "libgit2 cannot be initialised") : 0;
}

/* What the disk says comes through only as text. 0: it is not that. */
static int disk_errno(const char *message)
{
	static const int numbers[] = { ENOSPC, EDQUOT, EROFS, EFBIG };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strstr(message, strerror(numbers[i])))
			return numbers[i];
	}
	return 0;
}

static bool is_network(int klass, int code)
{
	return code == GIT_TIMEOUT || code == GIT_EEOF || klass == GIT_ERROR_NET ||
	       klass == GIT_ERROR_OS || klass == GIT_ERROR_SSL || klass == GIT_ERROR_SSH ||
	       klass == GIT_ERROR_HTTP;
}

/* The other side said so itself. */
static bool is_refusal(const char *message)
{
	return kt_starts_with(message, "remote error") || strstr(message, "status code: 404") ||
	       strstr(message, "status code: 410") || strstr(message, "ERR ");
}

static int failed_local(const struct kc_git_url *u, int code, const char *doing,
			const char *message, struct kt_err *e)
{
	if (code == GIT_EOWNER)
		return kt_fail(
			e, KT_E_KERNEL, EPERM,
			"%s '%s': it belongs to another user, and git does not trust it: git "
			"config --global --add safe.directory '%s'",
			doing, u->shown, u->path);
	if (code == GIT_ENOTFOUND && access(u->path, F_OK) < 0)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "%s '%s': there is no such directory", doing,
			       u->shown);
	return kt_fail(e, KT_E_KERNEL, code == GIT_ENOTFOUND ? ENOENT : EBADMSG, "%s '%s': %s",
		       doing, u->shown, message);
}

static int failed_remote(const struct kc_git_url *u, int code, int klass, const char *doing,
			 const char *message, struct kt_err *e)
{
	bool ssh = !kt_starts_with(u->full, "http");

	if (code == GIT_EAUTH || strstr(message, "authentication required"))
		return kt_fail(
			e, KT_E_KERNEL, EACCES, "%s '%s': not permitted (%s); %s", doing, u->shown,
			message,
			ssh ? "ssh keys are taken from ssh-agent: see 'ssh-add -l'"
			    : "the server wants a user and password, which no spec may have: use git+ssh://, or clone it yourself and name the directory");
	if (code == GIT_ECERTIFICATE)
		return kt_fail(e, KT_E_KERNEL, EIO, "%s '%s': the server is not trusted: %s", doing,
			       u->shown, message);
	if (is_refusal(message) || code == GIT_ENOTFOUND)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "%s '%s': %s", doing, u->shown, message);
	/* "cannot fetch a specific object from the remote repository", "does not support shallow". */
	if (klass == GIT_ERROR_INVALID || code == GIT_ENOTSUPPORTED)
		return kt_fail(e, KT_E_KERNEL, EOPNOTSUPP, "%s '%s': %s", doing, u->shown, message);
	if (is_network(klass, code))
		return kt_fail(e, KT_E_KERNEL, EHOSTUNREACH, "%s '%s': %s", doing, u->shown,
			       message);
	return kt_fail(e, KT_E_KERNEL, EBADMSG, "%s '%s': %s", doing, u->shown, message);
}

int kc_git_failed(const struct kc_git_url *u, int code, const char *doing, struct kt_err *e)
{
	const git_error *last = git_error_last();
	int klass = last ? last->klass : GIT_ERROR_NONE;
	kt_auto(mem) char *message =
		kc_git_hide(u, last && last->message ? last->message : "no reason given");
	int errnum;

	if (!message || klass == GIT_ERROR_NOMEMORY)
		return kt_fail(e, KT_E_HOST, ENOMEM, "%s '%s'", doing, u->shown);
	errnum = disk_errno(message);
	if (errnum)
		return kt_fail(e, KT_E_HOST, errnum, "%s '%s': %s", doing, u->shown, message);
	return u->path ? failed_local(u, code, doing, message, e)
		       : failed_remote(u, code, klass, doing, message, e);
}

static int on_credentials(git_credential **ret, const char *url, const char *user,
			  unsigned int allowed, void *ctx)
{
	struct kc_git_call *call = ctx;

	(void)url;
	if (!user)
		user = "git";
	if (allowed & GIT_CREDENTIAL_USERNAME)
		return git_credential_username_new(ret, user);
	if (!(allowed & GIT_CREDENTIAL_SSH_KEY))
		return GIT_PASSTHROUGH; /* user and password of the URL are used without us */
	/* The agent offers all its keys at once; libgit2 would ask for ever. */
	if (call->nr_keys_asked++) {
		(void)git_error_set_str(GIT_ERROR_SSH, "the server accepts no key of ssh-agent");
		return GIT_EAUTH;
	}
	return git_credential_ssh_key_from_agent(ret, user);
}

static int on_transfer(const git_indexer_progress *p, void *ctx)
{
	struct kc_git_call *call = ctx;
	uint64_t done = (uint64_t)p->received_objects + p->indexed_deltas;
	uint64_t total = (uint64_t)p->total_objects + p->total_deltas;
	uint64_t now = kt_now_ns();
	double left;

	call->received = p->received_objects;
	if (p->received_bytes > KC_UNPACK_BYTES_MAX) {
		(void)git_error_set_str(GIT_ERROR_NET, "it sends more than 16 GiB");
		return GIT_EUSER;
	}
	if (!call->progress || !call->progress->count ||
	    (done < total && now - call->reported_ns < PROGRESS_NS))
		return 0;
	call->reported_ns = now;
	left = done ? (double)(now - call->began_ns) / 1e9 * (double)(total - done) / (double)done
		    : -1;
	call->progress->count(call->progress->ctx, done, total, left);
	return 0;
}

void kc_git_callbacks(struct kc_git_call *call, git_remote_callbacks *ret)
{
	(void)git_remote_init_callbacks(ret, GIT_REMOTE_CALLBACKS_VERSION);
	call->began_ns = kt_now_ns();
	ret->credentials = on_credentials;
	ret->transfer_progress = on_transfer;
	ret->transport = kc_git_transport;
	ret->payload = call;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* The halves of a download: asking a server for (the rest of) a file, and the file that it is written to. */
#ifndef KTSTR_KERNEL_CACHE_FETCH_H
#define KTSTR_KERNEL_CACHE_FETCH_H

#include <curl/curl.h>

#include "kernel-cache/internal.h"

/* --- fetch_sink.c: continued or begun again, hashed and handed on while it grows -------------------- */

struct kc_sink {
	const struct kc_fetch_opts *o; /* borrowed */
	int fd;
	uint64_t have; /* bytes in the file */
	struct kt_sha256 sha; /* of these; only where o->sha256 is known */
	bool told; /* the tee has seen bytes */
	bool restarted; /* and has yet to hear that they are void */
};
#define KC_SINK_NONE \
	{ \
		.fd = -1 \
	}
/* What an earlier attempt left is hashed and handed on when it can be continued, else removed. */
int kc_sink_open(struct kc_sink *s, const struct kc_fetch_opts *o, struct kt_err *e);
int kc_sink_write(struct kc_sink *s, const void *data, size_t len, struct kt_err *e);
/* From the first byte again. */
int kc_sink_restart(struct kc_sink *s, struct kt_err *e);
/* Nothing more comes. */
int kc_sink_finish(struct kc_sink *s, struct kt_err *e);
/* Of what is there now; more may follow. Only where o->sha256 is known. */
void kc_sink_sum(const struct kc_sink *s, char ret[static KT_SHA256_HEX]);
void kc_sink_done(struct kc_sink *s);
static inline void kt_cleanup_kc_sink(struct kc_sink *s)
{
	kc_sink_done(s);
}

/* --- fetch_transfer.c: one attempt after another over one connection --------------------------------- */
/* Why the transfer was stopped by us. */
enum kc_stop { KC_STOP_NONE, KC_STOP_HTML, KC_STOP_TOO_BIG, KC_STOP_SINK };

struct kc_transfer {
	const struct kc_fetch_opts *o;
	CURL *curl;
	struct kc_sink sink;
	uint64_t start; /* where this attempt continues the file; 0: the answer replaces it */
	uint64_t got; /* bytes that this attempt brought */
	const char *validator; /* of the file as it is; NULL: the answer is wanted whatever it is */
	char *tag; /* strong ETag of the answer that the file was begun with; NULL: none */
	uint64_t began_ns;
	uint64_t reported_ns;
	enum kc_stop stop;
	int sink_result;
	struct kt_err *e; /* where kc_sink_write explains */
	char curl_text[CURL_ERROR_SIZE];
};
int kc_transfer_setup(struct kc_transfer *t, struct kt_err *e);
/* 0 whole, 1 not changed, -EAGAIN worth another one, else final. @e is set unless 0 or 1. */
int kc_transfer_attempt(struct kc_transfer *t, CURLcode *ret_code, struct kt_err *e);
/* A field of the last answer's head; NULL: not there, or nothing that we could ever send back. Until the next attempt. */
const char *kc_transfer_field(const struct kc_transfer *t, const char *name);
void kc_transfer_report(struct kc_transfer *t, bool final);
void kc_transfer_done(struct kc_transfer *t);
/* Seconds without a byte after which nothing is expected any more: $KTSTR_NET_TIMEOUT. */
long kc_stall_timeout(void);
/* What every request of ours has: who we are, and how long we wait. @text says afterwards what went wrong. */
void kc_curl_common(CURL *c, const char *url, char text[static CURL_ERROR_SIZE]);

#endif

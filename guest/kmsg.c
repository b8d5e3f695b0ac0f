/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's log, record by record: forwarded as frames, and searched for a scheduler's end. */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

enum {
	RECORD_MAX = 8192, /* CONSOLE_EXT_LOG_MAX: no read returns more */
	RECORDS_A_TURN = 64, /* a flood must not keep init from its other work */
	BATCH = 16 << 10,
};

int gst_kmsg_open(struct gst_kmsg *k, struct kt_err *e)
{
	k->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (k->fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '/dev/kmsg'");
	return 0;
}

/* A text may be several lines (escaped newlines): each is fed by itself. */
static void feed_lines(struct scn_exit *x, char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		(void)scn_exit_feed(x, line);
}

static void take_record(struct gst_kmsg *k, char *record, struct kt_buf *out)
{
	uint64_t us;
	char *text = gst_log_record_text(record, &us);

	if (!text)
		return;
	kt_buf_addf(out, "[%5llu.%06llu] %s\n", (unsigned long long)(us / 1000000),
		    (unsigned long long)(us % 1000000), text);
	feed_lines(&k->exit, text);
}

void gst_kmsg_forward(struct gst_kmsg *k, struct gst_chan *c)
{
	kt_auto(buf) struct kt_buf out = { 0 };
	char record[RECORD_MAX + 1];

	for (int i = 0; i < RECORDS_A_TURN && out.len < BATCH; i++) {
		ssize_t n = read(k->fd, record, RECORD_MAX);

		if (n < 0 &&
		    errno ==
			    EPIPE) { /* records were overwritten before we came; the rest follows */
			kt_buf_adds(&out, "[ktstr: kernel log lines were lost]\n");
			continue;
		}
		if (n <= 0)
			break;
		record[n] = '\0';
		take_record(k, record, &out);
	}
	if (out.len && kt_buf_ok(&out))
		gst_chan_send(c, GST_F_DMSG, out.data, out.len);
}

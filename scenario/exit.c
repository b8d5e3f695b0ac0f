/* SPDX-License-Identifier: GPL-2.0-only */
/* The exit of a sched_ext scheduler, from what the kernel's log says of it. */
#include "scenario/internal.h"

#include <stdio.h>
#include <string.h>

/*
 * The words are scx_exit_reason()'s in kernel/sched/ext.c. Kinds 68 and above of each group came
 * after 6.12; a kernel that lacks one never prints its words.
 */
static const struct {
	uint32_t kind;
	const char *name;
	const char *reason; /* NULL: never printed */
} exits[] = {
	{ SCN_EXIT_NONE, "NONE", NULL },
	{ SCN_EXIT_DONE, "DONE", NULL },
	{ SCN_EXIT_UNREG, "UNREG", "unregistered from user space" },
	{ SCN_EXIT_UNREG_BPF, "UNREG_BPF", "unregistered from BPF" },
	{ SCN_EXIT_UNREG_KERN, "UNREG_KERN", "unregistered from the main kernel" },
	{ SCN_EXIT_SYSRQ, "SYSRQ", "disabled by sysrq-S" },
	{ 68, "PARENT", "parent exiting" },
	{ 69, "PARENT_KILL", "killed by parent scheduler" },
	{ SCN_EXIT_ERROR, "ERROR", "runtime error" },
	{ SCN_EXIT_ERROR_BPF, "ERROR_BPF", "scx_bpf_error" },
	{ SCN_EXIT_ERROR_STALL, "ERROR_STALL", "runnable task stall" },
	{ 1027, "ERROR_REENQ", "reenqueue limit" },
	{ 1028, "ERROR_RESCUE", "rescue bandwidth overload" },
};

const char *scn_exit_name(uint32_t kind, char *buf, size_t size)
{
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		if (exits[i].kind == kind)
			return exits[i].name;
	}
	if (kind == SCN_EXIT_UNKNOWN)
		return "UNKNOWN";
	(void)kt_snprintf(buf, size, "UNKNOWN(%u)", kind); /* a cut name is still a name */
	return buf;
}

static uint32_t kind_of(const char *reason)
{
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		if (exits[i].reason && kt_streq(exits[i].reason, reason))
			return exits[i].kind;
	}
	return SCN_EXIT_UNKNOWN;
}

/* Append @len bytes of @s, cutting what does not fit. */
static void add_cut(char *buf, size_t size, const char *s, size_t len)
{
	size_t used = strlen(buf);

	if (len > size - 1 - used)
		len = size - 1 - used;
	memcpy(buf + used, s, len);
	buf[used + len] = '\0';
}

static void set_cut(char *buf, size_t size, const char *s, size_t len)
{
	buf[0] = '\0';
	add_cut(buf, size, s, len);
}

/*
 * The first exit is the cause; only an error after a plain unregistration (a reload) takes its
 * place.
 */
static bool takes_place(const struct scn_exit *x, uint32_t kind)
{
	return x->kind == SCN_EXIT_NONE || (x->kind < SCN_EXIT_ERROR && kind >= SCN_EXIT_ERROR);
}

static void set_exit(struct scn_exit *x, const char *name, size_t name_len, const char *reason,
		     size_t reason_len)
{
	char text[SCN_TEXT_MAX] = "";
	uint32_t kind;

	set_cut(text, sizeof(text), reason, reason_len);
	kind = kind_of(text);
	if (!takes_place(x, kind))
		return;
	memset(x, 0, sizeof(*x));
	x->kind = kind;
	set_cut(x->ops_name, sizeof(x->ops_name), name, name_len);
	set_cut(x->reason, sizeof(x->reason), reason, reason_len);
}

/*
 * An error so early that the kernel has no name for the scheduler: "ops error detected without ops
 * (MESSAGE)".
 */
static bool feed_nameless(struct scn_exit *x, const char *rest, size_t len)
{
	static const char words[] = "ops error detected without ops";
	size_t n = sizeof(words) - 1;

	if (len < n + 3 || strncmp(rest, words, n) != 0 || rest[n] != ' ' || rest[n + 1] != '(')
		return false;
	if (takes_place(x, SCN_EXIT_UNKNOWN)) {
		set_exit(x, "", 0, words, n);
		add_cut(x->message, sizeof(x->message), rest + n + 2, len - n - 3);
	}
	return true;
}

/* 'BPF scheduler "NAME" disabled (REASON)'; a sub-scheduler's end is not the scheduler's. */
static bool feed_disabled(struct scn_exit *x, const char *rest, size_t len)
{
	static const char words[] = "BPF scheduler \"";
	static const char middle[] = "\" disabled (";
	const char *name = rest + sizeof(words) - 1;
	const char *quote, *reason;

	if (!kt_starts_with(rest, words))
		return false;
	quote = strstr(name, middle);
	if (!quote)
		return false;
	reason = quote + sizeof(middle) - 1;
	if (rest + len <= reason || rest[len - 1] != ')')
		return false;
	set_exit(x, name, (size_t)(quote - name), reason, (size_t)(rest + len - 1 - reason));
	return true;
}

/* "NAME: MESSAGE" after the exit. */
static bool feed_message(struct scn_exit *x, const char *rest, size_t len)
{
	size_t n = strlen(x->ops_name);

	if (x->kind < SCN_EXIT_ERROR || !n || len < n + 2 || strncmp(rest, x->ops_name, n) != 0 ||
	    rest[n] != ':' || rest[n + 1] != ' ')
		return false;
	if (x->message[0])
		add_cut(x->message, sizeof(x->message), "\n", 1);
	add_cut(x->message, sizeof(x->message), rest + n + 2, len - n - 2);
	return true;
}

bool scn_exit_feed(struct scn_exit *x, const char *line)
{
	static const char prefix[] = "sched_ext: ";
	size_t len;

	if (!kt_starts_with(line, prefix))
		return false;
	line += sizeof(prefix) - 1;
	len = strlen(line);
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	return feed_disabled(x, line, len) || feed_nameless(x, line, len) ||
	       feed_message(x, line, len);
}

bool scn_exit_is_error(const struct scn_exit *x)
{
	/* The kernel prints a message after errors only, which tells an unknown word apart. */
	return x->kind >= SCN_EXIT_ERROR && (x->kind != SCN_EXIT_UNKNOWN || x->message[0]);
}

void scn_exit_describe(struct kt_buf *b, const struct scn_exit *x)
{
	char name[32];

	kt_buf_adds(b, scn_exit_name(x->kind, name, sizeof(name)));
	if (x->reason[0])
		kt_buf_addf(b, " (%s)", x->reason);
	if (x->message[0])
		kt_buf_addf(b, ": %s", x->message);
}

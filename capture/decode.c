/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers of sched_ext by their names. Those that mean the same in every kernel: include/linux/sched/ext.h, kernel/sched/ext.c
 * (6.12), kernel/sched/ext/internal.h (7.3), kernel/sched/sched.h.
 */
#include "capture/decode.h"

#include <inttypes.h>
#include <string.h>

#include "capture/capture.h"

struct bit {
	uint8_t nr;
	const char *name;
};

static const struct bit enq_bits[] = {
	{ 0, "WAKEUP" }, { 16, "HEAD" },       { 32, "PREEMPT" },  { 40, "REENQ" },
	{ 41, "LAST" },  { 56, "CLEAR_OPSS" }, { 57, "DSQ_PRIQ" }, { 58, "NESTED" },
};
static const struct bit task_bits[] = {
	{ 0, "QUEUED" },
	{ 2, "RESET_RUNNABLE_AT" },
	{ 3, "DEQD_FOR_SLEEP" },
};
static const struct bit kick_bits[] = { { 0, "IDLE" }, { 1, "PREEMPT" }, { 2, "WAIT" } };
/* 2 to 4 are of 6.12, 6 to 8 of 7.3; 17 was renamed. */
static const struct bit rq_bits[] = {
	{ 0, "ONLINE" },         { 1, "CAN_STOP_TICK" },     { 2, "BAL_PENDING" },
	{ 3, "BAL_KEEP" },       { 4, "BYPASSING" },         { 5, "CLK_VALID" },
	{ 6, "BAL_CB_PENDING" }, { 7, "SUB_IDLE_RENOTIFY" }, { 8, "ROOT_IDLE_RENOTIFY" },
	{ 16, "IN_WAKEUP" },     { 17, "IN_BALANCE" },
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))

/* Names of the bits that have one, and the rest as a number. */
static void add_bits(struct kt_buf *b, const struct bit *bit, size_t nr, uint64_t flags)
{
	const char *separator = "";

	for (size_t i = 0; i < nr; i++) {
		uint64_t mask = UINT64_C(1) << bit[i].nr;

		if (!(flags & mask))
			continue;
		kt_buf_addf(b, "%s%s", separator, bit[i].name);
		separator = "|";
		flags &= ~mask;
	}
	if (flags)
		kt_buf_addf(b, "%s0x%" PRIx64, separator, flags);
	else if (!*separator)
		kt_buf_adds(b, "NONE");
}

void cap_decode_dsq(struct kt_buf *b, uint64_t id)
{
	static const char *const builtin[] = { "INVALID", "GLOBAL", "LOCAL", "BYPASS" };

	switch (id >> 62) {
	case 3:
		kt_buf_addf(b, "SCX_DSQ_LOCAL_ON|%" PRIu32, (uint32_t)id);
		break;
	case 2:
		id &= ~(UINT64_C(1) << 63);
		if (id < NR(builtin))
			kt_buf_addf(b, "SCX_DSQ_%s", builtin[id]);
		else
			kt_buf_addf(b, "BUILTIN(%" PRIu64 ")", id);
		break;
	default:
		kt_buf_addf(b, "DSQ(0x%" PRIx64 ")", id);
		break;
	}
}

void cap_decode_enq_flags(struct kt_buf *b, uint64_t flags)
{
	add_bits(b, enq_bits, NR(enq_bits), flags);
}

/* The word of that number; *ret_len 0: there is none, or it is no name. */
static const char *find_word(const char *words, unsigned nr, size_t *ret_len)
{
	for (; words && nr; nr--) {
		words = strchr(words, ' ');
		words = words ? words + 1 : NULL;
	}
	*ret_len = words ? strspn(words, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") : 0;
	if (*ret_len && words[*ret_len] && words[*ret_len] != ' ')
		*ret_len = 0;
	return words;
}

void cap_decode_task_flags(struct kt_buf *b, uint64_t flags, const char *states)
{
	/* SCX_TASK_STATE_SHIFT and SCX_TASK_STATE_BITS: 2 of these in 6.12, whose third is not used; 3 in 7.2 and 7.3 */
	enum { STATE_SHIFT = 8, STATE_MASK = 7 };
	unsigned state = flags >> STATE_SHIFT & STATE_MASK;
	size_t len;
	const char *name = find_word(states, state, &len);

	flags &= ~((uint64_t)STATE_MASK << STATE_SHIFT);
	if (flags || !state)
		add_bits(b, task_bits, NR(task_bits), flags);
	if (state && len)
		kt_buf_addf(b, "%s%.*s", flags ? "|" : "", (int)len, name);
	else if (state)
		kt_buf_addf(b, "%sstate=%u", flags ? "|" : "", state);
}

void cap_decode_kick_flags(struct kt_buf *b, uint64_t flags)
{
	add_bits(b, kick_bits, NR(kick_bits), flags);
}

void cap_decode_rq_flags(struct kt_buf *b, uint64_t flags)
{
	add_bits(b, rq_bits, NR(rq_bits), flags);
}

void cap_decode_ops_state(struct kt_buf *b, uint64_t state)
{
	static const char *const names[] = { "NONE", "QUEUEING", "QUEUED", "DISPATCHING" };
	enum { QSEQ_SHIFT = 2 };

	kt_buf_adds(b, names[state % NR(names)]);
	if (state >> QSEQ_SHIFT)
		kt_buf_addf(b, " qseq=%" PRIu64, state >> QSEQ_SHIFT);
}

static void decode_exit_kind(struct kt_buf *b, uint64_t kind)
{
	char name[32];

	kt_buf_adds(b, cap_exit_kind_name((uint32_t)kind, name, sizeof(name)));
}

static const struct {
	const char *type; /* NULL: any */
	const char *name;
	void (*decode)(struct kt_buf *b, uint64_t value); /* NULL: flags of a task */
} members[] = {
	{ NULL, "dsq_id", cap_decode_dsq },
	{ NULL, "enq_flags", cap_decode_enq_flags },
	{ NULL, "kick_flags", cap_decode_kick_flags },
	{ NULL, "ops_state", cap_decode_ops_state },
	{ NULL, "exit_kind", decode_exit_kind },
	{ "sched_ext_entity", "flags", NULL },
	{ "scx_dispatch_q", "id", cap_decode_dsq },
	{ "scx_rq", "flags", cap_decode_rq_flags },
	{ "scx_exit_info", "kind", decode_exit_kind },
};

bool cap_decode_member(struct kt_buf *b, const char *type, const char *name, uint64_t value,
		       const char *task_states)
{
	for (size_t i = 0; i < NR(members); i++) {
		if (!kt_streq(members[i].name, name) ||
		    (members[i].type && (!type || !kt_streq(members[i].type, type))))
			continue;
		if (members[i].decode)
			members[i].decode(b, value);
		else
			cap_decode_task_flags(b, value, task_states);
		return true;
	}
	return false;
}
